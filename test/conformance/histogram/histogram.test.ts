/** The histogram of the engine against one that keeps every sample. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HISTOGRAM_BUCKETS, HISTOGRAM_TICK_MS } from '../../../src/binding/abi.ts';
import { createHistogram } from '../../../src/binding/histogram.ts';
import { ReferenceHistogram, bucketOf, edges } from '../../reference/histogram/histogram.ts';
import { DISTRIBUTIONS, samplesOf } from './distributions.ts';

const EDGES = edges();
const LARGEST = 2 ** 40 - 1;
/** Half a bucket over its lower end. */
const ERROR = 1 / 64;
const PER_MILLION = [0, 1, 10_000, 500_000, 900_000, 990_000, 999_000, 999_900, 1_000_000];

describe('buckets', () => {
  it('are the same on every edge and on both sides of it', () => {
    expect(EDGES).toHaveLength(HISTOGRAM_BUCKETS + 1);
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
      const first = EDGES[bucket] ?? 0;
      const last = (EDGES[bucket + 1] ?? 0) - 1;
      const histogram = createHistogram();
      histogram.recordMany(Float64Array.of(first, last, Math.floor((first + last) / 2)));
      expect(histogram.counts()[bucket], `bucket ${bucket}`).toBe(3);
      expect((last - first) / 2).toBeLessThanOrEqual(first * ERROR);
    }
  });

  it('are the same for every value up to 2^17', () => {
    const values = Float64Array.from({ length: 2 ** 17 }, (_, i) => i);
    const histogram = createHistogram();
    histogram.recordMany(values);
    const expected = new Float64Array(HISTOGRAM_BUCKETS);
    for (const value of values) expected[bucketOf(value)] = (expected[bucketOf(value)] ?? 0) + 1;
    expect(histogram.counts()).toEqual(expected);
  });

  it('are the same for any value', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.maxSafeNat(), fc.integer({ min: 0, max: 40 }).map((bits) => 2 ** bits)), { maxLength: 200 }), (values) => {
      const histogram = createHistogram();
      const reference = new ReferenceHistogram();
      for (const value of values) {
        histogram.record(value);
        reference.record(value);
      }
      expect(Array.from(histogram.counts())).toEqual(reference.counts());
      expect(histogram.field('samples')).toBe(values.length);
      expect(histogram.field('max')).toBe(Math.min(Math.max(0, ...values), LARGEST));
    }));
  });
});

describe.each(Object.keys(DISTRIBUTIONS))('a %s distribution', (name) => {
  it.each([1, 7, 100, 20_000])('has the quantiles of its %i sorted samples within 1/64', (count) => {
    const samples = samplesOf(name, count);
    const histogram = createHistogram();
    histogram.recordMany(samples);
    const reference = new ReferenceHistogram();
    for (const value of samples) reference.record(value);
    for (const perMillion of PER_MILLION) {
      const exact = reference.quantile(perMillion);
      const found = histogram.quantile(perMillion / 1_000_000);
      expect(Math.abs(found - exact), `${perMillion / 10_000} %: ${found} for ${exact}`).toBeLessThanOrEqual(exact * ERROR);
    }
    expect(histogram.quantile(1)).toBe(Math.max(...samples));
    expect(histogram.field('sum')).toBe(samples.reduce((sum, value) => sum + value, 0));
  });
});

describe('merging', () => {
  it('gives the histogram of all samples together', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 50 }), { minLength: 1, maxLength: 6 }), (shards) => {
      const merged = createHistogram();
      const reference = new ReferenceHistogram();
      for (const samples of shards) {
        const shard = createHistogram();
        shard.recordMany(Float64Array.from(samples));
        merged.mergeFrom(shard);
        for (const value of samples) reference.record(value);
      }
      const all = createHistogram();
      all.recordMany(Float64Array.from(shards.flat()));
      expect(merged.counts()).toEqual(all.counts());
      expect(Array.from(merged.counts())).toEqual(reference.counts());
      for (const field of ['samples', 'sum', 'max'] as const) expect(merged.field(field)).toBe(all.field(field));
      for (const perMillion of PER_MILLION) expect(merged.quantile(perMillion / 1_000_000)).toBe(all.quantile(perMillion / 1_000_000));
    }));
  });

  it('refuses a histogram and itself', () => {
    const histogram = createHistogram();
    expect(() => histogram.mergeFrom(histogram)).toThrow(TypeError);
  });
});

describe('windows', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('record' as const), value: fc.integer({ min: 0, max: 2 ** 31 - 1 }), times: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('tick' as const), afterMs: fc.integer({ min: HISTOGRAM_TICK_MS, max: HISTOGRAM_TICK_MS + 900 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), afterMs: fc.integer({ min: 0, max: HISTOGRAM_TICK_MS - 1 }) }) },
  );

  it('hold the samples of the ticks that overlap them', () => {
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const histogram = createHistogram();
      const reference = new ReferenceHistogram();
      let tickMs = 1000;
      histogram.collect(tickMs);
      reference.tick(tickMs);
      for (const action of steps) {
        if (action.kind === 'record') {
          histogram.record(action.value, action.times);
          reference.record(action.value, action.times);
        } else if (action.kind === 'tick') {
          tickMs += action.afterMs;
          histogram.collect(tickMs);
          reference.tick(tickMs);
        } else {
          const nowMs = tickMs + action.afterMs;
          for (const windowMs of [10_000, 60_000]) {
            const window = { windowMs, nowMs };
            expect(Array.from(histogram.counts(window))).toEqual(reference.counts(windowMs, nowMs));
            const values = reference.values(windowMs, nowMs);
            expect(histogram.field('max', window)).toBe(Math.max(0, ...values));
            expect(histogram.field('sum', window)).toBe(values.reduce((sum, value) => sum + value, 0));
            expect(histogram.field('spanMs', window)).toBe(reference.spanMs(windowMs, nowMs));
            for (const perMillion of PER_MILLION) {
              const exact = reference.quantile(perMillion, windowMs, nowMs);
              expect(Math.abs(histogram.quantile(perMillion / 1_000_000, window) - exact)).toBeLessThanOrEqual(exact * ERROR);
            }
          }
        }
      }
    }), { numRuns: 60 });
  });

  it('are between as long as asked for and one tick longer', () => {
    const histogram = createHistogram();
    histogram.collect(0);
    for (let tick = 1; tick <= 40; tick++) {
      histogram.collect(tick * HISTOGRAM_TICK_MS);
      for (let afterMs = 0; afterMs < HISTOGRAM_TICK_MS; afterMs += 700) {
        const nowMs = tick * HISTOGRAM_TICK_MS + afterMs;
        for (const windowMs of [10_000, 60_000]) {
          const spanMs = histogram.field('spanMs', { windowMs, nowMs });
          if (nowMs < windowMs) expect(spanMs).toBe(nowMs);
          else expect(spanMs >= windowMs && spanMs < windowMs + HISTOGRAM_TICK_MS, `${spanMs} of ${windowMs} at ${nowMs}`).toBe(true);
        }
      }
    }
  });
});
