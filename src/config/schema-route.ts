import * as z from 'zod';
import { LIMITS, METHODS } from '../binding/abi.ts';
import { selection } from './schema-balancer.ts';
import { fault } from './schema-fault.ts';
import { rateLimits } from './schema-rate.ts';
import { respond } from './schema-respond.ts';
import { hedge, propagateDeadline, retry } from './schema-retry.ts';
import * as scalar from './schema-scalars.ts';
import { routeTracing } from './schema-tracing.ts';

const predicate = z.union([
  z.string(),
  z.strictObject({
    present: z.boolean().optional().describe('true: it is there, with any value; false: it is not'),
    exact: z.string().optional(),
    prefix: scalar.text.optional(),
    suffix: scalar.text.optional(),
    contains: scalar.text.optional(),
    regex: scalar.regex.optional().describe('must match the whole value'),
    not: z.boolean().default(false).describe('turns the result round; an absent value then matches, too'),
  }),
]);

const match = z.strictObject({
  path: scalar.path.optional().describe('the whole path'),
  pathPrefix: scalar.path
    .optional()
    .describe('leading whole segments: "/v1" matches "/v1" and "/v1/x", not "/v10"; "/v1/" only what is below it'),
  pathRegex: scalar.regex.optional().describe('must match the whole normalised path'),
  methods: z.array(scalar.methodIn(METHODS)).min(1).optional(),
  headers: z.record(scalar.headerName, predicate).default({}),
  query: z.record(scalar.text, predicate).default({}),
});

const redirect = z.strictObject({
  status: z
    .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)], {
      error: 'expected 301, 302, 303, 307 or 308',
    })
    .default(308),
  scheme: z.enum(['http', 'https']).optional(),
  host: scalar.hostOnly.optional(),
  port: z.int().min(1).max(65_535).optional(),
  path: scalar.path.optional().describe('replaces the whole path'),
  prefix: scalar.path.optional().describe('replaces the matched prefix'),
  stripQuery: z.boolean().default(false),
});

function headerEdits(headerName: typeof scalar.editableRequestHeader) {
  return z
    .strictObject({
      set: z.record(headerName, scalar.headerValue).default({}).describe('replaces what is there'),
      add: z
        .record(headerName, z.union([scalar.headerValue, z.array(scalar.headerValue).min(1)]))
        .default({})
        .describe('keeps what is there'),
      remove: z.array(headerName).default([]),
    })
    .prefault({})
    .describe('remove, then set, then add');
}

const webSocket = z.strictObject({
  maxMessage: scalar
    .size(1, LIMITS.maxWebSocketMessage)
    .prefault('1MiB')
    .describe('largest message in either direction; a larger one closes the connection with 1009'),
  idleTimeout: scalar.duration
    .prefault('5m')
    .describe('between two frames in either direction, pings and pongs included; 0 = none'),
});

const route = z.strictObject({
  name: scalar.name.optional(),
  match: match.prefault({}),
  cluster: scalar.text.optional(),
  subset: selection.optional().describe('endpoints of the cluster whose metadata has all of these'),
  weightedClusters: z
    .array(
      z.strictObject({
        cluster: scalar.text,
        subset: selection.optional(),
        weight: z.int().min(0).max(LIMITS.maxWeight),
      }),
    )
    .min(1)
    .max(1_000)
    .optional(),
  redirect: redirect.optional(),
  respond: respond.optional(),
  timeout: scalar.duration
    .prefault('15s')
    .describe('from the whole request received to the head of the answer, retries included; 0 = none'),
  maxDuration: scalar.duration.prefault(0).describe('the whole exchange; 0 = none'),
  idleTimeout: scalar.duration.prefault('60s').describe('between two bytes in either direction; 0 = none'),
  requestTimeout: scalar.duration.prefault(0).describe('from the head of the request to its last byte, else 408; 0 = none'),
  retry: retry.prefault({}),
  hedge: hedge
    .optional()
    .describe('a second attempt, elsewhere, for a request that takes longer than most; {} = with the defaults below'),
  propagateDeadline,
  rewrite: z
    .strictObject({
      prefix: scalar.path.optional().describe('replaces the matched prefix'),
      path: scalar.path.optional().describe('replaces the whole path'),
      host: scalar.hostHeader.optional().describe('Host sent upstream'),
    })
    .prefault({}),
  requestHeaders: headerEdits(scalar.editableRequestHeader),
  responseHeaders: headerEdits(scalar.editableResponseHeader),
  maxRequestBody: scalar.size(0, Number.MAX_SAFE_INTEGER).prefault(0).describe('0 = no limit'),
  websocket: z
    .union([z.boolean(), webSocket], { error: 'expected true, false or a mapping with "maxMessage" and "idleTimeout"' })
    .default(false)
    .describe('true: proxy WebSocket upgrades, with the defaults below; false: an upgrade is forwarded as a plain GET'),
  rateLimit: rateLimits,
  fault: fault.optional().describe('injected on purpose, to see how callers bear it'),
  tracing: routeTracing.optional().describe('in place of tracing.sample; false: headers of traces are headers like others'),
});

export const virtualHost = z.strictObject({
  name: scalar.name.optional(),
  hosts: z.array(scalar.hostPattern).min(1).describe('exact names, "*.suffix" for one or more labels, or "*"'),
  rateLimit: rateLimits.describe('each is one counter for all routes of this virtual host'),
  routes: z.array(route).min(1),
});

/** What `websocket: true` stands for. */
export const WEBSOCKET_DEFAULTS = webSocket.parse({});

export type ParsedVirtualHost = z.output<typeof virtualHost>;
export type ParsedRoute = z.output<typeof route>;
export type ParsedPredicate = z.output<typeof predicate>;
export type ParsedHeaderEdits = ParsedRoute['requestHeaders'];
