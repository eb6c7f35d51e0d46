import {
  CLUSTER_HISTOGRAMS, CLUSTER_STATS, DIGEST_FIELDS, DIGEST_WINDOWS_MS, ENDPOINT_HISTOGRAMS, ENDPOINT_STATS, HISTOGRAM_FIELDS, HISTOGRAM_WORDS, LISTENER_HISTOGRAMS, LISTENER_STATS, PROCESS_STATS, RATE_STATS, RATE_TABLE_STATS, ROUTE_HISTOGRAMS, ROUTE_STATS,
} from '../binding/abi.ts';
import type { DigestQuery, HistogramQuery } from '../binding/addon.ts';
import type { Clock } from '../core/clock.ts';
import type { HistogramData } from '../telemetry/histograms.ts';
import type { Engine } from './engine.ts';

export type ListenerStats = Record<(typeof LISTENER_STATS)[number], number>;
export type ClusterStats = Record<(typeof CLUSTER_STATS)[number], number>;
export type EndpointStats = Record<(typeof ENDPOINT_STATS)[number], number>;
export type RouteStats = Record<(typeof ROUTE_STATS)[number], number>;
export type RateLimitStats = Record<(typeof RATE_STATS)[number], number>;
export type RateTableStats = Record<(typeof RATE_TABLE_STATS)[number], number>;
export type ProcessStats = Record<(typeof PROCESS_STATS)[number], number>;
export type ListenerPhase = (typeof LISTENER_HISTOGRAMS)[number];
export type ClusterPhase = (typeof CLUSTER_HISTOGRAMS)[number];
export type EndpointPhase = (typeof ENDPOINT_HISTOGRAMS)[number];
export type RoutePhase = (typeof ROUTE_HISTOGRAMS)[number];

/** Places of HISTOGRAM_FIELDS. */
const FIELD = Object.fromEntries(HISTOGRAM_FIELDS.map((name, i) => [name, i])) as Record<(typeof HISTOGRAM_FIELDS)[number], number>;

/** What people want to know of a series, in whole microseconds or bytes. */
export type Digest = Record<(typeof DIGEST_FIELDS)[number], number>;
/** By DIGEST_WINDOWS_MS. */
export type Digests = Digest[];

/** Reads the engine's numbers under their names. The readers give null when `version` is not the current image any more. */
export class Stats {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #listener = new Float64Array(LISTENER_STATS.length);
  readonly #cluster = new Float64Array(CLUSTER_STATS.length);
  readonly #endpoint = new Float64Array(ENDPOINT_STATS.length);
  readonly #route = new Float64Array(ROUTE_STATS.length);
  readonly #rateLimit = new Float64Array(RATE_STATS.length);
  readonly #rateTable = new Float64Array(RATE_TABLE_STATS.length);
  readonly #process = new Float64Array(PROCESS_STATS.length);
  readonly #digest = new Float64Array(DIGEST_WINDOWS_MS.length * DIGEST_FIELDS.length);
  readonly #histogram = new Float64Array(HISTOGRAM_WORDS);

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  listener(version: number, index: number): ListenerStats | null {
    return this.#engine.listenerStats(version, index, this.#listener) ? named(LISTENER_STATS, this.#listener) : null;
  }

  cluster(version: number, index: number): ClusterStats | null {
    return this.#engine.clusterStats(version, index, this.#cluster) ? named(CLUSTER_STATS, this.#cluster) : null;
  }

  endpoint(version: number, index: number): EndpointStats | null {
    return this.#engine.endpointStats(version, index, this.#endpoint) ? named(ENDPOINT_STATS, this.#endpoint) : null;
  }

  route(version: number, index: number): RouteStats | null {
    return this.#engine.routeStats(version, index, this.#route) ? named(ROUTE_STATS, this.#route) : null;
  }

  /** Routes that have taken a request, in the order of the configuration. */
  usedRoutes(version: number): Uint32Array {
    return this.#engine.usedRoutes(version).sort();
  }

  /** `windowMs` 0 is everything since the start. */
  listenerHistogram(version: number, index: number, phase: ListenerPhase, windowMs = 0): HistogramData | null {
    return this.#data((query, out) => this.#engine.listenerHistogram(query, out), { version, index, phase: LISTENER_HISTOGRAMS.indexOf(phase), windowMs });
  }

  clusterHistogram(version: number, index: number, phase: ClusterPhase, windowMs = 0): HistogramData | null {
    return this.#data((query, out) => this.#engine.clusterHistogram(query, out), { version, index, phase: CLUSTER_HISTOGRAMS.indexOf(phase), windowMs });
  }

  endpointHistogram(version: number, index: number, phase: EndpointPhase, windowMs = 0): HistogramData | null {
    return this.#data((query, out) => this.#engine.endpointHistogram(query, out), { version, index, phase: ENDPOINT_HISTOGRAMS.indexOf(phase), windowMs });
  }

  routeHistogram(version: number, index: number, phase: RoutePhase, windowMs = 0): HistogramData | null {
    return this.#data((query, out) => this.#engine.routeHistogram(query, out), { version, index, phase: ROUTE_HISTOGRAMS.indexOf(phase), windowMs });
  }

  /** Quantiles of the windows of DIGEST_WINDOWS_MS, for a fraction of what their histograms cost. */
  listenerDigests(version: number, index: number, phase: ListenerPhase): Digests | null {
    return this.#digests((query, out) => this.#engine.listenerDigest(query, out), { version, index, phase: LISTENER_HISTOGRAMS.indexOf(phase) });
  }

  clusterDigests(version: number, index: number, phase: ClusterPhase): Digests | null {
    return this.#digests((query, out) => this.#engine.clusterDigest(query, out), { version, index, phase: CLUSTER_HISTOGRAMS.indexOf(phase) });
  }

  endpointDigests(version: number, index: number, phase: EndpointPhase): Digests | null {
    return this.#digests((query, out) => this.#engine.endpointDigest(query, out), { version, index, phase: ENDPOINT_HISTOGRAMS.indexOf(phase) });
  }

  routeDigests(version: number, index: number, phase: RoutePhase): Digests | null {
    return this.#digests((query, out) => this.#engine.routeDigest(query, out), { version, index, phase: ROUTE_HISTOGRAMS.indexOf(phase) });
  }

  /** `index` counts as in describe().rateLimits. */
  rateLimit(version: number, index: number): RateLimitStats | null {
    return this.#engine.rateLimitStats(version, index, this.#rateLimit) ? named(RATE_STATS, this.#rateLimit) : null;
  }

  rateTable(): RateTableStats {
    this.#engine.rateTableStats(this.#rateTable);
    return named(RATE_TABLE_STATS, this.#rateTable);
  }

  process(): ProcessStats {
    this.#engine.processStats(this.#process);
    return named(PROCESS_STATS, this.#process);
  }

  /** Every HISTOGRAM_TICK_MS: the windows are made of what came between two calls. */
  collect(): void {
    this.#engine.collectHistograms(this.#nowMs());
  }

  #data(read: (query: HistogramQuery, out: Float64Array) => boolean, query: Omit<HistogramQuery, 'nowMs'>): HistogramData | null {
    const words = this.#histogram;
    if (!read({ ...query, nowMs: this.#nowMs() }, words)) return null;
    // A scrape reads thousands of them.
    const entries = words[FIELD.entries] ?? 0;
    const buckets = new Uint32Array(entries);
    const counts = new Float64Array(entries);
    for (let i = 0, at = HISTOGRAM_FIELDS.length; i < entries; i++) {
      buckets[i] = words[at++] ?? 0;
      counts[i] = words[at++] ?? 0;
    }
    return { count: words[FIELD.samples] ?? 0, sum: words[FIELD.sum] ?? 0, max: words[FIELD.max] ?? 0, spanMs: words[FIELD.spanMs] ?? 0, buckets, counts };
  }

  #digests(read: (query: DigestQuery, out: Float64Array) => boolean, query: Omit<DigestQuery, 'nowMs'>): Digests | null {
    if (!read({ ...query, nowMs: this.#nowMs() }, this.#digest)) return null;
    const { length } = DIGEST_FIELDS;
    return DIGEST_WINDOWS_MS.map((_ms, i) => named(DIGEST_FIELDS, this.#digest.subarray(i * length, (i + 1) * length)));
  }

  #nowMs(): number {
    return Math.floor(this.#clock.monotonicMs());
  }
}

function named<N extends string>(names: readonly N[], values: Float64Array): Record<N, number> {
  // A scrape makes thousands of these: no array of pairs in between.
  const record = {} as Record<N, number>;
  for (const [i, name] of names.entries()) record[name] = values[i] ?? 0;
  return record;
}
