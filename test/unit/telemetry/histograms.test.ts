import { describe, expect, it } from 'vitest';
import { DURATION, NATIVE_SCHEMA, SIZE, classicCounts, lowerBound, middle, nativeBuckets, quantile, type HistogramData, type HistogramKind } from '../../../src/telemetry/histograms.ts';
import { HISTOGRAM_BUCKETS, HISTOGRAM_MAX_BITS } from '../../../src/binding/abi.ts';
import { histogramData } from '../admin/support.ts';

function classicBuckets(data: HistogramData, kind: HistogramKind): { le: number; count: number }[] {
  const counts = new Float64Array(kind.bounds.length);
  classicCounts(data, kind, counts);
  return kind.bounds.map((le, at) => ({ le, count: counts[at] ?? NaN }));
}

const EVERY_BUCKET = histogramData(Object.fromEntries(Array.from({ length: HISTOGRAM_BUCKETS }, (_, i) => [i, 1])));
const bucketOf = (value: number): number => EVERY_BUCKET.buckets.findIndex((_, i) => value < lowerBound(i + 1));

describe('the native buckets of the engine', () => {
  it('join without gaps up to the end of the range', () => {
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
      expect(lowerBound(i + 1)).toBeGreaterThan(lowerBound(i));
      expect(lowerBound(i + 1) - 1 - middle(i)).toBeLessThanOrEqual(lowerBound(i) / 64);
    }
    expect(lowerBound(HISTOGRAM_BUCKETS)).toBe(2 ** HISTOGRAM_MAX_BITS);
  });
});

describe('classic buckets', () => {
  it.each([['durations', DURATION], ['sizes', SIZE]] as const)('of %s rise and leave out only what is beyond the last bound', (_, kind) => {
    const buckets = classicBuckets(EVERY_BUCKET, kind);
    expect(buckets.map(({ le }) => le)).toEqual([...kind.bounds]);
    expect(buckets.every(({ count }, i) => i === 0 || count > (buckets[i - 1]?.count ?? 0))).toBe(true);
    expect(buckets.at(-1)?.count).toBe(bucketOf((kind.bounds.at(-1) ?? 0) * kind.scale));
  });

  it('count a bound that lies in a bucket with its share of it', () => {
    const bound = 0.01;
    const bucket = bucketOf(bound * 1e6);
    const share = (bound * 1e6 + 1 - lowerBound(bucket)) / (lowerBound(bucket + 1) - lowerBound(bucket));
    const at = (samples: number): number | undefined => classicBuckets(histogramData({ [bucket]: samples }), DURATION).find(({ le }) => le === bound)?.count;
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
    expect(at(1_000_000)).toBe(Math.floor(share * 1_000_000));
    expect(at(0)).toBe(0);
    const counts = Array.from({ length: 200 }, (_, samples) => at(samples) ?? -1);
    expect(counts.every((count, i) => i === 0 || count >= (counts[i - 1] ?? 0))).toBe(true);
  });

  it('are within 3.2 % of the bound they name', () => {
    for (const { scale, bounds } of [DURATION, SIZE]) {
      for (const bound of bounds) {
        for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
          const count = classicBuckets(histogramData({ [bucket]: 1000 }), { scale, bounds: [bound] })[0]?.count ?? 0;
          if (lowerBound(bucket + 1) - 1 <= bound * scale) expect(count).toBe(1000);
          else if (lowerBound(bucket) > bound * scale) expect(count).toBe(0);
          else expect((lowerBound(bucket + 1) - lowerBound(bucket)) / (bound * scale)).toBeLessThan(0.032);
        }
      }
    }
  });

  it('count empty bodies apart', () => {
    const [none, small] = classicBuckets(histogramData({ 0: 4, 1: 2 }), SIZE);
    expect([none, small]).toEqual([{ le: 0, count: 4 }, { le: 100, count: 6 }]);
  });
});

describe('native histograms', () => {
  /** [upper bound, count] of every bucket, undone from the spans and deltas. */
  function unfold(data: Parameters<typeof nativeBuckets>[0], kind: typeof DURATION): [number, number][] {
    const { spans, deltas, schema } = nativeBuckets(data, kind);
    const found: [number, number][] = [];
    let index = 0;
    let count = 0;
    let next = 0;
    spans.forEach(({ offset, length }) => {
      index += offset;
      for (let k = 0; k < length; k++, index++) {
        count += deltas[next++] ?? NaN;
        found.push([2 ** (index / 2 ** schema), count]);
      }
    });
    expect(next).toBe(deltas.length);
    return found;
  }

  it.each([['durations', DURATION], ['sizes', SIZE]] as const)('hold every sample of %s in a bucket no further than the stated error', (_, kind) => {
    const width = 2 ** (1 / 2 ** NATIVE_SCHEMA);
    for (let bucket = 1; bucket < HISTOGRAM_BUCKETS; bucket++) {
      const found = unfold(histogramData({ [bucket]: 9 }), kind);
      expect(found.map(([, count]) => count)).toEqual([9]);
      const upper = (found[0]?.[0] ?? 0) * kind.scale;
      // Whatever a reader takes for the value lies between the two bounds.
      for (const value of [lowerBound(bucket), lowerBound(bucket + 1) - 1]) {
        expect(upper / value).toBeLessThan(1.039);
        expect(upper / width / value).toBeGreaterThan(1 - 0.039);
      }
    }
  });

  it('give back the samples of all buckets, those of 0 apart', () => {
    const data = histogramData({ 0: 5, 1: 3, 2: 4, 40: 1, 41: 2, 64: 7, 500: 8, 501: 9, [HISTOGRAM_BUCKETS - 1]: 10 });
    const buckets = nativeBuckets(data, SIZE);
    expect(buckets).toMatchObject({ schema: NATIVE_SCHEMA, zeroThreshold: 0.5, zeroCount: 5 });
    const found = unfold(data, SIZE);
    expect(found.map(([, count]) => count)).toEqual([3, 4, 1, 2, 7, 8, 9, 10]);
    expect(found[0]?.[0]).toBe(1);
    expect(found[1]?.[0]).toBe(2);
    for (const [i, bucket] of [1, 2, 40, 41, 64, 500, 501, HISTOGRAM_BUCKETS - 1].entries()) {
      const upper = found[i]?.[0] ?? 0;
      expect(upper).toBeGreaterThanOrEqual(middle(bucket) * (1 - 1e-12));
      expect(upper / 2 ** (1 / 2 ** NATIVE_SCHEMA)).toBeLessThan(middle(bucket));
    }
    expect(nativeBuckets(histogramData({}), DURATION)).toMatchObject({ zeroCount: 0, spans: [], deltas: [] });
  });
});

describe('quantiles', () => {
  it('are the middle of the bucket that holds the sample of that rank', () => {
    const data = histogramData({ 10: 90, 50: 10 }, 50);
    expect([0, 0.5, 0.9, 0.91, 1].map((q) => quantile(data, q))).toEqual([10, 10, 10, 50, 50]);
    expect(quantile(histogramData({}), 0.5)).toBeNull();
  });

  it('never exceed the largest sample, which is exact', () => {
    const data = histogramData({ [bucketOf(1_000_000)]: 100 }, 985_000);
    expect(quantile(data, 0.5)).toBe(985_000);
    expect(quantile(data, 1)).toBe(985_000);
  });

  it('take the sample of a rank that comes out whole', () => {
    // 0.07 * 100 is a little more than 7 in floating point.
    const data = histogramData({ 1: 7, 2: 93 }, 2);
    expect(quantile(data, 0.07)).toBe(1);
    expect(quantile(data, 0.0701)).toBe(2);
  });
});
