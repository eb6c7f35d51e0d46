/**
 * Watches what a change does to the requests that it concerns, on the engine's own counters and histograms: the share of those
 * that failed, and p99, since the change against the window before it.
 */
import type { Config } from '../../config/types.ts';
import { BucketCounts } from '../buckets.ts';
import type { HistogramData } from '../../telemetry/histograms.ts';
import type { Stats } from '../stats.ts';

export interface GuardBounds {
  /** Added to the share of failed requests (5xx, or no answer at all). */
  maxErrorRate: number;
  /** Times the p99 of before. */
  maxP99: number;
  /** Fewer since the change decide nothing. */
  minRequests: number;
}

export const DEFAULT_BOUNDS: GuardBounds = { maxErrorRate: 0.05, maxP99: 2, minRequests: 50 };

/** p99 of fewer requests is the time of its slowest one. */
const P99_REQUESTS = 200;
/** A p99 that grew by less is noise, whatever its factor is: on loopback it is a fraction of a millisecond. */
const P99_NOISE_US = 5_000;
/** More changed objects than this are judged together: each read costs the control plane some microseconds. */
const MOST_SINGLE = 64;
/** What the past is judged by. */
const WINDOW_MS = 60_000;

type Reading = Pick<Stats, 'cluster' | 'route' | 'usedRoutes' | 'clusterHistogram' | 'routeHistogram'>;

/** What the guard sees as one: an object, or all objects of a kind. */
export interface Watched {
  name: string;
  clusters: readonly string[];
  /** Keys as of `routeKeys`; null: all that were used. */
  routes: readonly string[] | null;
}

export interface Sample {
  finished: number;
  failed: number;
}

export interface Measured extends Sample {
  durations: BucketCounts;
}

/** Key of every route, in image order. */
export function routeKeys(config: Config): string[] {
  return Object.entries(config.routes).flatMap(([table, hosts]) => hosts.flatMap((host) => host.routes.map(({ name }) => `${table}\0${host.name}\0${name}`)));
}

/** What a change concerns: clusters and routes whose content differs, or everything. */
export function watchedOf(before: Config, after: Config): Watched[] {
  const everything: Watched[] = [
    { name: 'all clusters', clusters: Object.keys(after.clusters), routes: [] },
    { name: 'all routes', clusters: [], routes: null },
  ];
  if (textOf(globalOf(before)) !== textOf(globalOf(after))) return everything;
  const clusters = Object.entries(after.clusters).filter(([name, cluster]) => textOf(cluster) !== textOf(before.clusters[name])).map(([name]) => name);
  const known = routeTexts(before);
  const routes = [...routeTexts(after)].filter(([key, text]) => known.get(key) !== text).map(([key]) => key);
  // Routes or clusters that are gone: their requests go somewhere else now.
  const removed = Object.keys(before.clusters).some((name) => !Object.hasOwn(after.clusters, name)) || known.size > routeTexts(after).size;
  // What fails before it reaches a cluster (no endpoint, an open breaker) is counted by its routes only.
  const leading = clusters.map((name) => ({ name: `routes to ${name}`, clusters: [], routes: routesTo(after, name) }));
  const count = leading.reduce((sum, one) => sum + one.routes.length, clusters.length + routes.length);
  if (removed || count > MOST_SINGLE) return everything;
  return [
    ...clusters.map((name): Watched => ({ name: `cluster ${name}`, clusters: [name], routes: [] })),
    ...leading.filter((one) => one.routes.length > 0),
    ...routes.map((key): Watched => ({ name: `route ${key.split('\0').at(-1) ?? ''}`, clusters: [], routes: [key] })),
  ];
}

/** What is neither of a cluster nor of a route. */
const globalOf = (config: Config): object => ({ ...config, clusters: null, routes: null });

const textOf = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Uint8Array ? Buffer.from(inner).toString('base64') : inner)));

/** Those that name it. Whoever falls back to it is judged by itself. */
function routesTo(config: Config, cluster: string): string[] {
  const keys = routeKeys(config);
  const routes = Object.values(config.routes).flatMap((hosts) => hosts.flatMap((host) => host.routes));
  return keys.filter((_key, index) => {
    const action = routes[index]?.action;
    if (action?.kind === 'cluster') return action.cluster === cluster;
    return action?.kind === 'weightedClusters' && action.clusters.some((choice) => choice.cluster === cluster && choice.weight > 0);
  });
}

function routeTexts(config: Config): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [table, hosts] of Object.entries(config.routes))
    for (const { routes, ...host } of hosts) for (const route of routes) texts.set(`${table}\0${host.name}\0${route.name}`, textOf([host, route]));
  return texts;
}

/** Reads totals by name, of the image of that version. */
export class Reader {
  readonly #stats: Reading;
  readonly #version: number;
  readonly #clusters: ReadonlyMap<string, number>;
  readonly #routes: ReadonlyMap<string, number>;

  constructor(stats: Reading, version: number, config: Config) {
    this.#stats = stats;
    this.#version = version;
    this.#clusters = new Map(Object.keys(config.clusters).map((name, index) => [name, index]));
    this.#routes = new Map(routeKeys(config).map((key, index) => [key, index]));
  }

  /** `windowMs` 0: durations of everything since the start. */
  measure({ clusters, routes }: Watched, windowMs = 0): Measured {
    const measured: Measured = { finished: 0, failed: 0, durations: new BucketCounts() };
    const add = (sample: Sample | null, histogram: HistogramData | null): void => {
      measured.finished += sample?.finished ?? 0;
      measured.failed += sample?.failed ?? 0;
      if (histogram !== null) measured.durations.add(histogram);
    };
    for (const name of clusters) {
      const index = this.#clusters.get(name);
      if (index !== undefined) add(this.cluster(index), this.#stats.clusterHistogram(this.#version, index, 'duration', windowMs));
    }
    if (routes === null) {
      // Their times are those of the clusters.
      for (const index of this.#stats.usedRoutes(this.#version)) add(this.route(index), null);
    } else {
      for (const key of routes) {
        const index = this.#routes.get(key);
        if (index !== undefined) add(this.route(index), this.#stats.routeHistogram(this.#version, index, 'duration', windowMs));
      }
    }
    return measured;
  }

  cluster(index: number): Sample | null {
    const stats = this.#stats.cluster(this.#version, index);
    return stats === null ? null : sampleOf(stats);
  }

  route(index: number): Sample | null {
    const stats = this.#stats.route(this.#version, index);
    return stats === null ? null : sampleOf(stats);
  }

  /** Everything that has taken a request. */
  all(): Map<string, Sample> {
    const samples = new Map<string, Sample>();
    for (const [name, index] of this.#clusters) {
      const sample = this.cluster(index);
      if (sample !== null && sample.finished > 0) samples.set(`cluster ${name}`, sample);
    }
    const keys = [...this.#routes.keys()];
    for (const index of this.#stats.usedRoutes(this.#version)) {
      const sample = this.route(index);
      if (sample !== null) samples.set(`route ${keys[index] ?? ''}`, sample);
    }
    return samples;
  }
}

type Answers = Record<'responses2xx' | 'responses3xx' | 'responses4xx' | 'responses5xx' | 'responsesNone', number>;

function sampleOf({ responses2xx, responses3xx, responses4xx, responses5xx, responsesNone }: Answers): Sample {
  const failed = responses5xx + responsesNone;
  return { finished: responses2xx + responses3xx + responses4xx + failed, failed };
}

/** Counters of some seconds ago: the engine keeps windows of its histograms, but not of its counters. */
export class Past {
  readonly #samples: { atMs: number; samples: Map<string, Sample> }[] = [];

  take(reader: Reader, nowMs: number): void {
    this.#samples.push({ atMs: nowMs, samples: reader.all() });
    while (this.#samples.length > 2 && nowMs - (this.#samples[0]?.atMs ?? 0) > WINDOW_MS) this.#samples.shift();
  }

  /** What came since the oldest sample. */
  since({ clusters, routes }: Watched, now: Sample): Sample {
    const oldest = this.#samples[0]?.samples ?? new Map<string, Sample>();
    const keys = [...clusters.map((name) => `cluster ${name}`), ...(routes ?? [...oldest.keys()].filter((key) => key.startsWith('route ')).map((key) => key.slice(6))).map((key) => `route ${key}`)];
    let { finished, failed } = now;
    for (const key of keys) {
      finished -= oldest.get(key)?.finished ?? 0;
      failed -= oldest.get(key)?.failed ?? 0;
    }
    return { finished: Math.max(0, finished), failed: Math.max(0, failed) };
  }
}

export interface Before {
  requests: number;
  errorRate: number;
  /** Null: too few to tell, so that p99 does not decide. */
  p99Us: number | null;
}

interface Watch {
  watched: Watched;
  before: Before;
  /** Totals at the change. */
  start: Measured;
}

/** What was seen of it until the change. `reader` reads the image before it. */
export function lookBack(reader: Reader, past: Past, watched: readonly Watched[]): { watched: Watched; before: Before }[] {
  return watched.map((one) => {
    const recent = reader.measure(one, WINDOW_MS);
    const { finished, failed } = past.since(one, recent);
    return {
      watched: one,
      before: {
        requests: finished,
        errorRate: finished === 0 ? 0 : failed / finished,
        p99Us: recent.durations.total < P99_REQUESTS ? null : recent.durations.quantile(0.99),
      },
    };
  });
}

export class Guard {
  readonly bounds: GuardBounds;
  readonly #reader: Reader;
  readonly #watches: Watch[];

  /** `reader` reads the image after the change. */
  constructor(reader: Reader, seen: readonly { watched: Watched; before: Before }[], bounds: GuardBounds) {
    this.bounds = bounds;
    this.#reader = reader;
    this.#watches = seen.map(({ watched, before }) => ({ watched, before, start: reader.measure(watched) }));
  }

  get watched(): { name: string; before: Before }[] {
    return this.#watches.map(({ watched: { name }, before }) => ({ name, before }));
  }

  /** Why the change has to be undone; null: nothing speaks against it. */
  judge(): string | null {
    const { maxErrorRate, maxP99, minRequests } = this.bounds;
    for (const { watched, before, start } of this.#watches) {
      const now = this.#reader.measure(watched);
      const finished = now.finished - start.finished;
      if (finished < minRequests) continue;
      const errorRate = Math.max(0, now.failed - start.failed) / finished;
      if (errorRate - before.errorRate > maxErrorRate)
        return `${watched.name}: ${percent(errorRate)} of ${finished} requests failed since the change, ${percent(before.errorRate)} of ${before.requests} before it, and maxErrorRate is ${maxErrorRate}`;
      const durations = now.durations.minus(start.durations);
      if (before.p99Us === null || durations.total < Math.max(minRequests, P99_REQUESTS)) continue;
      const p99Us = durations.quantile(0.99) ?? 0;
      if (p99Us > before.p99Us * maxP99 && p99Us - before.p99Us > P99_NOISE_US)
        return `${watched.name}: p99 is ${millis(p99Us)} since the change, it was ${millis(before.p99Us)}, and maxP99 is ${maxP99}`;
    }
    return null;
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const millis = (us: number): string => `${(us / 1000).toFixed(1)} ms`;
