/** Sums and differences of the engine's histograms. */
import { HISTOGRAM_BUCKETS } from '../binding/abi.ts';
import { middle, type HistogramData } from '../telemetry/histograms.ts';

/** Samples by bucket, all buckets. */
export class BucketCounts {
  readonly #counts = new Float64Array(HISTOGRAM_BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** `sign` -1 takes samples away; none stays below zero. */
  add({ buckets, counts }: Pick<HistogramData, 'buckets' | 'counts'>, sign: 1 | -1 = 1): this {
    for (const [i, bucket] of buckets.entries()) this.#add(bucket, sign * (counts[i] ?? 0));
    return this;
  }

  minus(earlier: BucketCounts): BucketCounts {
    const difference = new BucketCounts();
    for (const [bucket, count] of this.#counts.entries()) if (count !== 0) difference.#add(bucket, Math.max(0, count - (earlier.#counts[bucket] ?? 0)));
    return difference;
  }

  /** Null without samples. */
  quantile(q: number): number | null {
    let left = Math.max(1, Math.ceil(q * this.#total));
    if (this.#total === 0) return null;
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return middle(bucket);
    }
    return null;
  }

  #add(bucket: number, count: number): void {
    const before = this.#counts[bucket] ?? 0;
    const after = Math.max(0, before + count);
    this.#counts[bucket] = after;
    this.#total += after - before;
  }
}
