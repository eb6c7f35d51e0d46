import { buildBalancer } from '../config/build-balancer.ts';
import { buildBreaker, buildOutlierDetection, buildRetryBudget } from '../config/build-failover.ts';
import { buildRetry } from '../config/build-retry.ts';
import { formatDuration } from '../core/duration.ts';
import type { ParsedRateLimit, ParsedRetries, ParsedScenario } from './schema.ts';
import type { Candidate, Change, Group, Scenario, ServiceTime } from './types.ts';

/** The load that people run at, or would like to. */
const USUAL_LOAD = 0.8;
const DEFAULT_LOADS = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2];

/** Quantile 0.99 of the normal distribution. */
const Z99 = 2.3263478740408408;

export function meanSeconds(serviceTime: ServiceTime): number {
  if (serviceTime.kind !== 'lognormal') return serviceTime.meanSeconds;
  const sigma = Math.log(serviceTime.p99Seconds / serviceTime.medianSeconds) / Z99;
  return serviceTime.medianSeconds * Math.exp((sigma * sigma) / 2);
}

/** What the schema let through and the rules found nothing in. */
export function buildScenario(parsed: ParsedScenario, fallbackTitle: string): Scenario {
  const groups = parsed.endpoints.map((group, index): Group => ({ ...group, name: groupName(group, index) }));
  const capacity = groups.reduce((sum, { count, concurrency, serviceTime, fails }) => sum + ((1 - fails) * count * concurrency) / meanSeconds(serviceTime), 0);
  const points = pointsOf(parsed, capacity);
  return {
    title: parsed.title ?? fallbackTitle,
    seed: parsed.seed,
    candidates: candidatesOf(parsed),
    capacity,
    points,
    byRate: parsed.rate !== undefined,
    focus: nearestIndex(points.map(({ load }) => load), parsed.focus ?? USUAL_LOAD),
    proxies: parsed.proxies,
    arrivals: typeof parsed.arrivals === 'string' ? { kind: parsed.arrivals } : { kind: 'bursts', ...parsed.arrivals.bursts },
    keys: parsed.keys,
    network: parsed.network,
    timeout: parsed.timeout,
    retryBudget: buildRetryBudget(parsed.retryBudget),
    groups,
    changes: parsed.changes.map((change) => buildChange(change, groups)),
  };
}

export const groupName = ({ name }: { name?: string | undefined }, index: number): string => name ?? `group ${index + 1}`;

function pointsOf({ load, rate, duration, requests }: ParsedScenario, capacity: number): Scenario['points'] {
  const loads = rate === undefined ? (load ?? DEFAULT_LOADS) : [capacity === 0 ? 0 : rate / capacity];
  return loads.map((share) => {
    const perSecond = rate ?? share * capacity;
    return { load: share, rate: perSecond, requests: duration === undefined ? requests : Math.max(1, Math.round(perSecond * duration)) };
  });
}

function nearestIndex(values: readonly number[], wanted: number): number {
  // Of two that are equally near, the lower load.
  return values.reduce((best, value, index) => (Math.abs(value - wanted) < Math.abs((values[best] ?? 0) - wanted) - 1e-9 ? index : best), 0);
}

function buildChange({ at, group, share, serviceTime, factor, fails, down, ...rest }: ParsedScenario['changes'][number], groups: readonly Group[]): Change {
  return {
    at,
    for: rest.for ?? null,
    group: groups.findIndex(({ name }) => name === group),
    share,
    serviceTime: serviceTime ?? null,
    factor: factor ?? 1,
    fails: fails ?? null,
    down: down ?? false,
  };
}

function buildRateLimit({ algorithm, requests, window, burst, keys }: ParsedRateLimit) {
  return { algorithm: algorithm === 'tokenBucket' ? ('gcra' as const) : algorithm, requests, windowMs: window, burst: burst ?? requests, keys };
}

type Settings = Omit<Candidate, 'label' | 'balancer'>;

/** Candidates that were given no label get one that tells them apart: the policy, then the settings that were written. */
function candidatesOf(parsed: ParsedScenario): Candidate[] {
  const plain = (policy: Candidate['balancer']['policy']) => buildBalancer({ policy, overprovisioning: 140, panicThreshold: 50, zonePreference: true }, null);
  const shared: Settings = {
    circuitBreaker: buildBreaker(parsed.circuitBreaker),
    outlierDetection: buildOutlierDetection(parsed.outlierDetection),
    rateLimit: parsed.rateLimit === undefined ? null : buildRateLimit(parsed.rateLimit),
    retry: retryOf(parsed.retry),
  };
  const candidates = parsed.policies.map((entry): Candidate => {
    if (typeof entry === 'string') return { label: entry, balancer: plain(entry), ...shared };
    const balancer = buildBalancer(entry, null);
    const own: Settings = {
      circuitBreaker: entry.circuitBreaker === undefined ? shared.circuitBreaker : buildBreaker(entry.circuitBreaker === false ? undefined : entry.circuitBreaker),
      outlierDetection: entry.outlierDetection === undefined ? shared.outlierDetection : buildOutlierDetection(entry.outlierDetection),
      rateLimit: entry.rateLimit === undefined ? shared.rateLimit : entry.rateLimit === false ? null : buildRateLimit(entry.rateLimit),
      retry: entry.retry === undefined ? shared.retry : retryOf(entry.retry),
    };
    return { label: entry.label ?? [...balancerWords(balancer, plain(entry.policy)), ...settingWords(own, shared)].join(', '), balancer, ...own };
  });
  const seen = new Map<string, number>();
  return candidates.map((candidate) => {
    const times = (seen.get(candidate.label) ?? 0) + 1;
    seen.set(candidate.label, times);
    return times === 1 ? candidate : { ...candidate, label: `${candidate.label} (${times})` };
  });
}

const retryOf = (parsed: ParsedRetries): Candidate['retry'] => buildRetry({ ...parsed, maxRetryAfter: 0, bufferBytes: 0, nonIdempotent: false });

function balancerWords(balancer: Candidate['balancer'], plain: Candidate['balancer']): string[] {
  const settings = [
    balancer.biasMillis !== plain.biasMillis && `bias ${balancer.biasMillis / 1000}`,
    balancer.decayMs !== plain.decayMs && `decay ${formatDuration(balancer.decayMs)}`,
    balancer.defaultLatencyMs !== plain.defaultLatencyMs && `default ${formatDuration(balancer.defaultLatencyMs)}`,
    balancer.penaltyMs !== plain.penaltyMs && `penalty ${formatDuration(balancer.penaltyMs)}`,
    balancer.hashBalancePercent !== plain.hashBalancePercent && `bound ${balancer.hashBalancePercent}%`,
    balancer.tableSize !== plain.tableSize && `size ${balancer.tableSize}`,
    balancer.slowStart !== null && `slow start ${formatDuration(balancer.slowStart.windowMs)}`,
  ].filter((setting) => setting !== false);
  return [balancer.policy, ...settings];
}

/** In what it differs from the others by more than its policy. */
function settingWords({ circuitBreaker, outlierDetection, rateLimit, retry }: Settings, shared: Settings): string[] {
  return [
    circuitBreaker !== shared.circuitBreaker && (circuitBreaker === null ? 'no breaker' : 'breaker'),
    outlierDetection !== shared.outlierDetection && (outlierDetection === null ? 'no ejections' : 'ejections'),
    rateLimit !== shared.rateLimit && (rateLimit === null ? 'no limit' : rateLimit.algorithm),
    retry !== shared.retry && `${retry.attempts} ${retry.attempts === 1 ? 'retry' : 'retries'}`,
  ].filter((words) => words !== false);
}
