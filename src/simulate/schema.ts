/** Schema of a scenario file. What a cluster has too is the configuration's own piece of schema. */
import * as z from 'zod';
import { LIMITS, POLICY } from '../binding/abi.ts';
import { suggest } from '../config/nearest.ts';
import { isRefusal, parsing, refuse } from '../config/parsing.ts';
import { balancer } from '../config/schema-balancer.ts';
import { circuitBreaker, outlierDetection, retryBudget, switchable } from '../config/schema-failover.ts';
import { rateLimit } from '../config/schema-rate.ts';
import { retry } from '../config/schema-retry.ts';
import * as scalar from '../config/schema-scalars.ts';
import type { PolicyName } from '../config/types.ts';
import { amount, checkLoads, fraction, parseLoads, ratePerSecond, span } from './scalars.ts';

const HOUR = 3600;
const MAX_POLICIES = 32;
export const POLICY_NAMES = Object.keys(POLICY) as PolicyName[];
const MOST_REQUESTS = 1e9;
/** A proxy has its own plan of all endpoints. */
export const MOST_PROXIES = 1000;
const MOST_LABEL = 60;
const MOST_TITLE = 200;

/** Shown in tables and plots; anything that would break a line of a terminal is refused. */
const labelUpTo = (most: number) => parsing(z.string(), (value) => {
  if (scalar.hasControlCharacters(value) || /[\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(value)) return refuse('a name in tables and plots has no control characters');
  return value.trim() === '' || value.length > most ? refuse(`expected a text of 1 to ${most} characters`) : value.trim();
});
const label = labelUpTo(MOST_LABEL);

export const SERVICE_TIMES = ['fixed', 'exponential', 'lognormal'] as const;
const time = span(1e-6, HOUR);

export const serviceTime = parsing(
  z.strictObject({
    fixed: time.optional().describe('always this long'),
    exponential: time.optional().describe('the mean'),
    lognormal: z.strictObject({ median: time, p99: time }).optional().describe('a long tail: half take longer than the median, one in a hundred longer than p99'),
  }),
  ({ fixed, exponential, lognormal }) => {
    // The rules let exactly one through.
    if (fixed !== undefined) return { kind: 'fixed' as const, meanSeconds: fixed };
    if (exponential !== undefined) return { kind: 'exponential' as const, meanSeconds: exponential };
    const { median, p99 } = lognormal ?? { median: 1, p99: 1 };
    if (p99 < median) return refuse('"p99" is less than "median"');
    return { kind: 'lognormal' as const, medianSeconds: median, p99Seconds: p99 };
  },
);

const group = z.strictObject({
  name: label.optional().describe('in tables and plots; default: group 1, group 2 ...'),
  count: z.int().min(1).max(LIMITS.maxEndpoints).default(1).describe('endpoints of this kind'),
  serviceTime,
  concurrency: z.int().min(1).max(65_536).default(4).describe('requests that an endpoint works on at once; more wait in its queue'),
  queue: z.int().min(0).max(10_000_000).default(1000).describe('requests that wait in front of an endpoint; one more is refused with 503'),
  weight: z.int().min(0).max(LIMITS.maxWeight).default(1).describe('as in a cluster'),
  priority: z.int().min(0).max(LIMITS.maxPriority).default(0).describe('as in a cluster'),
  maxRequests: scalar.count.default(0).describe('most requests in flight from one proxy, as in a cluster; 0 = no limit'),
  fails: fraction.default(0).describe('share of its answers that are a 500'),
  reports: z.boolean().default(true).describe('whether it says in its answers how busy it is, for prequal'),
});

const change = z.strictObject({
  at: span(0, 24 * HOUR).describe('since the start'),
  for: span(1e-6, 24 * HOUR).optional().describe('how long; default: to the end'),
  group: z.string().describe('name of a group of endpoints'),
  share: fraction.default(1).describe('of the endpoints of the group'),
  serviceTime: serviceTime.optional(),
  factor: z.number().min(0.001).max(10_000).optional().describe('times the service time'),
  fails: fraction.optional().describe('share of the requests that they answer with 500'),
  down: z.boolean().optional().describe('true: connections are refused'),
});

const policyName = parsing(z.string().meta({ enum: POLICY_NAMES }), (value) => {
  const known = POLICY_NAMES.find((name) => name === value);
  return known ?? refuse(`${JSON.stringify(value)} is no policy`, suggest(value, POLICY_NAMES));
});

const limit = rateLimit
  .pick({ requests: true, window: true, algorithm: true, burst: true })
  .extend({ keys: amount(1, 1_048_576).default(1).describe('clients that requests come from at random, each with its own counter') });

const retries = retry
  .pick({ on: true, perTryTimeout: true, backoff: true })
  .extend({ attempts: z.int().min(0).max(LIMITS.maxRetries).default(0).describe('after the first') });

/** A policy, and what goes with it instead of what the scenario says for all. */
const candidate = z.union([
  policyName,
  balancer.extend({
    label: label.optional().describe('in tables and plots; default: the policy with its settings'),
    circuitBreaker: switchable(circuitBreaker, 'its settings, or {} for the defaults').optional(),
    outlierDetection,
    rateLimit: switchable(limit, '"requests" and "window"').optional(),
    retry: retries.optional(),
  }),
]);

const load = z.union(
  [
    parsing(z.string(), parseLoads),
    parsing(z.number(), (value) => checkLoads([value])),
    parsing(z.array(z.union([z.number(), z.string()])).min(1), (values) => {
      const parsed = values.map((value) => (typeof value === 'number' ? [value] : parseLoads(value)));
      return parsed.find(isRefusal) ?? checkLoads(parsed.flatMap((loads) => (isRefusal(loads) ? [] : loads)));
    }),
  ],
  { error: 'expected shares of the capacity, such as 0.7, [0.5, 0.8] or 0.5..1.2' },
);

export const scenarioSchema = z.strictObject({
  title: labelUpTo(MOST_TITLE).optional(),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1).describe('the same seed gives the same result, to the last digit'),
  requests: amount(1, MOST_REQUESTS).default(200_000).describe('of each cell, that is for each policy at each load'),
  duration: span(0.001, 24 * HOUR).optional().describe('virtual time of each cell, instead of "requests"'),
  proxies: z.int().min(1).max(MOST_PROXIES).default(1).describe('that share the load evenly and do not see each other'),
  load: load.optional().describe('shares of the capacity of all endpoints together: 0.8, [0.5, 0.8] or 0.5..1.2:0.1'),
  rate: ratePerSecond(0.001, 1e9).optional().describe('requests per second of all proxies together, instead of "load"'),
  focus: z.number().positive().optional().describe('the load of which everything is shown; default: the one of "load" nearest to 0.8'),
  policies: z.array(candidate).min(1).max(MAX_POLICIES).describe('what is compared: names, or mappings as "balancer" of a cluster'),
  arrivals: z
    .union([z.enum(['poisson', 'uniform']), z.strictObject({ bursts: z.strictObject({ on: time, off: time }) })], {
      error: 'expected poisson, uniform or { bursts: { on, off } }',
    })
    .default('poisson')
    .describe('bursts: all requests come in "on", at a rate that has the wanted mean together with "off"'),
  keys: z
    .strictObject({
      count: amount(1, 1e9).default(10_000),
      zipf: z.number().min(0).max(10).default(0).describe('0: all equally often; 1: the n-th has 1/n of the first one'),
    })
    .prefault({})
    .describe('what hash policies decide by'),
  network: span(0, 10).prefault('0.5ms').describe('between proxy and endpoint, each way'),
  timeout: span(0.001, HOUR).prefault('1s').describe('of a request; then it has failed'),
  retry: retries.prefault({}).describe('as of a route, but none by default'),
  retryBudget,
  endpoints: z.array(group).min(1).max(64),
  changes: z.array(change).max(256).default([]).describe('what happens meanwhile'),
  circuitBreaker: circuitBreaker.optional().describe('as in a cluster; default: none'),
  outlierDetection,
  rateLimit: limit.optional().describe('of each proxy; default: none'),
});

export type ScenarioInput = z.input<typeof scenarioSchema>;
export type ParsedScenario = z.output<typeof scenarioSchema>;
export type ParsedRateLimit = z.output<typeof limit>;
export type ParsedRetries = z.output<typeof retries>;
