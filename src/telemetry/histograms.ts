/**
 * What is made of the engine's log-linear histograms (native/engine/histogram/histogram.h has the picture of the buckets):
 * quantiles, the classic buckets of Prometheus and its native ones.
 */
import { HISTOGRAM_BUCKETS, HISTOGRAM_SUB_BUCKET_BITS } from '../binding/abi.ts';

/** Merged samples of one series, in whole microseconds or bytes. */
export interface HistogramData {
  count: number;
  sum: number;
  /** Exact. */
  max: number;
  /** How long the window really is; 0 for everything since the start. */
  spanMs: number;
  /** Native buckets that hold samples, rising; `counts` has their samples. */
  buckets: Uint32Array;
  counts: Float64Array;
}

const SUB_BUCKETS = 1 << HISTOGRAM_SUB_BUCKET_BITS;

/** How a histogram is exported: in which unit, and with which upper bounds of its classic buckets. */
export interface HistogramKind {
  /** Native values per exported unit. */
  scale: number;
  bounds: readonly number[];
}

/** Seconds. The bounds are worth keeping: dashboards are built on them. */
export const DURATION: HistogramKind = {
  scale: 1e6,
  bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
};
/** Bytes; `le="0"` counts what has no body. */
export const SIZE: HistogramKind = { scale: 1, bounds: [0, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10] };

/** Smallest value of a native bucket; `lowerBound(i + 1)` is the first value beyond bucket i. */
export function lowerBound(bucket: number): number {
  return LOWER_BOUNDS[bucket] ?? computedBound(bucket);
}

function computedBound(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket;
  const shift = (bucket >> HISTOGRAM_SUB_BUCKET_BITS) - 1;
  return ((bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS) * 2 ** shift;
}

// A page asks for hundreds of thousands of them.
const LOWER_BOUNDS = Float64Array.from({ length: HISTOGRAM_BUCKETS + 1 }, (_, bucket) => computedBound(bucket));

/** Middle of a bucket's values: what every sample in it is taken for. At most 1/64 (1.6 %) off. */
export function middle(bucket: number): number {
  return (lowerBound(bucket) + lowerBound(bucket + 1) - 1) / 2;
}

/**
 * Counts up to each bound, into `out`. A bound that lies inside a native bucket takes its share of it, as if the samples were spread
 * evenly: the count is exact for some bound that is at most 1/32 (3.1 %) away, and never falls from one scrape to the next.
 */
export function classicCounts({ buckets, counts }: HistogramData, { scale, bounds }: HistogramKind, out: Float64Array): void {
  let next = 0;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    const bound = Math.round((bounds[i] ?? 0) * scale);
    for (; next < buckets.length && lowerBound((buckets[next] ?? 0) + 1) <= bound + 1; next++) below += counts[next] ?? 0;
    const bucket = buckets[next];
    if (bucket === undefined || lowerBound(bucket) > bound) {
      out[i] = below;
      continue;
    }
    const share = (bound + 1 - lowerBound(bucket)) / (lowerBound(bucket + 1) - lowerBound(bucket));
    out[i] = below + Math.floor(share * (counts[next] ?? 0));
  }
}

/** A native histogram as Prometheus defines it: bucket i holds values in (2^((i-1)/2^schema), 2^(i/2^schema)]. */
export interface NativeBuckets {
  schema: number;
  zeroThreshold: number;
  zeroCount: number;
  /** Runs of buckets: `offset` to the end of the run before (for the first, to bucket 0). */
  spans: { offset: number; length: number }[];
  /** Counts of the buckets in the runs, each as the difference to the one before. */
  deltas: number[];
}

/**
 * Buckets that are 2.2 % wide, the nearest to ours; a scraper that wants fewer merges them (`native_histogram_min_bucket_factor`).
 * Each of our buckets goes whole to the one that its middle lies in. So a value read from the native histogram is at most
 * 1.6 % (our bucket) and 2.2 % (theirs) off, 3.8 % together. Counts stay whole and never fall.
 */
export const NATIVE_SCHEMA = 5;

/** Where each of our buckets goes; a logarithm for each at every scrape would be most of its time. */
const indexTables = new WeakMap<HistogramKind, Int32Array>();
function nativeIndexes(kind: HistogramKind): Int32Array {
  let indexes = indexTables.get(kind);
  if (indexes === undefined) {
    indexes = Int32Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) => (bucket === 0 ? 0 : Math.ceil(Math.log2(middle(bucket) / kind.scale) * 2 ** NATIVE_SCHEMA)));
    indexTables.set(kind, indexes);
  }
  return indexes;
}

export function nativeBuckets({ buckets, counts }: HistogramData, kind: HistogramKind): NativeBuckets {
  const { scale } = kind;
  const indexes = nativeIndexes(kind);
  const spans: NativeBuckets['spans'] = [];
  const deltas: number[] = [];
  let zeroCount = 0;
  let last: number | undefined;
  let lastCount = 0;
  let pending = 0;
  const flush = (): void => {
    if (last === undefined) return;
    deltas.push(pending - lastCount);
    lastCount = pending;
    pending = 0;
  };
  buckets.forEach((bucket, i) => {
    const count = counts[i] ?? 0;
    if (bucket === 0) {
      zeroCount = count;
      return;
    }
    const index = indexes[bucket] ?? 0;
    if (index !== last) {
      flush();
      const run = spans.at(-1);
      if (run !== undefined && last !== undefined && index === last + 1) run.length++;
      else spans.push({ offset: last === undefined ? index : index - last - 1, length: 1 });
      last = index;
    }
    pending += count;
  });
  flush();
  return { schema: NATIVE_SCHEMA, zeroThreshold: 0.5 / scale, zeroCount, spans, deltas };
}

/**
 * The value that the share `q` of the samples does not exceed: the middle of the bucket of the sample with that rank, never
 * above the largest sample, which is exact. Null without samples. The same rule as HistogramCounts::quantile.
 */
export function quantile({ count, max, buckets, counts }: HistogramData, q: number): number | null {
  if (count === 0) return null;
  const product = Math.min(Math.max(q, 0), 1) * count;
  const rank = Math.min(Math.max(Math.ceil(product - product * 1e-12), 1), count);
  if (rank === count) return max;
  let seen = 0;
  const at = counts.findIndex((samples) => (seen += samples) >= rank);
  return Math.min(middle(buckets[at] ?? 0), max);
}

export type Quantiles = Record<'p50' | 'p90' | 'p99' | 'p999' | 'p9999' | 'max', number | null>;

/** The usual quantiles, in native values over `scale`. */
export function quantiles(data: HistogramData, scale: number): Quantiles {
  const at = (q: number): number | null => {
    const value = quantile(data, q);
    return value === null ? null : value / scale;
  };
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), p9999: at(0.9999), max: at(1) };
}
