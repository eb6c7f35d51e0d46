import { CLUSTER_STATS, ENDPOINT_STATS, HISTOGRAM_BUCKETS, PROCESS_STATS } from '../binding/abi.ts';
import type { Engine } from './engine.ts';

export type ClusterStats = Record<(typeof CLUSTER_STATS)[number], number>;
export type EndpointStats = Record<(typeof ENDPOINT_STATS)[number], number>;
export type ProcessStats = Record<(typeof PROCESS_STATS)[number], number>;

/** Reads the engine's counters under their names. The readers give null when `version` is not the current image any more. */
export class Stats {
  readonly #engine: Engine;
  readonly #cluster = new Float64Array(CLUSTER_STATS.length);
  readonly #endpoint = new Float64Array(ENDPOINT_STATS.length);
  readonly #process = new Float64Array(PROCESS_STATS.length);

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  cluster(version: number, index: number): ClusterStats | null {
    return this.#engine.clusterStats(version, index, this.#cluster) ? named(CLUSTER_STATS, this.#cluster) : null;
  }

  endpoint(version: number, index: number): EndpointStats | null {
    return this.#engine.endpointStats(version, index, this.#endpoint) ? named(ENDPOINT_STATS, this.#endpoint) : null;
  }

  /** Counts per native bucket of the request duration in microseconds. */
  clusterHistogram(version: number, index: number): Float64Array | null {
    const counts = new Float64Array(HISTOGRAM_BUCKETS);
    return this.#engine.clusterHistogram(version, index, counts) ? counts : null;
  }

  process(): ProcessStats {
    this.#engine.processStats(this.#process);
    return named(PROCESS_STATS, this.#process);
  }
}

function named<N extends string>(names: readonly N[], values: Float64Array): Record<N, number> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? 0])) as Record<N, number>;
}
