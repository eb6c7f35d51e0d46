import { BREAKER_SCOPE, NONE, OUTLIER_FLAG, OUTLIER_METHOD, type RecordFields } from '../binding/abi.ts';
import { indexOf } from './compilation.ts';
import { addRespond } from './compile-respond.ts';
import type { ImageWriter } from './image-writer.ts';
import type { BreakerConfig, ClusterConfig, OutlierConfig } from './types.ts';

type FailoverFields = Pick<
  RecordFields<'CLUSTER'>,
  | 'limitConnections'
  | 'limitPending'
  | 'limitRequests'
  | 'limitRetries'
  | 'budgetPercent'
  | 'budgetMinPerSecond'
  | 'budgetWindowMs'
  | 'outlier'
  | 'breaker'
  | 'fallbackCluster'
  | 'fallbackRespond'
>;

/** What a CLUSTER says of its failing endpoints, and of itself failing. `clusters`: name -> index of CLUSTER. */
export function failoverFields(
  writer: ImageWriter,
  cluster: ClusterConfig,
  clusters: ReadonlyMap<string, number>,
): FailoverFields {
  const { limits, retryBudget, outlierDetection, circuitBreaker, fallback } = cluster;
  return {
    limitConnections: limits.maxConnections,
    limitPending: limits.maxPendingRequests,
    limitRequests: limits.maxRequests,
    limitRetries: limits.maxRetries,
    budgetPercent: retryBudget?.percent ?? NONE,
    budgetMinPerSecond: retryBudget?.minPerSecond ?? 0,
    budgetWindowMs: retryBudget?.windowMs ?? 0,
    outlier: outlierDetection === null || !detects(outlierDetection) ? NONE : writer.add('OUTLIER', outlierFields(outlierDetection)),
    breaker: circuitBreaker === null ? NONE : writer.add('BREAKER', breakerFields(circuitBreaker)),
    fallbackCluster: fallback?.kind === 'cluster' ? indexOf(clusters, fallback.cluster) : NONE,
    fallbackRespond: fallback?.kind === 'respond' ? addRespond(writer, fallback.respond) : NONE,
  };
}

/** Whether any of its detectors is on. */
export function detects(outlier: OutlierConfig): boolean {
  return (
    outlier.consecutive5xx > 0 ||
    outlier.consecutiveGatewayErrors > 0 ||
    outlier.consecutiveLocalErrors > 0 ||
    outlier.successRate !== null ||
    outlier.failurePercentage !== null ||
    outlier.latency !== null
  );
}

/** The numbers of an OUTLIER. */
export function outlierFields(outlier: OutlierConfig): RecordFields<'OUTLIER'> {
  const { successRate, failurePercentage, latency } = outlier;
  return {
    consecutive5xx: outlier.consecutive5xx,
    consecutiveGatewayErrors: outlier.consecutiveGatewayErrors,
    consecutiveLocalErrors: outlier.consecutiveLocalErrors,
    intervalMs: outlier.intervalMs,
    baseEjectionMs: outlier.baseEjectionMs,
    maxEjectionMs: outlier.maxEjectionMs,
    jitterMs: outlier.jitterMs,
    maxEjectionPercent: outlier.maxEjectionPercent,
    flags:
      (outlier.shadow ? OUTLIER_FLAG.shadow : 0) | (outlier.unejectOnHealthyCheck ? 0 : OUTLIER_FLAG.keepEjected),
    successMethod: OUTLIER_METHOD[successRate?.method ?? 'off'],
    successFactorMillis: successRate?.factorMillis ?? 0,
    successMinEndpoints: successRate?.minEndpoints ?? 0,
    successMinRequests: successRate?.minRequests ?? 0,
    failurePercent: failurePercentage?.percent ?? 0,
    failureMinEndpoints: failurePercentage?.minEndpoints ?? 0,
    failureMinRequests: failurePercentage?.minRequests ?? 0,
    latencyFactorMillis: latency?.factorMillis ?? 0,
    latencyQuantileMillis: latency?.quantileMillis ?? 0,
    latencyMinUs: (latency?.minLatencyMs ?? 0) * 1_000,
    latencyMinEndpoints: latency?.minEndpoints ?? 0,
    latencyMinRequests: latency?.minRequests ?? 0,
  };
}

const SCOPES = {
  cluster: BREAKER_SCOPE.cluster,
  endpoint: BREAKER_SCOPE.endpoint,
  both: BREAKER_SCOPE.cluster | BREAKER_SCOPE.endpoint,
} as const;

/** The numbers of a BREAKER. */
export function breakerFields(breaker: BreakerConfig): RecordFields<'BREAKER'> {
  return {
    scope: SCOPES[breaker.scope],
    thresholdMillis: breaker.thresholdMillis,
    windowMs: breaker.windowMs,
    minRequests: breaker.minRequests,
    intervalMs: breaker.intervalMs,
    maxIntervalMs: breaker.maxIntervalMs,
    jitterPercent: breaker.jitterPercent,
    probes: breaker.probes,
    successes: breaker.successes,
  };
}
