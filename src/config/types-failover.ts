import type { RETRY_ON } from '../binding/abi.ts';
import type { RespondConfig } from './types.ts';

/** Parts of a configuration that keep requests answered while endpoints fail. */

/** Active checks of every endpoint of a cluster. */
export interface HealthCheckConfig {
  probe: HttpProbeConfig | TcpProbeConfig | GrpcProbeConfig;
  /** While healthy. */
  intervalMs: number;
  unhealthyIntervalMs: number;
  /** After a result that contradicts the present state. */
  edgeIntervalMs: number;
  /** At most intervalMs; of the others, the next check begins when the last one has ended. */
  timeoutMs: number;
  /** Of the interval, added at random. */
  jitterPercent: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
  /** 0 = that of the endpoint. */
  port: number;
  reuseConnection: boolean;
}

export interface HttpProbeConfig {
  kind: 'http';
  method: string;
  /** Path and query, as they are sent. */
  path: string;
  /** null = the host of the endpoint. */
  host: string | null;
  /** Lower-case names. */
  headers: [name: string, value: string][];
  /** Both ends are included. */
  expectedStatuses: { from: number; to: number }[];
  body: BodyMatchConfig | null;
}

/**
 * regex: the whole body matches, as everywhere: `compileRegex` and `matchTable` of regex.ts run it in linear time.
 * JavaScript's own RegExp would not, and an endpoint chooses the body.
 */
export type BodyMatchConfig = { kind: 'contains' | 'regex'; value: string };

export interface TcpProbeConfig {
  kind: 'tcp';
  /** Empty = nothing is sent. */
  send: Uint8Array;
  /** Empty = a connection is enough. */
  receive: Uint8Array;
}

export interface GrpcProbeConfig {
  kind: 'grpc';
  /** '' = the whole server. */
  service: string;
  /** null = the host of the endpoint. */
  host: string | null;
}

/** Passive detection; 0 = that detector is off. Factors and quantiles are whole thousandths. */
export interface OutlierConfig {
  consecutive5xx: number;
  consecutiveGatewayErrors: number;
  consecutiveLocalErrors: number;
  intervalMs: number;
  baseEjectionMs: number;
  maxEjectionMs: number;
  jitterMs: number;
  maxEjectionPercent: number;
  /** Counted, never ejected. */
  shadow: boolean;
  unejectOnHealthyCheck: boolean;
  successRate: { method: 'deviation' | 'mad'; factorMillis: number; minEndpoints: number; minRequests: number } | null;
  failurePercentage: { percent: number; minEndpoints: number; minRequests: number } | null;
  latency: {
    factorMillis: number;
    quantileMillis: number;
    minLatencyMs: number;
    minEndpoints: number;
    minRequests: number;
  } | null;
}

export interface BreakerConfig {
  scope: 'cluster' | 'endpoint' | 'both';
  /** Share of failures, in thousandths. */
  thresholdMillis: number;
  windowMs: number;
  minRequests: number;
  intervalMs: number;
  maxIntervalMs: number;
  jitterPercent: number;
  probes: number;
  successes: number;
}

/** What answers while a cluster cannot. */
export type FallbackConfig = { kind: 'cluster'; cluster: string } | { kind: 'respond'; respond: RespondConfig };

/** Of a whole cluster, all workers together; 0 = none. */
export interface ClusterLimits {
  maxConnections: number;
  maxPendingRequests: number;
  maxRequests: number;
  maxRetries: number;
}

export interface RetryBudgetConfig {
  percent: number;
  minPerSecond: number;
  windowMs: number;
}

export type RetryCondition = keyof typeof RETRY_ON;

export interface RetryConfig {
  on: RetryCondition[];
  /** Beside those that `on` stands for; rising. */
  statuses: number[];
  /** After the first. */
  attempts: number;
  /** 0 = none. */
  perTryTimeoutMs: number;
  backoff: { baseMs: number; maxMs: number };
  /** 0 = Retry-After is not heeded. */
  maxRetryAfterMs: number;
  bufferBytes: number;
  nonIdempotent: boolean;
}

export interface HedgeConfig {
  quantileMillis: number;
  minDelayMs: number;
  /** 0 = no bound. */
  maxDelayMs: number;
  minRequests: number;
  budgetPercent: number;
}
