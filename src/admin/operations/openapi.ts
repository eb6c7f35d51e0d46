/** What describes the others, and itself. */
import * as z from 'zod';
import { json, type AdminAnswer } from '../answer.ts';
import { openApi } from '../openapi.ts';
import { operation, type Operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';

/** Made when it is first asked for; operations do not change while the process lives. */
const documents = new WeakMap<readonly Operation[], AdminAnswer>();

export const OPENAPI = [
  operation({
    method: 'GET',
    path: '/openapi.json',
    summary: 'this port as an OpenAPI document',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string(), info: z.looseObject({ title: z.string(), version: z.string() }), paths: z.record(z.string(), z.unknown()), components: z.looseObject({}) }) }],
    handle({ admin: { operations } }) {
      const document = documents.get(operations) ?? json(200, openApi(operations));
      documents.set(operations, document);
      return document;
    },
  }),
];
