/**
 * How far the two-bucket counter is from the exact log, and gcra from what it promises, on arrivals of three kinds.
 * The bounds are stated here and are what the documentation may claim.
 */
import { describe, expect, it } from 'vitest';
import { SlidingLog } from '../../reference/rate/limiter.ts';
import { MS, NativeLimiter, randomOf } from './support.ts';

const WINDOW_MS = 1000;
const START_NS = 5_000 * WINDOW_MS * MS;
const SEEDS = [1, 2, 3, 4, 5];

/** Most of `times` (ascending, ns) inside any half-open window. */
function mostInWindow(times: readonly number[], windowNs = WINDOW_MS * MS): number {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) >= windowNs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Poisson arrivals at `rate` times the limit, for so many windows. */
function poisson(seed: number, limit: number, rate: number, windows: number): number[] {
  const random = randomOf(seed);
  const times: number[] = [];
  for (let ms = 0; ms < windows * WINDOW_MS; ms += (-Math.log(1 - random()) * WINDOW_MS) / (limit * rate)) times.push(START_NS + Math.round(ms * MS));
  return times;
}

/** On for a while at ten times the limit, off for a while: bursts of about a fifth of a window. */
function bursts(seed: number, limit: number, windows: number): number[] {
  const random = randomOf(seed);
  const times: number[] = [];
  for (let ms = 0; ms < windows * WINDOW_MS; ms += 300 + random() * 1500) {
    const end = ms + random() * 400;
    for (; ms < end; ms += (-Math.log(1 - random()) * WINDOW_MS) / (limit * 10)) times.push(START_NS + Math.round(ms * MS));
  }
  return times;
}

interface Comparison {
  requests: number;
  /** Decisions that differ from those of the exact log that saw the same requests. */
  wronglyAdmitted: number;
  wronglyRefused: number;
  admitted: number;
  exactlyAdmitted: number;
  most: number;
}

function compare(times: readonly number[], limit: number): Comparison {
  const native = new NativeLimiter('slidingWindow', { limit, windowMs: WINDOW_MS, burst: 1 });
  const exact = new SlidingLog({ limit, windowMs: WINDOW_MS, burst: 1 });
  const admitted: number[] = [];
  const out: Comparison = { requests: times.length, wronglyAdmitted: 0, wronglyRefused: 0, admitted: 0, exactlyAdmitted: 0, most: 0 };
  for (const now of times) {
    const said = native.check(0, now).allowed;
    const right = exact.check(BigInt(now)).allowed;
    if (said) admitted.push(now);
    if (right) out.exactlyAdmitted++;
    if (said && !right) out.wronglyAdmitted++;
    if (right && !said) out.wronglyRefused++;
  }
  out.admitted = admitted.length;
  out.most = mostInWindow(admitted);
  return out;
}

describe('the sliding window against the exact log', () => {
  it.each(SEEDS)('decides alike on Poisson arrivals of half the limit (seed %d)', (seed) => {
    const { requests, wronglyAdmitted, wronglyRefused } = compare(poisson(seed, 100, 0.5, 200), 100);
    expect(wronglyAdmitted + wronglyRefused).toBe(0);
    expect(requests).toBeGreaterThan(9000);
  });

  it.each(SEEDS)('admits as many in total within 2 %% on Poisson arrivals near, at and above the limit (seed %d)', (seed) => {
    for (const rate of [0.9, 1, 1.5, 3]) {
      const { admitted, exactlyAdmitted, most } = compare(poisson(seed, 100, rate, 200), 100);
      expect(Math.abs(admitted - exactlyAdmitted) / exactlyAdmitted, `rate ${rate}`).toBeLessThan(0.02);
      // In the worst of all windows of such a stream.
      expect(most, `rate ${rate}`).toBeLessThanOrEqual(135);
    }
  });

  it.each(SEEDS)('admits as many in total within 10 %% on bursts (seed %d)', (seed) => {
    const { admitted, exactlyAdmitted, most } = compare(bursts(seed, 100, 400), 100);
    expect(Math.abs(admitted - exactlyAdmitted) / exactlyAdmitted).toBeLessThan(0.1);
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(200);
  });

  it('lets an adversary come near twice the limit inside one true window, and not above it', () => {
    const limit = 1000;
    const native = new NativeLimiter('slidingWindow', { limit, windowMs: WINDOW_MS, burst: 1 });
    // All at the very end of one window; then as fast as it is let during the next.
    const admitted: number[] = [];
    const ask = (now: number): void => {
      if (native.check(0, now).allowed) admitted.push(now);
    };
    for (let i = 0; i < limit; i++) ask(START_NS + (WINDOW_MS - 1) * MS);
    for (let us = 0; us < WINDOW_MS * 1000; us += 100) ask(START_NS + WINDOW_MS * MS + us * 1000);
    const most = mostInWindow(admitted);
    expect(most).toBeGreaterThan(1.95 * limit);
    expect(most).toBeLessThanOrEqual(2 * limit);
  });

  it('never admits more than twice the limit inside a window, whatever comes', () => {
    for (const seed of SEEDS) {
      const random = randomOf(seed);
      const limit = 1 + Math.floor(random() * 20);
      const native = new NativeLimiter('slidingWindow', { limit, windowMs: WINDOW_MS, burst: 1 });
      const admitted: number[] = [];
      let now = START_NS;
      for (let i = 0; i < 20_000; i++) {
        // Waits until the worst moments: just before and just after the ends of windows.
        const kind = random();
        if (kind < 0.1) now = (Math.floor(now / (WINDOW_MS * MS)) + 1) * WINDOW_MS * MS - Math.floor(random() * 3) * 1000;
        else if (kind < 0.4) now += Math.floor(random() * 200) * MS;
        if (native.check(0, now).allowed) admitted.push(now);
      }
      expect(mostInWindow(admitted), `limit ${limit}`).toBeLessThanOrEqual(2 * limit);
      expect(admitted.length).toBeGreaterThan(1000);
    }
  });
});

describe('gcra', () => {
  it('admits no more than limit + burst inside any window, on every kind of arrival', () => {
    for (const seed of SEEDS) {
      for (const [times, least] of [
        [poisson(seed, 100, 3, 50), 115],
        [bursts(seed, 100, 100), 80],
      ] as const) {
        const native = new NativeLimiter('gcra', { limit: 100, windowMs: WINDOW_MS, burst: 20 });
        const most = mostInWindow(times.filter((now) => native.check(0, now).allowed));
        expect(most).toBeGreaterThanOrEqual(least);
        expect(most).toBeLessThanOrEqual(120);
      }
    }
  });
});

describe('the sliding log', () => {
  it('admits exactly the limit inside the fullest window, on every kind of arrival', () => {
    for (const seed of SEEDS) {
      for (const times of [poisson(seed, 100, 3, 50), bursts(seed, 100, 100)]) {
        const native = new NativeLimiter('slidingLog', { limit: 100, windowMs: WINDOW_MS, burst: 1 });
        // Times count in microseconds.
        const admitted = times.filter((now) => native.check(0, now).allowed).map((now) => Math.floor(now / 1000));
        expect(mostInWindow(admitted, WINDOW_MS * 1000)).toBe(100);
      }
    }
  });
});
