/** Reads the engine's log-linear histogram of microseconds (native/engine/histogram has the picture of its buckets). */
import { HISTOGRAM_SUB_BUCKET_BITS } from '../binding/abi.ts';

const SUB_BUCKETS = 1 << HISTOGRAM_SUB_BUCKET_BITS;

/** Upper bounds of the exported buckets, in seconds. The values are worth keeping: dashboards are built on them. */
export const LATENCY_BOUNDS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;

/** Smallest value of a native bucket; `lowerBoundUs(i + 1)` is the first value beyond bucket i. */
export function lowerBoundUs(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket;
  const shift = (bucket >> HISTOGRAM_SUB_BUCKET_BITS) - 1;
  return ((bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS) * 2 ** shift;
}

/** Middle of a bucket's values: what every sample in it is taken for. At most 1.6 % off. */
export function middleUs(bucket: number): number {
  return (lowerBoundUs(bucket) + lowerBoundUs(bucket + 1) - 1) / 2;
}

export interface FoldedHistogram {
  buckets: { le: number; count: number }[];
  count: number;
}

/** Folds the native buckets into the exported ones. */
export function foldLatency(counts: Float64Array): FoldedHistogram {
  const buckets: FoldedHistogram['buckets'] = [];
  let next = 0;
  let count = 0;
  for (const le of LATENCY_BOUNDS_SECONDS) {
    for (; next < counts.length && middleUs(next) <= le * 1e6; next++) count += counts[next] ?? 0;
    buckets.push({ le, count });
  }
  for (; next < counts.length; next++) count += counts[next] ?? 0;
  return { buckets, count };
}

/** The value in milliseconds below which the share `q` of the samples lies; null without samples. */
export function quantileMs(counts: Float64Array, q: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let seen = 0;
  let bucket = 0;
  for (; bucket < counts.length - 1; bucket++) {
    seen += counts[bucket] ?? 0;
    if (seen >= rank && seen > 0) break;
  }
  return middleUs(bucket) / 1000;
}
