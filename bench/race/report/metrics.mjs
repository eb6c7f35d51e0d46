/** What can be plotted and judged: its name, unit, direction, and where its rounds are in a result. */
import { median } from '../../stats.mjs';
import { count, digits3, duration, memory } from './format.mjs';

/** `more`: more is better. `counted`: whole numbers, of which every one matters, so the rounds are added and not averaged.
 *  @typedef {{ title: string, unit: string, more: boolean, counted?: true, show: (x: number) => string }} Metric */

/** What share of the requests is not beyond it. */
export const SHARES = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999, p9999: 0.9999 };
const QUANTILES = { p50: 'p50', p90: 'p90', p99: 'p99', p999: 'p99.9', p9999: 'p99.99', mean: 'mean', max: 'longest' };

/** @type {Record<string, Metric>} */
const METRICS = {
  rate: { title: 'Throughput', unit: 'requests/s', more: true, show: (x) => (x >= 100 ? count(x) : digits3(x)) },
  gbps: { title: 'Throughput', unit: 'Gbit/s', more: true, show: digits3 },
  cpuUs: { title: 'CPU per request', unit: 'µs', more: false, show: digits3 },
  userUs: { title: 'CPU per request, user', unit: 'µs', more: false, show: digits3 },
  systemUs: { title: 'CPU per request, system', unit: 'µs', more: false, show: digits3 },
  rssKiB: { title: 'Memory', unit: 'resident', more: false, show: memory },
  pssKiB: { title: 'Memory', unit: 'shared pages once', more: false, show: memory },
  failed: { title: 'Failed requests', unit: 'per round', more: false, counted: true, show: count },
  contextSwitches: { title: 'Context switches', unit: 'per request', more: false, show: digits3 },
};

/** `p99@50` or `latency.50.p99`: of the open loop at 50 %; `p99`: of the closed loop. */
const LATENCY = /^(?:latency\.(?<before>\d+)\.)?(?<quantile>p50|p90|p99|p999|p9999|mean|max|count)(?:@(?<after>\d+))?$/;

/** @returns {{ quantile?: string, load?: string }} */
function parsed(name) {
  const { before, quantile, after } = LATENCY.exec(name)?.groups ?? {};
  return { quantile, load: before ?? after };
}

export const isMetric = (name) => Object.hasOwn(METRICS, name) || Object.hasOwn(QUANTILES, parsed(name).quantile ?? '');

/** @param {string} name @param {{ unit?: string }} [scenario] whose unit a rate has @returns {Metric} */
export function metricOf(name, scenario) {
  const { quantile, load } = parsed(name);
  if (quantile !== undefined) return { title: `Latency, ${QUANTILES[quantile]}`, unit: load === undefined ? 'at full speed' : `at ${load} % load`, more: false, show: duration };
  const metric = METRICS[name];
  return name === 'rate' && scenario?.unit?.endsWith('/s') ? { ...metric, unit: scenario.unit } : metric;
}

/** How many requests a round has beyond the quantile that `name` is, in the middle; undefined for other metrics. */
export function beyondPerRound(scenario, contender, name) {
  const { quantile, load } = parsed(name);
  const share = SHARES[quantile];
  if (share === undefined) return undefined;
  const counts = present(roundsOf(scenario, contender, load === undefined ? 'count' : `count@${load}`));
  return median(counts) * (1 - share);
}

/** One number per round, null where the round has none. @returns {(number | null)[]} */
export function roundsOf(scenario, contender, name) {
  const { quantile, load } = parsed(name);
  const list = load === undefined ? own(scenario.runs, contender) : own(own(scenario.latency ?? {}, contender) ?? {}, load);
  return (list ?? []).map((run) => {
    const value = quantile === undefined ? run?.[name] : load === undefined ? run?.latencyUs?.[quantile] : run?.[quantile];
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  });
}

/** A contender may be called "constructor". */
export const own = (object, key) => (Object.hasOwn(object, key) ? object[key] : undefined);

/** One figure for all rounds. @param {Metric} metric @param {(number | null)[]} rounds */
export const summary = (metric, rounds) => (metric.counted ? present(rounds).reduce((sum, n) => sum + n, 0) : median(present(rounds)));

/** @param {(number | null)[]} rounds */
export const present = (rounds) => rounds.filter((x) => x !== null);
