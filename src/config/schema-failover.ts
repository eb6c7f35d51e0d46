import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parsing, refuse } from './parsing.ts';
import { percent, share, thousandths } from './schema-percent.ts';
import { respond } from './schema-respond.ts';
import * as scalar from './schema-scalars.ts';

const MAX_FACTOR = 1_000;
const MIN_BREAKER_WINDOW_MS = 10;
const MIN_BUDGET_WINDOW_MS = 1_000;
const MAX_RETRIES_PER_SECOND = 1_000_000;
/** Of a budget: ten retries for every request are a retry storm already. */
const MAX_BUDGET_PERCENT = 1_000;

const time = scalar.durationUpTo(LIMITS.maxFailoverMs, scalar.positiveDuration);
const timeOrNone = scalar.durationUpTo(LIMITS.maxFailoverMs, scalar.duration);

function timeFrom(minMs: number, why: string) {
  return parsing(time, (ms) => (ms < minMs ? refuse(`the duration must be at least ${minMs}ms: ${why}`) : ms));
}

/** Something of which `false` is off and a mapping is on. */
export function switchable<S extends z.ZodType>(settings: S, keys: string) {
  return z.union([z.literal(false), settings], { error: `expected false, or a mapping with ${keys}` });
}

const atLeast = (what: number) => z.int().min(1).max(LIMITS.maxEndpoints).default(what);
const samples = (what: number) => scalar.count.min(1).default(what).describe('in the interval; endpoints with fewer are not judged');

const successRate = z.strictObject({
  method: z
    .enum(['deviation', 'mad'])
    .default('deviation')
    .describe('what "far below the others" means: standard deviations below the mean, or, robust in small clusters, scaled median absolute deviations below the median'),
  factor: thousandths(0.001, MAX_FACTOR).optional().describe('how many of them; default 1.9, with mad 3.5'),
  minEndpoints: atLeast(5).describe('that can be judged; with fewer, none is'),
  minRequests: samples(100),
});

const failurePercentage = z.strictObject({
  threshold: percent(1, 100).prefault(85).describe('share of failures that ejects'),
  minEndpoints: atLeast(5),
  minRequests: samples(50),
});

const latency = z.strictObject({
  factor: thousandths(1.001, MAX_FACTOR).prefault(3).describe("times the median of the endpoints' quantiles"),
  quantile: thousandths(0.5, 0.999).prefault(0.99).describe('of the time to the first byte'),
  minLatency: scalar.durationUpTo(LIMITS.maxBalancerTimeMs, scalar.duration).prefault('10ms').describe('faster endpoints are never outliers'),
  minEndpoints: atLeast(3),
  minRequests: samples(100),
});

const inARow = scalar.count.max(LIMITS.maxConsecutiveErrors);

const outlierSettings = z.strictObject({
  consecutive5xx: inARow.default(5).describe('answers 500 to 599 in a row; 0 = off'),
  consecutiveGatewayErrors: inARow.default(0).describe('answers 502, 503, 504 in a row; 0 = off'),
  consecutiveLocalErrors: inARow.default(5).describe('attempts in a row that got no answer; 0 = off'),
  interval: time.prefault('10s').describe('between two comparisons of the endpoints with each other'),
  baseEjectionTime: time.prefault('30s').describe('times the number of ejections in a row'),
  maxEjectionTime: time.optional().describe('default 300s, or baseEjectionTime where that is longer'),
  ejectionJitter: timeOrNone.prefault(0).describe('most that is added at random'),
  maxEjectionPercent: percent(0, 100).prefault(10).describe('of the endpoints; always at least one, and never the last available one'),
  shadow: z.boolean().default(false).describe('true: outliers are counted and logged, and stay'),
  unejectOnHealthyCheck: z.boolean().default(true).describe('a good active health check ends an ejection'),
  successRate: switchable(successRate, '"method", "factor", "minEndpoints" and "minRequests"').prefault({}),
  failurePercentage: switchable(failurePercentage, '"threshold", "minEndpoints" and "minRequests"').default(false),
  latency: switchable(latency, '"factor", "quantile", "minLatency", "minEndpoints" and "minRequests"').default(false),
});

export const outlierDetection = switchable(outlierSettings, 'its settings, or {} for the defaults')
  .optional()
  .describe('eject endpoints that fail; default: after 5 attempts in a row without an answer, for 10s; false = never');

export const circuitBreaker = z.strictObject({
  threshold: share(0.001, 1, 1000).prefault(0.5).describe('share of failures that opens it'),
  window: timeFrom(MIN_BREAKER_WINDOW_MS, 'it has 10 buckets').prefault('10s'),
  interval: time.prefault('5s').describe('how long it stays open; doubles with every reopening in a row'),
  maxInterval: time.optional().describe('default 300s, or interval where that is longer'),
  jitter: share(0, 1, 100).prefault(0.1).describe('share of that time that is added at random'),
  minRequests: scalar.count.min(1).default(20).describe('in the window, before it opens'),
  probes: z.int().min(1).max(LIMITS.maxBreakerProbes).default(1).describe('requests at once while half-open'),
  successes: z.int().min(1).max(LIMITS.maxBreakerProbes).default(1).describe('good probes that close it; one failure reopens it'),
  scope: z.enum(['cluster', 'endpoint', 'both']).default('both').describe('one breaker of the cluster, one of each endpoint, or both'),
});

export const fallback = z.strictObject({
  cluster: scalar.text.optional().describe('takes the request over'),
  respond: respond.optional(),
});

export const clusterLimits = z.strictObject({
  maxConnections: scalar.count.default(0),
  maxPendingRequests: scalar.count.default(0).describe('requests that wait for a connection'),
  maxRequests: scalar.count.default(0).describe('in flight'),
  maxRetries: scalar.count.default(0).describe('in flight'),
});

const budgetSettings = z.strictObject({
  percent: percent(0, MAX_BUDGET_PERCENT).prefault(20).describe('retries in percent of the requests of the window'),
  minPerSecond: z.int().min(0).max(MAX_RETRIES_PER_SECOND).default(10).describe('retries that are always allowed'),
  window: timeFrom(MIN_BUDGET_WINDOW_MS, 'it counts by seconds').prefault('10s'),
});

export const retryBudget = switchable(budgetSettings, '"percent", "minPerSecond" and "window"')
  .prefault({})
  .describe('what retries may add to the load; false = no bound. Connect failures do not draw on it');

/** What stands in `outlierDetection: {}`. */
export type ParsedOutlierDetection = z.output<typeof outlierDetection>;
export type ParsedCircuitBreaker = z.output<typeof circuitBreaker>;
export type ParsedFallback = z.output<typeof fallback>;
export type ParsedRetryBudget = z.output<typeof retryBudget>;
