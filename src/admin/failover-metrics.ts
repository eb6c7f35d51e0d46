import { HEALTH } from '../binding/abi.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { ClusterStats, EndpointStats } from '../control/stats.ts';
import type { MetricsWriter, Sample } from '../telemetry/exposition.ts';
import type { ClusterRow, EndpointRow } from './metric-rows.ts';

const REASONS = Object.fromEntries(Object.keys(HEALTH).map((reason) => [reason, { reason }])) as Record<keyof typeof HEALTH, { reason: string }>;
const STATES = '0 = closed, 1 = open, 2 = half-open';

/** Retries, second attempts, and what a cluster does about its failures. */
export function writeClusterFailover(out: MetricsWriter, rows: readonly ClusterRow[]): void {
  const of = (field: keyof ClusterStats): Sample[] => rows.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  /** One family of several counters. */
  const by = (label: string, fields: Readonly<Record<string, keyof ClusterStats>>): Sample[] =>
    rows.flatMap(({ labels, stats }) => Object.entries(fields).map(([text, field]) => ({ labels: { ...labels, [label]: text }, value: stats[field] })));
  out.counter('millrace_upstream_retry_successes_total', 'Requests that an attempt after the first answered.', of('retrySuccesses'));
  out.counter('millrace_upstream_retries_refused_total', 'Retries that were due and not made: over retryBudget, over limits.maxRetries, or more body than retry.bufferBytes.', by('reason', { budget: 'retryBudgetExhausted', limit: 'retryOverflow', body: 'retryBodyTooLarge' }));
  out.counter('millrace_upstream_attempt_timeouts_total', 'Attempts that took too long, by what they were doing.', by('phase', { connect: 'connectTimeouts', tls: 'tlsTimeouts', perTry: 'perTryTimeouts' }));
  out.counter('millrace_upstream_hedges_total', 'Second attempts for requests that took longer than most.', of('hedges'));
  out.counter('millrace_upstream_hedges_won_total', 'Second attempts that answered first.', of('hedgesWon'));
  out.counter('millrace_upstream_hedges_over_budget_total', 'Second attempts that were due and not made, because there had been many.', of('hedgesOverBudget'));
  out.counter('millrace_upstream_limit_overflow_total', 'Requests, or connections, beyond the limits of the cluster.', by('limit', { maxRequests: 'requestOverflow', maxConnections: 'connectionOverflow' }));
  out.gauge('millrace_cluster_ejected_endpoints', 'Endpoints that outlier detection keeps out now.', of('ejected'));
  out.counter('millrace_cluster_ejections_total', 'Ejections of endpoints by outlier detection.', of('ejections'));
  out.counter('millrace_cluster_ejections_skipped_total', 'Outliers that were not ejected: in shadow, or because maxEjectionPercent were out already.', by('reason', { shadow: 'ejectionsShadowed', maxEjectionPercent: 'ejectionsOverflow' }));
  out.counter('millrace_cluster_fallbacks_total', 'Requests that the fallback of a cluster took over.', of('fallbacks'));
  const withBreaker = rows.filter(({ config }) => hasBreaker(config, 'cluster'));
  const ofBreaker = (field: keyof ClusterStats): Sample[] => withBreaker.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  if (withBreaker.length === 0) return;
  out.gauge('millrace_cluster_circuit_breaker_state', `State of the circuit breaker of a cluster: ${STATES}.`, ofBreaker('breakerState'));
  out.counter('millrace_cluster_circuit_breaker_opened_total', 'Times that the circuit breaker of a cluster opened.', ofBreaker('breakerOpened'));
  out.counter('millrace_cluster_circuit_breaker_rejected_total', 'Requests that the open circuit breaker of a cluster kept from it.', ofBreaker('breakerRejected'));
}

export function* writeEndpointFailover(out: MetricsWriter, rows: readonly EndpointRow[]): Generator<void> {
  const of = (field: keyof EndpointStats): Sample[] => rows.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  out.gauge('millrace_endpoint_available', 'Whether an endpoint is neither unhealthy nor ejected nor behind an open circuit breaker.', rows.map(({ labels, stats }) => ({ labels, value: isAvailable(stats.health) ? 1 : 0 })));
  out.gauge('millrace_endpoint_health', 'Why an endpoint is not available, 1 for each reason; halfOpen: it is, for probes. Only the reasons that its cluster is configured for.', rows.flatMap(({ labels, config, stats }) =>
    reasonsOf(config).map((reason) => ({ labels, more: REASONS[reason], value: (stats.health & HEALTH[reason]) === 0 ? 0 : 1 })),
  ));
  yield;
  out.counter('millrace_endpoint_responses_total', 'Answers of an endpoint, whatever became of their bodies.', of('responses'));
  out.counter('millrace_endpoint_failures_total', 'Attempts that an endpoint did not answer: no connection, reset, timeout, protocol error.', of('failures'));
  out.counter('millrace_endpoint_ejections_total', 'Times that outlier detection ejected an endpoint.', of('ejections'));
  yield;
  const withBreaker = rows.filter(({ config }) => hasBreaker(config, 'endpoint'));
  const ofBreaker = (field: keyof EndpointStats): Sample[] => withBreaker.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  if (withBreaker.length === 0) return;
  out.gauge('millrace_endpoint_circuit_breaker_state', `State of the circuit breaker of an endpoint: ${STATES}.`, ofBreaker('breakerState'));
  out.counter('millrace_endpoint_circuit_breaker_opened_total', 'Times that the circuit breaker of an endpoint opened.', ofBreaker('breakerOpened'));
}

const isAvailable = (health: number): boolean => (health & ~HEALTH.halfOpen) === 0;

const hasBreaker = ({ circuitBreaker }: ClusterConfig, scope: 'cluster' | 'endpoint'): boolean => circuitBreaker?.scope === scope || circuitBreaker?.scope === 'both';

function reasonsOf(config: ClusterConfig): (keyof typeof HEALTH)[] {
  return [
    ...(config.healthCheck === null ? [] : (['unhealthy', 'unchecked'] as const)),
    ...(config.outlierDetection === null ? [] : (['ejected'] as const)),
    ...(hasBreaker(config, 'endpoint') ? (['open', 'halfOpen'] as const) : []),
  ];
}
