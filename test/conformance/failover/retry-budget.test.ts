import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRetryBudget, drawBackoffs } from '../../../src/binding/retry-budget.ts';
import { ReferenceRetryBudget, referenceBackoffBound } from '../../reference/failover/retry-budget.ts';

const START_MS = 7_000_000;

const settings = fc.record({
  windowMs: fc.oneof(fc.constantFrom(1000, 1003, 10_000, 60_000), fc.integer({ min: 1000, max: 20_000 })),
  percent: fc.oneof(fc.constantFrom(0, 20, 100), fc.integer({ min: 0, max: 1000 })),
  minPerSecond: fc.oneof(fc.constantFrom(0, 1, 10), fc.integer({ min: 0, max: 50 })),
});

/** Steps as shares of a window: mostly small, now and then across several buckets, or past everything. */
const events = fc.array(
  fc.record({
    step: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      { weight: 6, arbitrary: fc.double({ min: 0, max: 0.12, noNaN: true }) },
      { weight: 2, arbitrary: fc.double({ min: 0, max: 2.5, noNaN: true }) },
      { weight: 2, arbitrary: fc.constantFrom(0.1, 0.9, 1, 1.1) },
    ),
    worker: fc.integer({ min: 0, max: 3 }),
    requests: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
    retries: fc.integer({ min: 0, max: 6 }),
  }),
  { minLength: 1, maxLength: 120 },
);

describe('the retry budget', () => {
  it('grants and refuses like the reference, whoever counts and whenever', () => {
    let granted = 0;
    let refused = 0;
    fc.assert(
      fc.property(settings, events, ({ windowMs, percent, minPerSecond }, sequence) => {
        const native = createRetryBudget(windowMs);
        const reference = new ReferenceRetryBudget(windowMs);
        let nowMs = START_MS;
        for (const { step, worker, requests, retries } of sequence) {
          nowMs += Math.round(step * windowMs);
          native.add(worker, requests, nowMs);
          for (let n = 0; n < requests; n++) reference.add(nowMs);
          for (let n = 0; n < retries; n++) {
            const expected = reference.take(percent, minPerSecond, nowMs);
            expect(native.take(percent, minPerSecond, nowMs)).toBe(expected);
            if (expected) granted++;
            else refused++;
          }
          expect([native.requests(nowMs), native.spent(nowMs)]).toEqual([reference.requests(nowMs), reference.spent(nowMs)]);
        }
      }),
      { numRuns: 400 },
    );
    // Both came up, and not by the way.
    expect(Math.min(granted, refused)).toBeGreaterThan(100);
  });

  it('bounds what an outage adds, however many ask: the share of the requests and the floor', () => {
    const budget = createRetryBudget(10_000);
    let granted = 0;
    // A minute of 100 requests a second that all fail, and are tried again twice if they may.
    for (let ms = 0; ms < 60_000; ms += 10) {
      budget.add((ms / 10) % 4, 1, START_MS + ms);
      for (let n = 0; n < 2; n++) if (budget.take(20, 10, START_MS + ms)) granted++;
      expect(budget.spent(START_MS + ms)).toBeLessThanOrEqual(0.2 * 1000 + 100);
    }
    // 20 % of 6000 requests and 10 a second: the windows begin full, and end where they are.
    expect(granted).toBeGreaterThan(0.8 * (1200 + 600));
    expect(granted).toBeLessThanOrEqual(1200 + 600 + 100);
  });

  it('grants exactly what there is to threads that ask at once', () => {
    for (const [percent, requests, floor, expected] of [
      [20, 1000, 10, 300],
      [0, 1000, 7, 70],
      [55, 1001, 0, 550],
    ] as const) {
      for (let round = 0; round < 20; round++) {
        const budget = createRetryBudget(10_000);
        for (let worker = 0; worker < 5; worker++) budget.add(worker, Math.floor(requests / 5) + (worker < requests % 5 ? 1 : 0), START_MS);
        expect(budget.hammer(percent, floor, START_MS, 0, 400, 4)).toBe(expected);
        expect(budget.spent(START_MS)).toBe(expected);
      }
    }
  });

  it('never grants more than the floor of two windows to threads that race through one and a bit', () => {
    for (let round = 0; round < 50; round++) {
      const budget = createRetryBudget(1000);
      // Every thread asks 1200 times, once a millisecond of its own: they drift apart by as much as they like.
      const granted = budget.hammer(0, 100, START_MS, 1, 1200, 4);
      expect(granted).toBeGreaterThanOrEqual(100);
      expect(granted).toBeLessThanOrEqual(200);
    }
  });
});

describe('the back-off', () => {
  const waits = fc.record({
    baseMs: fc.integer({ min: 0, max: 86_400_000 }),
    more: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 86_400_000 })),
    retry: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1000 })),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  });

  it('lies below its bound, which doubles up to its maximum', () => {
    fc.assert(
      fc.property(waits, ({ baseMs, more, retry, seed }) => {
        const maxMs = Math.min(baseMs + more, 86_400_000);
        const bound = referenceBackoffBound(baseMs, maxMs, retry);
        const draws = new Float64Array(50);
        drawBackoffs(baseMs, maxMs, retry, seed, draws);
        for (const draw of draws) {
          expect(draw).toBeGreaterThanOrEqual(0);
          expect(draw).toBeLessThan(Math.max(bound, 1));
        }
      }),
    );
  });

  it('takes every value below its bound equally often', () => {
    for (const [retry, bound] of [
      [1, 25],
      [2, 50],
      [3, 100],
      [4, 200],
      [5, 250],
      [9, 250],
    ] as const) {
      const draws = new Float64Array(bound * 2000);
      drawBackoffs(25, 250, retry, 42 + retry, draws);
      const times = new Array<number>(bound).fill(0);
      for (const draw of draws) times[draw] = (times[draw] ?? 0) + 1;
      // 2000 of each on average, with a standard deviation of 45: nothing beyond 5 of them.
      expect(times).toHaveLength(bound);
      expect(Math.min(...times), `retry ${retry}`).toBeGreaterThan(1770);
      expect(Math.max(...times), `retry ${retry}`).toBeLessThan(2230);
    }
  });
});
