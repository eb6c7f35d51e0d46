/** Parts of the running proxy. */
import * as z from 'zod';
import { json } from '../answer.ts';
import { operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';

export const RUNNING = [
  operation({
    method: 'GET',
    path: '/listeners',
    summary: 'addresses that are listened on, JSON',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'open listeners', schema: z.object({ listeners: z.array(z.object({ name: z.string(), host: z.string(), port: z.int(), tls: z.boolean() })) }) }],
    handle: ({ view }) => json(200, { listeners: view.listeners }),
  }),
];
