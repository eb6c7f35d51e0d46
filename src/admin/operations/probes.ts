/** Whether the proxy lives, and wants traffic. */
import { text, TEXT_TYPE } from '../answer.ts';
import { operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';

export const PROBES = [
  operation({
    method: 'GET',
    path: '/ready',
    summary: '200 when traffic should be sent here, else 503 with the reason',
    access: 'open',
    query: NO_QUERY,
    body: null,
    answers: [
      { status: 200, description: 'traffic should be sent here', types: [TEXT_TYPE] },
      { status: 503, description: 'why it should not', types: [TEXT_TYPE] },
    ],
    handle({ view }) {
      const { ready, reason } = view.readiness();
      return ready ? text(200, 'ready\n') : text(503, `not ready: ${reason}\n`);
    },
  }),
  operation({
    method: 'GET',
    path: '/live',
    summary: '200 while the process lives',
    access: 'open',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'the process lives', types: [TEXT_TYPE] }],
    handle: () => text(200, 'live\n'),
  }),
];
