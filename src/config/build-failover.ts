import { buildRespond } from './build-respond.ts';
import type { ConfigFiles } from './files.ts';
import type {
  ParsedCircuitBreaker,
  ParsedFallback,
  ParsedOutlierDetection,
  ParsedRetryBudget,
} from './schema-failover.ts';
import type { BreakerConfig, FallbackConfig, OutlierConfig, RetryBudgetConfig } from './types.ts';

/** Longest ejection and longest time that a breaker stays open, unless the first one is longer already. */
const DEFAULT_MAX_MS = 300_000;
const DEFAULT_FACTOR_MILLIS = { deviation: 1_900, mad: 3_500 } as const;

/** Without the key: an endpoint that gives no answer several times in a row is left alone for a while. */
const DEFAULT_OUTLIER: OutlierConfig = {
  consecutive5xx: 0,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 5,
  intervalMs: 10_000,
  baseEjectionMs: 10_000,
  maxEjectionMs: DEFAULT_MAX_MS,
  jitterMs: 0,
  maxEjectionPercent: 50,
  shadow: false,
  unejectOnHealthyCheck: true,
  successRate: null,
  failurePercentage: null,
  latency: null,
};

export function buildOutlierDetection(parsed: ParsedOutlierDetection): OutlierConfig | null {
  if (parsed === undefined) return DEFAULT_OUTLIER;
  if (parsed === false) return null;
  const { baseEjectionTime, successRate, failurePercentage, latency } = parsed;
  return {
    consecutive5xx: parsed.consecutive5xx,
    consecutiveGatewayErrors: parsed.consecutiveGatewayErrors,
    consecutiveLocalErrors: parsed.consecutiveLocalErrors,
    intervalMs: parsed.interval,
    baseEjectionMs: baseEjectionTime,
    maxEjectionMs: parsed.maxEjectionTime ?? Math.max(baseEjectionTime, DEFAULT_MAX_MS),
    jitterMs: parsed.ejectionJitter,
    maxEjectionPercent: parsed.maxEjectionPercent,
    shadow: parsed.shadow,
    unejectOnHealthyCheck: parsed.unejectOnHealthyCheck,
    successRate:
      successRate === false
        ? null
        : {
            method: successRate.method,
            factorMillis: successRate.factor ?? DEFAULT_FACTOR_MILLIS[successRate.method],
            minEndpoints: successRate.minEndpoints,
            minRequests: successRate.minRequests,
          },
    failurePercentage:
      failurePercentage === false
        ? null
        : {
            percent: failurePercentage.threshold,
            minEndpoints: failurePercentage.minEndpoints,
            minRequests: failurePercentage.minRequests,
          },
    latency:
      latency === false
        ? null
        : {
            factorMillis: latency.factor,
            quantileMillis: latency.quantile,
            minLatencyMs: latency.minLatency,
            minEndpoints: latency.minEndpoints,
            minRequests: latency.minRequests,
          },
  };
}

export function buildBreaker(parsed: ParsedCircuitBreaker | undefined): BreakerConfig | null {
  if (parsed === undefined) return null;
  return {
    scope: parsed.scope,
    thresholdMillis: parsed.threshold,
    windowMs: parsed.window,
    minRequests: parsed.minRequests,
    intervalMs: parsed.interval,
    maxIntervalMs: parsed.maxInterval ?? Math.max(parsed.interval, DEFAULT_MAX_MS),
    jitterPercent: parsed.jitter,
    probes: parsed.probes,
    successes: parsed.successes,
  };
}

/** The rules let exactly one of the two through. */
export function buildFallback(parsed: ParsedFallback | undefined, files: ConfigFiles): FallbackConfig | null {
  if (parsed?.respond !== undefined) return { kind: 'respond', respond: buildRespond(parsed.respond, files) };
  return parsed?.cluster === undefined ? null : { kind: 'cluster', cluster: parsed.cluster };
}

export function buildRetryBudget(parsed: ParsedRetryBudget): RetryBudgetConfig | null {
  if (parsed === false) return null;
  return { percent: parsed.percent, minPerSecond: parsed.minPerSecond, windowMs: parsed.window };
}
