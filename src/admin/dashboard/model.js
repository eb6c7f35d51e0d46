/** What two answers of GET /stats say together: rates from counters; and five minutes of them, in memory, for the charts. */
import { routeKey } from './config.js';
import { Series } from './series.js';

/** Series of clusters are kept for so many; of others from when they are looked at. */
const MOST_CLUSTERS = 50;
/** Answers closer together than this say nothing about rates. */
const LEAST_SECONDS = 0.2;

/**
 * @typedef {{ count: number, perSecond: number, p50: number | null, p90: number | null, p99: number | null, p999: number | null, max: number | null, mean: number | null }} Quantiles
 * @typedef {{ '10s': Quantiles | null, '1m': Quantiles | null, total: Quantiles | null }} Latency
 * @typedef {Record<string, number>} Counts
 * @typedef {{ requests: number | null, retries: number | null, hedges: number | null, failures: number | null, bytesReceived: number | null, bytesSent: number | null, class: (name: string) => number | null }} Rates
 */

const NO_RATES = { requests: null, retries: null, hedges: null, failures: null, timeouts: null, rateLimited: null, bytesReceived: null, bytesSent: null, class: () => null };
export const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'];

export const keyOf = {
  listener: (/** @type {any} */ { name }) => `listener ${name}`,
  cluster: (/** @type {any} */ { name }) => `cluster ${name}`,
  route: (/** @type {any} */ { table, host, name }) => routeKey(table, host, name),
  /** @param {string} cluster @param {any} endpoint */
  endpoint: (cluster, { address }) => `endpoint ${cluster}\n${address}`,
};

export class Model {
  /** The last answer. @type {any} */
  stats = null;
  /** Between the last two answers; 0: there were no two. */
  seconds = 0;
  /** @type {Map<string, any>} */
  #now = new Map();
  /** @type {Map<string, any>} */
  #before = new Map();
  /** By what they are about. @type {Map<string, Series>} */
  #series = new Map();
  /** @type {Counts} */
  #flagsBefore = {};
  #atMs = 0;

  /** @param {any} stats an answer of GET /stats */
  take(stats) {
    const atMs = Date.parse(stats.at);
    const seconds = (atMs - this.#atMs) / 1000;
    if (this.stats !== null && seconds >= 0 && seconds < LEAST_SECONDS) return;
    this.#flagsBefore = this.stats?.process.flags ?? {};
    // A process that started anew counts from 0, and after a pause a rate would be an average over it.
    const isNew = this.stats === null || stats.uptimeMs < this.stats.uptimeMs || seconds < 0 || seconds > 60;
    this.seconds = isNew ? 0 : seconds;
    this.#atMs = atMs;
    this.stats = stats;
    this.#before = this.#now;
    this.#now = new Map([['process', stats.process]]);
    for (const listener of stats.listeners) this.#now.set(keyOf.listener(listener), listener);
    for (const route of stats.routes ?? []) this.#now.set(keyOf.route(route), route);
    for (const cluster of stats.clusters) {
      this.#now.set(keyOf.cluster(cluster), cluster);
      for (const endpoint of cluster.endpoints ?? []) this.#now.set(keyOf.endpoint(cluster.name, endpoint), endpoint);
    }
    this.#record(atMs / 1000);
  }

  /** Of a thing in the last answer, by its key. @param {string} key */
  rates(key) {
    const now = this.#now.get(key);
    const before = this.#before.get(key);
    const { seconds } = this;
    if (now === undefined || before === undefined || seconds === 0) return NO_RATES;
    const of = (/** @type {string} */ field) => perSecond(now[field], before[field], seconds);
    return {
      requests: of('requests'),
      retries: of('retries'),
      hedges: of('hedges'),
      failures: of('failures'),
      timeouts: of('timeouts'),
      rateLimited: of('rateLimited'),
      bytesReceived: of('bytesReceived'),
      bytesSent: of('bytesSent'),
      class: (/** @type {string} */ name) => perSecond(now.responses?.[name], before.responses?.[name], seconds),
    };
  }

  /** Processors in use. */
  get cpus() {
    return perSecond(this.#now.get('process')?.cpuSeconds, this.#before.get('process')?.cpuSeconds, this.seconds);
  }

  /** Response flags that have been seen, most of them first. @returns {{ flag: string, total: number, perSecond: number | null }[]} */
  get flags() {
    const flags = /** @type {[string, number][]} */ (Object.entries(this.stats?.process.flags ?? {}));
    return flags
      .filter(([flag, total]) => flag !== 'none' && total > 0)
      .map(([flag, total]) => ({ flag, total, perSecond: this.seconds === 0 ? null : perSecond(total, this.#flagsBefore[flag] ?? 0, this.seconds) }))
      .sort((a, b) => b.total - a.total);
  }

  /** Everything that came in: the sum over all listeners; latencies are those of the listener where they are highest. */
  get all() {
    const { listeners } = this.stats;
    const rates = listeners.map((/** @type {any} */ listener) => this.rates(keyOf.listener(listener)));
    return {
      requests: sum(rates.map((/** @type {any} */ rate) => rate.requests)),
      class: (/** @type {string} */ name) => sum(rates.map((/** @type {any} */ rate) => rate.class(name))),
      active: sum(listeners.map((/** @type {any} */ listener) => listener.active)),
      latency: highest(listeners.map((/** @type {any} */ { latencyMs }) => latencyMs?.['10s'] ?? null)),
    };
  }

  /** What the charts show of a thing; begins to be kept when it is asked for. @param {string} key */
  series(key) {
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = new Series()));
    return series;
  }

  /** @param {number} at seconds since the epoch */
  #record(at) {
    const { all, stats } = this;
    this.series('all').add(at, all, all.latency, all.active, stats.process.connections);
    stats.listeners.forEach((/** @type {any} */ listener) => this.#recordOne(at, keyOf.listener(listener), listener, true));
    stats.clusters.forEach((/** @type {any} */ cluster, /** @type {number} */ index) => this.#recordOne(at, keyOf.cluster(cluster), cluster, index < MOST_CLUSTERS));
    for (const route of stats.routes ?? []) this.#recordOne(at, keyOf.route(route), route, false);
  }

  /** @param {number} at @param {string} key @param {any} thing @param {boolean} always */
  #recordOne(at, key, thing, always) {
    if (always || this.#series.has(key)) this.series(key).add(at, this.rates(key), thing.latencyMs?.['10s'] ?? null, thing.active ?? null, thing.pending ?? null);
  }
}

/** Null when a counter is not there, or went back. @param {number | undefined} now @param {number | undefined} before @param {number} seconds */
function perSecond(now, before, seconds) {
  if (now === undefined || before === undefined || now === null || before === null || seconds === 0 || now < before) return null;
  return (now - before) / seconds;
}

/** @param {(number | null)[]} values */
function sum(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : known.reduce((/** @type {number} */ a, b) => a + /** @type {number} */ (b), 0);
}

/**
 * Quantiles of several sets cannot be added up; but no quantile of all together is above the highest of theirs.
 * @param {(Quantiles | null)[]} parts
 */
function highest(parts) {
  const used = parts.filter((part) => part !== null && part.count > 0);
  if (used.length === 0) return null;
  return Object.fromEntries(['p50', 'p90', 'p99', 'p999', 'max'].map((name) => [name, Math.max(...used.map((part) => /** @type {any} */ (part)[name] ?? 0))]));
}
