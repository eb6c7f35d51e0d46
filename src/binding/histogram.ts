/** A histogram of the engine outside of it, for the conformance tests and the micro benches. */
import { HISTOGRAM_BUCKETS, HISTOGRAM_FIELDS, HISTOGRAM_WORDS } from './abi.ts';
import { addon } from './load.ts';
import type { NativeHistogram } from './native.ts';

/** A stretch of time that ends at `nowMs`, by the clock given to `collect`. */
export interface HistogramWindow {
  windowMs: number;
  nowMs: number;
}

const EVERYTHING: HistogramWindow = { windowMs: 0, nowMs: 0 };

/** One series: values are whole numbers (microseconds or bytes) from 0 to 2^40 - 1; larger ones are taken for the largest. */
export class Histogram {
  readonly #native: NativeHistogram = new addon.Histogram();
  readonly #words = new Float64Array(HISTOGRAM_WORDS);

  /** `times` < 2^31. */
  record(value: number, times = 1): void {
    this.#native.record(value, times);
  }

  recordMany(values: Float64Array): void {
    this.#native.recordMany(values);
  }

  /** Samples per bucket, all buckets. */
  counts(window = EVERYTHING): Float64Array {
    const counts = new Float64Array(HISTOGRAM_BUCKETS);
    const words = this.#read(window);
    const entries = words[HISTOGRAM_FIELDS.indexOf('entries')] ?? 0;
    for (let i = 0; i < entries; i++) {
      const at = HISTOGRAM_FIELDS.length + 2 * i;
      counts[words[at] ?? 0] = words[at + 1] ?? 0;
    }
    return counts;
  }

  field(name: (typeof HISTOGRAM_FIELDS)[number], window = EVERYTHING): number {
    return this.#read(window)[HISTOGRAM_FIELDS.indexOf(name)] ?? 0;
  }

  /** 0 without samples. */
  quantile(q: number, { windowMs, nowMs } = EVERYTHING): number {
    return this.#native.quantile(q, windowMs, nowMs);
  }

  /** Reads add the other's samples, also those that come later. */
  mergeFrom(other: Histogram): void {
    if (other === this) throw new TypeError('a histogram cannot be merged into itself');
    this.#native.mergeFrom(other.#native);
  }

  /** A tick of the windows. */
  collect(nowMs: number): void {
    this.#native.collect(nowMs);
  }

  /** Nanoseconds per record in a C++ loop: `threads` at once, each with a warm shard of its own. */
  timeRecords(records: number, threads: number): number {
    return this.#native.timeRecords(records, threads);
  }

  #read({ windowMs, nowMs }: HistogramWindow): Float64Array {
    this.#native.read(windowMs, nowMs, this.#words);
    return this.#words;
  }
}

export function createHistogram(): Histogram {
  return new Histogram();
}
