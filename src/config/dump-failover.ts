import {
  BREAKER_SCOPE,
  CLUSTER_FLAG,
  NONE,
  OUTLIER_FLAG,
  OUTLIER_METHOD,
  type RecordFields,
} from '../binding/abi.ts';
import { dumpRespond } from './dump-respond.ts';
import type { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

/** What a cluster does about failures. Active health checks are not part of an image, only that there are some. */
export function dumpFailover(reader: ImageReader, row: RecordFields<'CLUSTER'>): object {
  return {
    tlsHandshakeTimeoutMs: row.tlsTimeoutMs,
    healthChecked: (row.flags & CLUSTER_FLAG.healthChecked) !== 0,
    outlierDetection: row.outlier === NONE ? false : dumpOutlier(reader.row('OUTLIER', row.outlier)),
    circuitBreaker: row.breaker === NONE ? null : dumpBreaker(reader.row('BREAKER', row.breaker)),
    fallback: dumpFallback(reader, row),
    limits: {
      maxConnections: row.limitConnections,
      maxPendingRequests: row.limitPending,
      maxRequests: row.limitRequests,
      maxRetries: row.limitRetries,
    },
    retryBudget:
      row.budgetPercent === NONE
        ? false
        : { percent: row.budgetPercent, minPerSecond: row.budgetMinPerSecond, windowMs: row.budgetWindowMs },
  };
}

function dumpFallback(reader: ImageReader, { fallbackCluster, fallbackRespond }: RecordFields<'CLUSTER'>): object | null {
  if (fallbackCluster !== NONE) return { cluster: reader.nameOf(reader.row('CLUSTER', fallbackCluster)) };
  return fallbackRespond === NONE ? null : { respond: dumpRespond(reader, fallbackRespond) };
}

function dumpOutlier(row: RecordFields<'OUTLIER'>): object {
  return {
    consecutive5xx: row.consecutive5xx,
    consecutiveGatewayErrors: row.consecutiveGatewayErrors,
    consecutiveLocalErrors: row.consecutiveLocalErrors,
    intervalMs: row.intervalMs,
    baseEjectionTimeMs: row.baseEjectionMs,
    maxEjectionTimeMs: row.maxEjectionMs,
    ejectionJitterMs: row.jitterMs,
    maxEjectionPercent: row.maxEjectionPercent,
    shadow: (row.flags & OUTLIER_FLAG.shadow) !== 0,
    unejectOnHealthyCheck: (row.flags & OUTLIER_FLAG.keepEjected) === 0,
    successRate:
      row.successMethod === OUTLIER_METHOD.off
        ? false
        : {
            method: nameOf(OUTLIER_METHOD, row.successMethod),
            factor: row.successFactorMillis / 1_000,
            minEndpoints: row.successMinEndpoints,
            minRequests: row.successMinRequests,
          },
    failurePercentage:
      row.failurePercent === 0
        ? false
        : { threshold: row.failurePercent, minEndpoints: row.failureMinEndpoints, minRequests: row.failureMinRequests },
    latency:
      row.latencyFactorMillis === 0
        ? false
        : {
            factor: row.latencyFactorMillis / 1_000,
            quantile: row.latencyQuantileMillis / 1_000,
            minLatencyUs: row.latencyMinUs,
            minEndpoints: row.latencyMinEndpoints,
            minRequests: row.latencyMinRequests,
          },
  };
}

function dumpBreaker(row: RecordFields<'BREAKER'>): object {
  const both = BREAKER_SCOPE.cluster | BREAKER_SCOPE.endpoint;
  return {
    threshold: row.thresholdMillis / 1_000,
    windowMs: row.windowMs,
    intervalMs: row.intervalMs,
    maxIntervalMs: row.maxIntervalMs,
    jitter: row.jitterPercent / 100,
    minRequests: row.minRequests,
    probes: row.probes,
    successes: row.successes,
    scope: row.scope === both ? 'both' : nameOf(BREAKER_SCOPE, row.scope),
  };
}
