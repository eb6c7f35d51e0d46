import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, pauseMs, PENDING, type Health, type Verdict } from '../../../src/health/verdict.ts';

const THRESHOLDS = { healthyThreshold: 2, unhealthyThreshold: 3 };
const after = (results: string, thresholds = THRESHOLDS, from: Verdict = PENDING): Verdict =>
  [...results].reduce((verdict, result) => judge(verdict, result === '+', thresholds), from);

describe('a verdict', () => {
  it.each<[string, Health, number]>([
    ['', 'pending', 0],
    ['+', 'healthy', 0], // the first good answer admits
    ['-', 'pending', 1],
    ['--+', 'healthy', 0],
    ['---', 'unhealthy', 0],
    ['---+', 'unhealthy', 1],
    ['---++', 'healthy', 0],
    ['---+-+', 'unhealthy', 1], // in a row
    ['+--', 'healthy', 2],
    ['+--+--', 'healthy', 2],
    ['+---', 'unhealthy', 0],
    ['+---++', 'healthy', 0],
  ])('after %j is %s, with %i against it', (results, health, against) => {
    expect(after(results)).toEqual({ health, against });
  });

  it('is the one that the whole history gives, read backwards', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (results, healthyThreshold, unhealthyThreshold) => {
        const { health } = results.reduce((verdict, good) => judge(verdict, good, { healthyThreshold, unhealthyThreshold }), PENDING);
        expect(health).toBe(fromHistory(results, healthyThreshold, unhealthyThreshold));
      }),
    );
  });

  it('never has as many results against it as decide', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (results, healthyThreshold, unhealthyThreshold) => {
        let verdict = PENDING;
        for (const good of results) {
          verdict = judge(verdict, good, { healthyThreshold, unhealthyThreshold });
          expect(verdict.against).toBeLessThan(verdict.health === 'unhealthy' ? healthyThreshold : unhealthyThreshold);
        }
      }),
    );
  });
});

/** The definition in other words: whichever run that decides ended last, and before all such runs the first good answer. */
function fromHistory(results: readonly boolean[], healthyThreshold: number, unhealthyThreshold: number): Health {
  const isRun = (end: number, good: boolean, length: number): boolean => end >= length && results.slice(end - length, end).every((result) => result === good);
  for (let end = results.length; end > 0; end--) {
    if (isRun(end, false, unhealthyThreshold)) return 'unhealthy';
    const wasDown = Array.from({ length: end }, (_, i) => i).some((before) => isRun(before, false, unhealthyThreshold));
    if (isRun(end, true, wasDown ? healthyThreshold : 1)) return 'healthy';
  }
  return 'pending';
}

describe('the pause to the next check', () => {
  const INTERVALS = { intervalMs: 5_000, unhealthyIntervalMs: 9_000, edgeIntervalMs: 1_000, jitterPercent: 10 };
  const pause = (results: string, random: number, isFirst = false): number => pauseMs(after(results), INTERVALS, random, isFirst);

  it('depends on the state', () => {
    expect(['+', '---', '', '-', '+-', '---+'].map((results) => pause(results, 0))).toEqual([5_000, 9_000, 1_000, 1_000, 1_000, 1_000]);
  });

  it('is longer by up to the jitter', () => {
    expect([0, 0.5, 0.999].map((random) => pause('+', random))).toEqual([5_000, 5_250, 5_500]);
    expect(pauseMs(after('+'), { ...INTERVALS, jitterPercent: 0 }, 0.999, false)).toBe(5_000);
  });

  it('is any part of the interval after the first check, so that checks spread', () => {
    expect([0, 0.25, 0.999].map((random) => pause('+', random, true))).toEqual([0, 1_250, 4_995]);
    expect(pause('-', 0.25, true)).toBe(1_025);
  });
});
