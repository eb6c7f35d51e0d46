/** The process itself: its threads, its end, what it logs. */
import * as z from 'zod';
import { LOG_LEVELS } from '../../config/types.ts';
import { json, problem } from '../answer.ts';
import { operation } from '../operation.ts';
import { flag, NO_QUERY } from '../operation-query.ts';
import { errorSchema } from './no-config.ts';

const SMALL_BODY_BYTES = 4 * 1024;
const level = z.enum(LOG_LEVELS);
const phase = z.enum(['starting', 'serving', 'draining', 'stopped']);
const logLevel = z.object({ level, configured: level.describe('what the configuration says') });
const stopping = z.object({ phase, drainTimeoutMs: z.int().describe('for what is in flight') });

export const CONTROL = [
  operation({
    method: 'GET',
    path: '/workers',
    summary: 'worker threads with their states, JSON',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [
      {
        status: 200,
        description: 'all of them; one that died is replaced under its index',
        schema: z.object({
          phase,
          workers: z.array(z.object({ index: z.int(), state: z.enum(['starting', 'running', 'stopping', 'exited']), restarts: z.int(), startedAt: z.iso.datetime() })),
        }),
      },
    ],
    handle: ({ view }) =>
      json(200, { phase: view.phase, workers: view.workers.map(({ index, state, restarts, startedAtMs }) => ({ index, state, restarts, startedAt: new Date(startedAtMs).toISOString() })) }),
  }),
  operation({
    method: 'GET',
    path: '/log-level',
    summary: 'what is logged, JSON',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'the level in force', schema: logLevel }],
    handle: ({ view: { logLevels } }) => json(200, { level: logLevels.level, configured: logLevels.configured }),
  }),
  operation({
    method: 'PUT',
    path: '/log-level',
    summary: 'sets what is logged, on all threads: {"level": "debug"}',
    description: 'Holds until the configuration names another level than it does now.',
    access: 'change',
    query: NO_QUERY,
    body: { kind: 'json', schema: z.strictObject({ level }), maxBytes: SMALL_BODY_BYTES },
    answers: [
      {
        status: 200,
        description: 'the level in force; a worker that was not told was being replaced, and comes back with it',
        schema: logLevel.extend({ workers: z.array(z.object({ index: z.int(), told: z.boolean() })) }),
      },
    ],
    async handle({ view, body, who }) {
      const from = view.logLevels.level;
      const outcome = await view.logLevels.set(body.level);
      view.audit({ who, what: 'PUT /log-level', outcome: 'applied', diff: [{ path: 'log.level', from, to: body.level }] });
      return json(200, outcome);
    },
  }),
  operation({
    method: 'POST',
    path: '/drain',
    summary: 'takes no more connections and finishes what is in flight; /ready says 503, the process stays',
    description: 'WebSockets are told to go away when drainTimeout is over. There is no way back: end it with POST /shutdown or SIGTERM.',
    access: 'change',
    query: NO_QUERY,
    body: null,
    answers: [
      { status: 202, description: 'it drains, or did already', schema: stopping },
      { status: 409, description: 'it does not serve yet', schema: errorSchema },
    ],
    handle({ view, who }) {
      if (!view.drain(`POST /drain by ${who}`)) {
        const why = `the proxy is ${view.phase}, not serving: POST /shutdown ends it`;
        view.audit({ who, what: 'POST /drain', outcome: 'refused', why });
        return problem(409, why);
      }
      view.audit({ who, what: 'POST /drain', outcome: 'applied' });
      return json(202, { phase: view.phase, drainTimeoutMs: view.running?.config.drainTimeoutMs ?? 0 });
    },
  }),
  operation({
    method: 'POST',
    path: '/shutdown',
    summary: 'drains and ends the process; ?now=1 cuts off what is in flight',
    access: 'change',
    query: z.object({ now: flag.default(false).describe('do not wait for what is in flight') }),
    body: null,
    answers: [{ status: 202, description: 'the end has begun', schema: stopping }],
    handle({ view, who, query: { now } }) {
      const reason = `POST /shutdown by ${who}`;
      view.audit({ who, what: `POST /shutdown${now ? '?now=1' : ''}`, outcome: 'applied' });
      // Not waited for: this answer is sent while there is still a server.
      void (now ? view.stopNow(reason) : view.shutdown(reason));
      return json(202, { phase: view.phase, drainTimeoutMs: now ? 0 : (view.running?.config.drainTimeoutMs ?? 0) });
    },
  }),
];
