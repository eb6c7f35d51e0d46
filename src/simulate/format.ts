/** Numbers as people read them, the same in tables, plots and sentences. */
import type { Group, Scenario, ServiceTime } from './types.ts';

/** Three digits that count, without an exponent. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** `14.2 ms`; `-` where there is nothing to tell. */
export function time(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds <= 0) return '-';
  if (seconds < 0.9995e-3) return `${digits(seconds * 1e6)} us`;
  return seconds < 0.9995 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
}

/** As `time`, without zeros behind the point: for what somebody wrote, and for ticks. */
export const shortTime = (seconds: number): string => time(seconds).replace(/\.0+ /, ' ').replace(/(\.\d*[1-9])0+ /, '$1 ');

/** `0.5 %`; what is not nothing is not shown as 0. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return '0 %';
  if (value < 0.01) return '<0.01 %';
  if (value >= 99.95 && value < 100) return '>99.9 %';
  return `${value < 1 ? value.toFixed(2) : value === 100 ? '100' : value.toFixed(1)} %`;
}

/** `72,800`, `1.2M`: thousands are apart, millions are shortened. */
export function count(value: number): string {
  if (value < 10) return String(Number(value.toPrecision(2)));
  if (value >= 1e7) return `${digits(value / 1e6)}M`;
  return Math.round(value).toLocaleString('en-US');
}

/** `80 %` of a load. */
export const loadPercent = (load: number): string => `${Number((load * 100).toPrecision(4))} %`;

/** The load of which everything is shown, as it was asked for: `80 % load`, or `1,500 requests/s`. */
export function focusText({ points, focus, byRate }: Scenario): string {
  const { load, rate } = points[focus] ?? { load: 0, rate: 0 };
  return byRate ? `${count(rate)} requests/s` : `${loadPercent(load)} load`;
}

export function serviceTimeText(serviceTime: ServiceTime): string {
  if (serviceTime.kind === 'lognormal') return `median ${shortTime(serviceTime.medianSeconds)}, p99 ${shortTime(serviceTime.p99Seconds)}`;
  return serviceTime.kind === 'fixed' ? shortTime(serviceTime.meanSeconds) : `mean ${shortTime(serviceTime.meanSeconds)}`;
}

export function groupText({ name, count: endpoints, serviceTime, concurrency, weight, fails }: Group): string {
  const facts = [serviceTimeText(serviceTime), `${concurrency} at once`, weight !== 1 && `weight ${weight}`, fails > 0 && `fails ${percent(fails)}`].filter((fact) => fact !== false);
  return `${count(endpoints)} ${name} (${facts.join(', ')})`;
}

/** What is simulated, in lines. */
export function scenarioLines(scenario: Scenario): string[] {
  const { groups, proxies, capacity, arrivals, points, seed, timeout, network, changes, candidates } = scenario;
  const proxiesText = proxies === 1 ? '1 proxy' : `${count(proxies)} proxies that do not see each other's load`;
  const arrivalsText = { poisson: 'Poisson arrivals', uniform: 'evenly spaced arrivals', bursts: arrivals.kind === 'bursts' ? `all requests in ${shortTime(arrivals.on)} of every ${shortTime(arrivals.on + arrivals.off)}` : '' }[arrivals.kind];
  const requests = points.map((point) => point.requests);
  const [least, most] = [Math.min(...requests), Math.max(...requests)];
  return [
    `${groups.map(groupText).join(' + ')}: together ${count(capacity)} requests/s at most`,
    `${proxiesText}, ${arrivalsText}, network ${shortTime(network)} each way, timeout ${shortTime(timeout)}`,
    ...sharedLines(candidates),
    ...(changes.length === 0 ? [] : [`changes: ${changes.map((change) => changeText(change, groups)).join('; ')}`]),
    `${count(least)}${most === least ? '' : ` to ${count(most)}`} requests for each of ${candidates.length} policies at ${points.length === 1 ? 'one load' : `each of ${points.length} loads`}, seed ${seed}`,
  ];
}

/** What all candidates have in common beside the balancer; where they differ, their labels say so. */
function sharedLines(candidates: Scenario['candidates']): string[] {
  const [first] = candidates;
  if (first === undefined) return [];
  const isShared = (key: 'circuitBreaker' | 'outlierDetection' | 'rateLimit' | 'retry') => candidates.every((candidate) => JSON.stringify(candidate[key]) === JSON.stringify(first[key]));
  const { circuitBreaker, outlierDetection, rateLimit, retry } = first;
  return [
    [
      isShared('retry') && (retry.attempts === 0 ? 'no retries' : `${retry.attempts} ${retry.attempts === 1 ? 'retry' : 'retries'} at most (${retry.on.join(', ')})`),
      isShared('circuitBreaker') && (circuitBreaker === null ? 'no circuit breaker' : `circuit breaker (${circuitBreaker.scope}) at ${circuitBreaker.thresholdMillis / 10} % failures`),
      isShared('outlierDetection') && (outlierDetection === null ? 'no outlier detection' : 'outlier detection'),
    ].filter((part) => part !== false).join(', '),
    isShared('rateLimit') && rateLimit !== null ? `rate limit of each proxy: ${count(rateLimit.requests)} in ${shortTime(rateLimit.windowMs / 1000)} for each of ${count(rateLimit.keys)} clients, ${rateLimit.algorithm}` : '',
  ].filter((line) => line !== '');
}

export function changeText({ at, for: lasts, group, share, serviceTime, factor, fails, down }: Scenario['changes'][number], groups: readonly Group[]): string {
  const who = `${share === 1 ? '' : `${percent(share)} of `}${groups[group]?.name ?? ''}`;
  const effects = [
    down && 'down',
    serviceTime !== null && `take ${serviceTimeText(serviceTime)}`,
    factor !== 1 && `${factor} x as slow`,
    fails !== null && `fail ${percent(fails)}`,
  ].filter((effect) => effect !== false);
  return `at ${at === 0 ? 'the start' : shortTime(at)}${lasts === null ? '' : ` for ${shortTime(lasts)}`} ${who}: ${effects.join(', ')}`;
}
