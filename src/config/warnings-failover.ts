import { formatDuration } from '../core/duration.ts';
import { detects } from './compile-failover.ts';
import { mapping, type Report } from './raw.ts';
import { IDEMPOTENT_METHODS } from './rules-retry.ts';
import type { Path } from './source.ts';
import { isGiven, notGiven } from './subsets.ts';
import type { ClusterConfig, Config, RouteConfig } from './types.ts';

const STATUS_CONDITIONS = ['5xx', 'gatewayError', 'retriable4xx', 'rateLimited'] as const;

/** `written`: the cluster in the raw tree. */
export function checkClusterFailover(cluster: ClusterConfig, written: unknown, path: Path, warn: Report): void {
  const { outlierDetection: outlier, endpoints } = cluster;
  const [backups, others] = [endpoints.filter(({ backup }) => backup), endpoints.filter(({ backup }) => !backup)];
  if (backups.some(isGiven) && !others.some(isGiven))
    warn([...path, 'endpoints'], `every endpoint that is not a backup ${notGiven(others)}: the backups take all requests`);
  const settings = mapping(written)['outlierDetection'];
  if (outlier === null || settings === undefined) return;
  const at = [...path, 'outlierDetection'];
  if (!detects(outlier)) warn(at, 'every detector is off, so that nothing is ever ejected', 'write outlierDetection: false', 'key');
  if (endpoints.length === 1)
    warn(at, 'this cluster has one endpoint, and the last one is never ejected', undefined, 'key');
  for (const key of ['successRate', 'failurePercentage', 'latency'] as const) {
    const detector = outlier[key];
    const wanted = mapping(mapping(settings)[key])['minEndpoints'];
    if (detector !== null && wanted !== undefined && detector.minEndpoints > endpoints.length)
      warn([...at, key, 'minEndpoints'], `this cluster has ${endpoints.length} endpoints: none is ever judged by "${key}"`);
  }
  checkDeviation(cluster, mapping(settings)['successRate'], [...at, 'successRate'], warn);
}

/** Of n values none can be more than sqrt(n - 1) population standard deviations below their mean (Samuelson). */
function checkDeviation({ outlierDetection, endpoints }: ClusterConfig, written: unknown, path: Path, warn: Report): void {
  const successRate = outlierDetection?.successRate;
  const count = endpoints.length;
  if (written === undefined || successRate?.method !== 'deviation' || count < successRate.minEndpoints) return;
  const reach = Math.sqrt(count - 1);
  if (successRate.factorMillis < reach * 1_000) return;
  warn(
    path,
    `of ${count} endpoints none can be more than ${reach.toFixed(2)} standard deviations below the mean, and factor is ${successRate.factorMillis / 1_000}: nothing is ever ejected`,
    'use method: mad',
  );
}

/** `written`: the route in the raw tree. */
export function checkRouteRetries(
  route: RouteConfig,
  written: Record<string, unknown>,
  clusters: Config['clusters'],
  path: Path,
  warn: Report,
): void {
  const retry = mapping(written['retry']);
  const at = [...path, 'retry'];
  if (route.retry.attempts === 0) {
    for (const key of Object.keys(retry).filter((name) => name !== 'attempts' && name !== 'perTryTimeout'))
      warn([...at, key], `"${key}" has no effect with attempts: 0`, undefined, 'key');
  } else {
    checkConditions(route, at, warn);
  }
  checkTimes(route, path, warn);
  const { deadlineHeader: deadline, requestHeaders: edits } = route;
  if (deadline !== null && [...edits.set, ...edits.add].some(([name]) => name === deadline))
    warn([...path, 'propagateDeadline'], `requestHeaders writes ${deadline}, too: upstreams would not read the time that is left`);
  if (route.hedge === null) return;
  if (route.hedge.quantileMillis === 0)
    for (const key of ['maxDelay', 'minRequests'])
      if (mapping(written['hedge'])[key] !== undefined)
        warn([...path, 'hedge', key], `"${key}" has no effect with quantile: 0, which waits for minDelay`, undefined, 'key');
  const names = clustersOf(route);
  if (names.length > 0 && names.every((name) => clusters[name]?.endpoints.length === 1))
    warn([...path, 'hedge'], 'the cluster has one endpoint: a second attempt has nowhere else to go', undefined, 'key');
}

function checkConditions({ retry, match }: RouteConfig, path: Path, warn: Report): void {
  if (retry.on.length === 0 && retry.statuses.length === 0)
    warn([...path, 'on'], 'an empty list means that nothing is tried again', 'write attempts: 0');
  if (retry.on.includes('timeout') && retry.perTryTimeoutMs === 0)
    warn([...path, 'on'], '"timeout" never happens without perTryTimeout: the timeout of the route ends the request itself');
  const hasStatus = retry.statuses.length > 0 || STATUS_CONDITIONS.some((condition) => retry.on.includes(condition));
  if (retry.maxRetryAfterMs > 0 && !hasStatus)
    warn([...path, 'maxRetryAfter'], '"maxRetryAfter" has no effect: no status is tried again', undefined, 'key');
  const idempotent = match.methods.length > 0 && match.methods.every(isIdempotent);
  if (retry.nonIdempotent && !idempotent)
    warn(
      [...path, 'nonIdempotent'],
      'a POST that was acted upon and whose answer was lost is sent again: what it does may be done twice',
    );
  else if (retry.nonIdempotent)
    warn([...path, 'nonIdempotent'], 'every method of this route is idempotent anyway', undefined, 'key');
}

const isIdempotent = (method: string) => IDEMPOTENT_METHODS.includes(method);

/** Times that the timeout of the route cuts short. */
function checkTimes({ retry, hedge, timeoutMs }: RouteConfig, path: Path, warn: Report): void {
  if (timeoutMs === 0) return;
  const timeout = `the timeout of the route, ${formatDuration(timeoutMs)}`;
  if (retry.perTryTimeoutMs >= timeoutMs)
    warn([...path, 'retry', 'perTryTimeout'], `it never fires: ${timeout}, has passed by then`);
  if (retry.attempts > 0 && retry.maxRetryAfterMs >= timeoutMs)
    warn([...path, 'retry', 'maxRetryAfter'], `a request that waits so long ends with ${timeout}`);
  if (hedge !== null && hedge.minDelayMs >= timeoutMs)
    warn([...path, 'hedge', 'minDelay'], `no second attempt is ever sent: ${timeout}, has passed by then`);
}

function clustersOf({ action }: RouteConfig): string[] {
  if (action.kind === 'cluster') return [action.cluster];
  return action.kind === 'weightedClusters' ? action.clusters.map(({ cluster }) => cluster) : [];
}

/** Adds the clusters that stand in for those of `used`. */
export function addFallbacks(used: Set<string>, clusters: Config['clusters']): void {
  // A set is walked in the order of insertion, additions included.
  for (const name of used) {
    const fallback = clusters[name]?.fallback;
    if (fallback?.kind === 'cluster') used.add(fallback.cluster);
  }
}
