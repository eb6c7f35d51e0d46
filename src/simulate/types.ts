/** A scenario after it was read and checked: what is simulated. Times are in seconds, rates per second. */
import type { BalancerConfig, BreakerConfig, OutlierConfig, RateLimitConfig, RetryBudgetConfig, RetryConfig } from '../config/types.ts';

export type ServiceTime =
  | { kind: 'fixed' | 'exponential'; meanSeconds: number }
  | { kind: 'lognormal'; medianSeconds: number; p99Seconds: number };

export interface Group {
  /** Unique in the scenario. */
  name: string;
  count: number;
  serviceTime: ServiceTime;
  concurrency: number;
  queue: number;
  weight: number;
  priority: number;
  /** In flight from one proxy; 0 = no limit. */
  maxRequests: number;
  /** Share of its answers that are a 500. */
  fails: number;
  /** Says in its answers how busy it is. */
  reports: boolean;
}

export interface Change {
  at: number;
  /** null = to the end. */
  for: number | null;
  /** Index of the group. */
  group: number;
  /** Of the endpoints of the group. */
  share: number;
  serviceTime: ServiceTime | null;
  /** Times the service time; 1 = none. */
  factor: number;
  /** null = as before. */
  fails: number | null;
  down: boolean;
}

/** One of those that are compared. */
export interface Candidate {
  /** Unique in the scenario. */
  label: string;
  balancer: BalancerConfig;
  /** null = none, in all of these. */
  circuitBreaker: BreakerConfig | null;
  outlierDetection: OutlierConfig | null;
  rateLimit: RateLimit | null;
  retry: Pick<RetryConfig, 'on' | 'attempts' | 'perTryTimeoutMs' | 'backoff'>;
}

export interface RateLimit {
  algorithm: RateLimitConfig['algorithm'];
  requests: number;
  windowMs: number;
  burst: number;
  /** Clients, each with its own counter. */
  keys: number;
}

export interface Scenario {
  title: string;
  seed: number;
  candidates: Candidate[];
  /** Good answers that all endpoints together can give, per second, while nothing changes. */
  capacity: number;
  /** Rising; what is offered in each column of the overload curve. */
  points: { load: number; rate: number; requests: number }[];
  /** There is one point, given as a rate and not as a load. */
  byRate: boolean;
  /** Index into `points` of the one of which everything is shown. */
  focus: number;
  proxies: number;
  arrivals: { kind: 'poisson' | 'uniform' } | { kind: 'bursts'; on: number; off: number };
  keys: { count: number; zipf: number };
  network: number;
  timeout: number;
  /** null = no bound. */
  retryBudget: RetryBudgetConfig | null;
  groups: Group[];
  changes: Change[];
}
