/** The state of everything at a glance. */
import * as z from 'zod';
import { BREAKER_STATE, HEALTH } from '../../binding/abi.ts';
import { JSON_TYPE, versionHeaders } from '../answer.ts';
import { latenciesSchema } from '../latency.ts';
import { operation } from '../operation.ts';
import { flag } from '../operation-query.ts';
import { Shared } from '../shared.ts';
import { stats } from '../stats.ts';
import { NO_CONFIG, noConfig } from './no-config.ts';

const count = z.int().nonnegative();
const responses = z.object({ '1xx': count, '2xx': count, '3xx': count, '4xx': count, '5xx': count, none: count }).describe('by class of the status; none: the client was cut off, or had left');
const latencyMs = latenciesSchema.optional();
const keys = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];

const endpoint = z.object({
  address: z.string(), weight: count, drain: z.boolean(), priority: count, backup: z.boolean(), zone: z.string().nullable(),
  health: z.object({ state: z.enum(['available', 'unavailable']), reasons: z.array(z.enum(keys(HEALTH))), since: z.iso.datetime().nullable(), until: z.iso.datetime().nullable() }),
  active: count, requests: count, responses: count, failures: count, latencyMs,
});

export const statsSchema = z.object({
  at: z.iso.datetime(),
  version: z.int(),
  uptimeMs: z.number(),
  process: z.object({
    rssBytes: count, cpuSeconds: z.number(), connections: count, requests: count, bytesReceived: count, bytesSent: count,
    flags: z.record(z.string(), count).describe('requests by response flag, those that occurred'), webSockets: count,
  }),
  workers: z.array(z.object({ id: count, state: z.string(), restarts: count })),
  listeners: z.array(z.object({ name: z.string(), requests: count, active: count, connections: count, responses, bytesReceived: count, bytesSent: count, latencyMs })),
  routes: z.array(z.object({ name: z.string(), table: z.string(), host: z.string(), requests: count, responses, retries: count, timeouts: count, rateLimited: count, latencyMs })).optional().describe('those that have taken a request'),
  clusters: z.array(z.object({
    name: z.string(), policy: z.string(), requests: count, active: count, pending: count, responses, retries: count, hedges: count,
    breaker: z.enum(keys(BREAKER_STATE)).nullable(), latencyMs, endpoints: z.array(endpoint).optional(),
  })),
});

/** Those who ask at the same time get the same answer. */
const answers = new Shared();

export const STATS = [
  operation({
    method: 'GET',
    path: '/stats',
    summary: 'requests, errors, latencies and health of listeners, routes, clusters and endpoints, JSON; ?routes=0, ?endpoints=0, ?histograms=0 leave parts out',
    access: 'read',
    query: z.object({
      routes: flag.default(true).describe('0: without routes'),
      endpoints: flag.default(true).describe('0: without endpoints'),
      histograms: flag.default(true).describe('0: without latencies'),
    }),
    body: null,
    answers: [{ status: 200, description: 'what the proxy is doing', schema: statsSchema }, NO_CONFIG],
    handle: ({ view, query }) =>
      answers.get(view, JSON.stringify(query), async () => {
        const shown = await stats(view, query);
        return shown === null ? noConfig() : { status: 200, type: JSON_TYPE, body: Buffer.from(`${shown.text}\n`), headers: versionHeaders(shown.version) };
      }),
  }),
];
