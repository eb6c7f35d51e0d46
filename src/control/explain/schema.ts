/** The shape of an explanation: what POST /explain answers, and what `millrace explain --json` prints. */
import * as z from 'zod';

const nullable = <T extends z.ZodType>(schema: T) => schema.nullable();
const milliseconds = z.number().describe('milliseconds');

const outcome = z.strictObject({
  kind: z.enum(['forward', 'redirect', 'respond', 'refused', 'noRoute', 'mixed']).describe('mixed: it is not the same for all clusters that it may go to'),
  routed: z.boolean().describe('a route answers, be it by an upstream, a redirect or a direct response'),
  certain: z.boolean().describe('no draw decides between this and something else'),
  status: nullable(z.int()).describe('of the answer, where it is known'),
  flag: nullable(z.string()).describe('the response flag of the log'),
  text: z.string(),
});

const breaker = z.strictObject({
  state: z.enum(['closed', 'open', 'halfOpen']),
  requests: z.int().describe('in its window'),
  failures: z.int(),
  threshold: z.number().describe('share of failures that opens it'),
  minRequests: z.int(),
  leftMs: milliseconds.describe('until its first probe, while open'),
  probes: z.strictObject({ held: z.int(), most: z.int(), successes: z.int(), needed: z.int() }),
});

const limit = z.strictObject({
  name: z.string(),
  algorithm: z.string(),
  requests: z.int(),
  windowMs: milliseconds,
  burst: z.int(),
  shadow: z.boolean(),
  key: z.array(z.strictObject({ kind: z.string(), name: z.string(), value: nullable(z.string()) })),
  counts: z.boolean().describe('false: a part of the key is missing, so this request is not counted'),
  refuses: z.boolean().describe('it would be over the limit; in shadow that is counted only'),
  left: nullable(z.int()).describe('requests that would still be let through'),
  resetMs: nullable(milliseconds),
  retryAfterMs: nullable(milliseconds),
  shared: z.boolean().describe('the table is full: counted together with other clients'),
});

const gate = z.strictObject({
  refused: nullable(z.strictObject({ by: z.string(), status: z.int(), retryAfterS: z.int() })),
  limits: z.array(limit),
});

const failure = z.strictObject({
  kind: z.enum(['method', 'header', 'query']),
  name: z.string(),
  op: z.string(),
  expected: z.string(),
  negate: z.boolean(),
  actual: z.array(z.string()),
  text: z.string(),
});

const step = z.strictObject({
  route: z.string(),
  path: z.strictObject({ kind: z.enum(['exact', 'prefix', 'regex']), value: z.string() }),
  failed: nullable(failure).describe('the first condition that does not hold'),
});

const match = z.strictObject({
  table: z.string(),
  probes: z.array(z.strictObject({ host: z.string(), virtualHost: nullable(z.string()) })).describe('names that were looked up, in order'),
  virtualHost: nullable(z.strictObject({ name: z.string(), hosts: z.array(z.string()) })),
  tried: z.array(step).describe('routes whose path matches, in the order in which they were asked; the winner is the last'),
  notReached: z.array(step.extend({ text: z.string() })).describe('routes whose path matches, too, but another one came first'),
  notReachedMore: z.int(),
  route: nullable(z.string()),
});

const head = z.strictObject({ line: z.string(), headers: z.array(z.tuple([z.string(), z.string()])) });
const action = z.enum(['cluster', 'weightedClusters', 'redirect', 'respond']);

const route = z.strictObject({
  name: z.string(),
  table: z.string(),
  virtualHost: z.string(),
  action,
  rateLimits: nullable(gate),
  body: z.strictObject({ maxBytes: nullable(z.int()), tooLarge: z.boolean() }),
  upstream: nullable(head).describe('the head as it goes upstream; ids, cookies and keys that are made up are examples'),
  answer: nullable(head.extend({ body: nullable(z.string()) })).describe('of a redirect or direct response'),
  responseHeaders: z.strictObject({ remove: z.array(z.string()), set: z.array(z.tuple([z.string(), z.string()])), add: z.array(z.tuple([z.string(), z.string()])) }),
  timeouts: z.strictObject({ timeoutMs: milliseconds, perTryTimeoutMs: milliseconds, maxDurationMs: milliseconds, idleTimeoutMs: milliseconds, requestTimeoutMs: milliseconds }).describe('0 = none'),
  retry: nullable(z.strictObject({ attempts: z.int(), on: z.array(z.string()), statuses: z.array(z.int()), backoff: z.strictObject({ baseMs: milliseconds, maxMs: milliseconds }), repeatable: z.boolean().describe('may be sent again although an upstream may have acted on it') })),
  hedge: nullable(z.strictObject({ applies: z.boolean(), delayMs: nullable(milliseconds).describe('null: too little is known yet'), budgetPercent: z.number() })),
  deadline: nullable(z.strictObject({ header: z.string(), askedMs: nullable(milliseconds), believed: z.boolean(), expired: z.boolean(), sentMs: nullable(milliseconds) })),
  webSocket: nullable(z.strictObject({ proxied: z.boolean(), refused: nullable(z.strictObject({ reason: z.string(), status: z.int(), text: z.string() })) })).describe('of a request with Upgrade'),
  fault: nullable(z.strictObject({ abort: nullable(z.strictObject({ status: z.int(), percent: z.number() })), delay: nullable(z.strictObject({ ms: milliseconds, percent: z.number() })) })),
});

const used = z.strictObject({ now: z.int(), limit: z.int().describe('0 = none') });

const candidate = z.strictObject({
  endpoint: z.string(),
  share: nullable(z.number()).describe('how likely the next request is to go there, from 0 to 1; null = not known'),
  given: z.boolean().describe('it may be given now'),
  why: z.string().describe('why not, or what speaks against it'),
  group: nullable(z.int()),
  priority: z.int(),
  backup: z.boolean(),
  zone: nullable(z.string()),
  weight: z.number(),
  effectiveWeight: nullable(z.number()).describe('after slow start'),
  health: z.array(z.string()).describe('HEALTH bits that are set'),
  evidence: nullable(z.string()).describe('what was seen, and since when'),
  until: nullable(z.string()),
  active: z.int(),
  maxRequests: z.int(),
  connections: z.int(),
  maxConnections: z.int(),
  latencyMs: nullable(milliseconds),
  score: nullable(z.number()).describe('what the policy compares: the lower the better; null = it compares nothing'),
  report: nullable(z.strictObject({ inFlight: z.int(), latencyMs: milliseconds })),
  breaker: nullable(breaker),
});

const station = z.strictObject({
  cluster: z.string(),
  subset: nullable(z.string()),
  takes: z.boolean(),
  text: z.string(),
  policy: z.string(),
  scoring: z.string().describe('what the policy goes by'),
  active: z.int(),
  limits: z.record(z.string(), used),
  breaker: nullable(breaker),
  retryBudget: nullable(z.strictObject({ requests: z.int(), allowed: z.int(), spent: z.int(), left: z.int() })),
  hash: nullable(z.strictObject({
    present: z.boolean(),
    madeUp: z.boolean().describe('a cookie that the client would be given: another request will have another'),
    value: nullable(z.string()),
    sources: z.array(z.strictObject({ kind: z.string(), name: z.string(), value: nullable(z.string()) })),
    owner: nullable(z.string()).describe('whom the hash belongs to, whatever the load'),
    bound: nullable(z.strictObject({ totalActive: z.int(), ownerActive: z.int(), ownerMost: z.int(), overflow: z.boolean() })).describe('of bounded load'),
  })),
  pick: z.strictObject({ result: z.enum(['picked', 'drawn', 'full', 'none']), endpoint: nullable(z.string()), sharesKnown: z.boolean(), lastResort: z.boolean() }),
  groups: z.array(z.strictObject({ priority: z.int(), share: z.number(), part: z.enum(['all', 'local', 'remote']), panicking: z.boolean(), endpoints: z.int() })),
  candidates: z.array(candidate).describe('the likeliest first'),
  candidatesMore: z.int(),
  fallback: nullable(z.string()),
});

const request = z.strictObject({
  method: z.string(),
  target: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  refused: nullable(z.strictObject({ reason: z.string(), status: z.int(), text: z.string() })),
  host: nullable(z.string()).describe('lower case, without port'),
  path: nullable(z.string()).describe('normalised: what routes are compared with'),
  rawPath: nullable(z.string()),
  query: nullable(z.string()),
  peer: nullable(z.string()),
  client: nullable(z.string()).describe('whom limits and hashes go by'),
  trusted: z.boolean().describe('what the peer forwards is believed'),
});

export const explanation = z
  .strictObject({
    at: z.string(),
    version: z.int(),
    live: z.boolean().describe('false: nobody runs this configuration, so nothing is known of endpoints and limits'),
    outcome,
    listener: z.strictObject({ name: z.string(), address: z.string(), tls: z.boolean(), routes: z.string(), rateLimits: nullable(gate) }),
    request,
    match: nullable(match),
    route: nullable(route),
    clusters: z.array(z.strictObject({ cluster: z.string(), share: z.number(), chain: z.array(station).describe('the cluster, and the fallbacks that are asked after it') })),
  })
  .meta({ id: 'Explanation' });

export type Explanation = z.output<typeof explanation>;
export type ExplainedGate = z.output<typeof gate>;
export type ExplainedLimit = z.output<typeof limit>;
export type ExplainedStep = z.output<typeof step>;
export type ExplainedMatch = z.output<typeof match>;
export type ExplainedRoute = z.output<typeof route>;
export type ExplainedStation = z.output<typeof station>;
export type ExplainedCandidate = z.output<typeof candidate>;
export type ExplainedBreaker = z.output<typeof breaker>;
export type Outcome = z.output<typeof outcome>;
