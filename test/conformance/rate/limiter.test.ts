import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RATE_ALGORITHM, RATE_TABLE_STATS } from '../../../src/binding/abi.ts';
import { createRateTable } from '../../../src/binding/rate-table.ts';
import { siphash } from '../../reference/rate/siphash.ts';
import { ALGORITHMS, MS, NativeLimiter, referenceOf, type Algorithm } from './support.ts';

const START_NS = 3_000_000 * MS;

const settings = fc.record({
  limit: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 128 })),
  windowMs: fc.oneof(fc.constantFrom(1, 7, 10, 1000, 60_000, 86_400_000), fc.integer({ min: 1, max: 5000 })),
  burst: fc.integer({ min: 1, max: 12 }),
});

/** Arrivals as fractions of a window: mostly close together, now and then a window or two apart, or a little back. */
const arrivals = fc.array(
  fc.record({
    client: fc.integer({ min: 0, max: 2 }),
    step: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      { weight: 8, arbitrary: fc.double({ min: 0, max: 0.2, noNaN: true }) },
      { weight: 2, arbitrary: fc.double({ min: 0, max: 2.5, noNaN: true }) },
      { weight: 2, arbitrary: fc.constantFrom(0.5, 1, 2) },
      { weight: 2, arbitrary: fc.double({ min: -0.3, max: 0, noNaN: true }) },
    ),
  }),
  { minLength: 1, maxLength: 200 },
);

/** A clock goes back by milliseconds, whatever the window is. */
const advance = (nowNs: number, step: number, windowMs: number): number => Math.max(START_NS, nowNs + Math.round(step * (step < 0 ? Math.min(windowMs, 50) : windowMs) * MS));

describe.each(ALGORITHMS)('%s', (algorithm) => {
  it('decides and counts like the reference', () => {
    fc.assert(
      fc.property(settings, arrivals, (limit, requests) => {
        const native = new NativeLimiter(algorithm, limit);
        const reference = [0, 1, 2].map(() => referenceOf(algorithm, limit));
        let nowNs = START_NS;
        // Where the clock goes back, one client only: another one may take over the place of a client who is forgotten by
        // the later reading, and the earlier one would still know him. The reference has a place for everybody.
        const alone = requests.some(({ step }) => step < 0);
        for (const { client: drawn, step } of requests) {
          const client = alone ? 0 : drawn;
          nowNs = advance(nowNs, step, limit.windowMs);
          const looked = native.peek(client, nowNs);
          const answer = native.check(client, nowNs);
          expect({ ...answer, nowNs }).toEqual({ ...reference[client]?.check(BigInt(nowNs)), nowNs });
          expect(looked.allowed).toBe(answer.allowed);
          expect(looked.remaining).toBe(answer.remaining + (answer.allowed ? 1 : 0));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('admits a client who waits as long as it was told, and not a millisecond before', () => {
    fc.assert(
      fc.property(settings, arrivals, (limit, requests) => {
        const native = new NativeLimiter(algorithm, limit);
        let nowNs = START_NS;
        for (const { step } of requests) {
          nowNs = advance(nowNs, Math.abs(step), limit.windowMs);
          const { retryAfterMs } = native.check(0, nowNs);
          expect(native.peek(0, nowNs + retryAfterMs * MS).allowed).toBe(true);
          if (retryAfterMs > 0) expect(native.peek(0, nowNs + (retryAfterMs - 1) * MS).allowed).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is as new after the time until its reset', () => {
    fc.assert(
      fc.property(settings, arrivals, (limit, requests) => {
        const native = new NativeLimiter(algorithm, limit);
        const fresh = native.peek(1, START_NS).remaining;
        let nowNs = START_NS;
        for (const { step } of requests) {
          nowNs = advance(nowNs, Math.abs(step), limit.windowMs);
          const { resetMs } = native.check(0, nowNs);
          expect(native.peek(0, nowNs + resetMs * MS)).toEqual({ allowed: true, remaining: fresh, resetMs: 0, retryAfterMs: 0 });
        }
      }),
      { numRuns: 100 },
    );
  });

  it('admits exactly the limit to two threads on one client, window after window', () => {
    const limit = 100;
    const native = new NativeLimiter(algorithm, { limit, windowMs: 10, burst: limit });
    for (let window = 0; window < 2000; window++) {
      const admitted = native.table.hammer(native.rule, 7, 7 << 20, START_NS + window * 30 * MS, 0, limit, 2);
      expect(admitted, `window ${window}`).toBe(limit);
    }
  });
});

describe('slidingWindow', () => {
  it.each([2, 3, 1000, 2 ** 20, 2 ** 22, 2 ** 22 + 1, 2 ** 23 - 10_002, 2 ** 23 + 2, 2 ** 24 - 20_000])(
    'takes a client that was away for %d windows as new, and gives its slot away',
    (windows) => {
      const native = new NativeLimiter('slidingWindow', { limit: 1, windowMs: 1, burst: 1 });
      expect([native.check(0, START_NS).allowed, native.check(0, START_NS).allowed]).toEqual([true, false]);
      const later = START_NS + windows * MS;
      expect(native.peek(0, later)).toEqual({ allowed: true, remaining: 1, resetMs: 0, retryAfterMs: 0 });
      const keys = new Float64Array(RATE_TABLE_STATS.length);
      native.table.stats(keys, later);
      expect(keys[RATE_TABLE_STATS.indexOf('keys')]).toBe(0);
    },
  );

  it('believes a client whose clock is up to ten seconds behind the others', () => {
    for (const windowMs of [1, 10, 1000, 60_000]) {
      const native = new NativeLimiter('slidingWindow', { limit: 2, windowMs, burst: 1 });
      const ahead = START_NS + 10_000 * MS;
      expect([1, 2, 3].map(() => native.check(0, ahead).allowed)).toEqual([true, true, false]);
      for (const behindMs of [1, 50, 3000, 9999]) {
        expect(native.check(0, ahead - behindMs * MS).allowed, `${behindMs} ms`).toBe(false);
        // Nor is the slot given away to somebody with such a clock.
        const keys = new Float64Array(RATE_TABLE_STATS.length);
        native.table.stats(keys, ahead - behindMs * MS);
        expect(keys[RATE_TABLE_STATS.indexOf('keys')]).toBe(1);
      }
    }
  });
});

describe('gcra', () => {
  it('with burst 1 admits one request to an idle client, then one per interval', () => {
    const native = new NativeLimiter('gcra', { limit: 4, windowMs: 1000, burst: 1 });
    const admitted: number[] = [];
    for (let ms = 0; ms <= 1000; ms++) if (native.check(0, START_NS + ms * MS).allowed) admitted.push(ms);
    expect(admitted).toEqual([0, 250, 500, 750, 1000]);
  });

  it('admits the whole burst at once, and never more than limit + burst in a window', () => {
    const native = new NativeLimiter('gcra', { limit: 10, windowMs: 1000, burst: 5 });
    let admitted = 0;
    for (let i = 0; i < 20; i++) admitted += native.check(0, START_NS).allowed ? 1 : 0;
    expect(admitted).toBe(5);
    for (let ms = 1; ms <= 1000; ms++) admitted += native.check(0, START_NS + ms * MS).allowed ? 1 : 0;
    expect(admitted).toBe(15);
  });
});

describe('a rule', () => {
  it.each<[Algorithm, number, number]>([
    ['slidingWindow', 0, 1000],
    ['slidingWindow', 1_000_001, 1000],
    ['slidingLog', 129, 1000],
    ['gcra', 0, 1000],
    ['gcra', 1, 0],
  ])('of %s with limit %d in %d ms is refused', (algorithm, limit, windowMs) => {
    expect(createRateTable(64, [1, 2, 3, 4]).addRule(RATE_ALGORITHM[algorithm], limit, windowMs, 1)).toBe(-1);
  });

  it('at the largest settings neither overflows nor admits more than its limit', () => {
    const limit = 1_000_000;
    const native = new NativeLimiter('slidingWindow', { limit, windowMs: 86_400_000, burst: 1 });
    const dayNs = 86_400_000 * MS;
    const admitted = native.table.hammer(native.rule, 1, 1 << 20, 40 * dayNs, 0, limit + 10, 1);
    expect(admitted).toBe(limit);
    expect(native.table.hammer(native.rule, 1, 1 << 20, 41.5 * dayNs, 0, limit, 1)).toBe(limit / 2);
    // The largest burst that a configuration may have: a week.
    const week = new NativeLimiter('gcra', { limit: 100_000, windowMs: 86_400_000, burst: 700_000 });
    expect(week.table.hammer(week.rule, 1, 1 << 20, 40 * dayNs, 0, 400_000, 2)).toBe(700_000);
    expect(week.table.hammer(week.rule, 1, 1 << 20, 43 * dayNs, 0, 400_000, 1)).toBe(300_000);
  });
});

describe('SipHash-1-3', () => {
  it('equals the reference, which gives the published values of SipHash-2-4', () => {
    const counting = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i);
    const key = new DataView(counting(16).buffer);
    const paperKey: [bigint, bigint] = [key.getBigUint64(0, true), key.getBigUint64(8, true)];
    expect(siphash(2, 4, paperKey, counting(15))).toBe(0xa129ca6149be45e5n);
    expect(siphash(2, 4, paperKey, counting(0))).toBe(0x726fdb47dd0e0e31n);
    const out = new Uint32Array(2);
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.uint8Array({ maxLength: 300 }), (words, bytes) => {
        createRateTable(64, words).hash(bytes, out);
        const [a, b, c, d] = words.map(BigInt) as [bigint, bigint, bigint, bigint];
        const expected = siphash(1, 3, [a | (b << 32n), c | (d << 32n)], bytes);
        expect(BigInt(out[0] ?? 0) | (BigInt(out[1] ?? 0) << 32n)).toBe(expected);
      }),
    );
  });
});
