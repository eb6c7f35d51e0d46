import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, medianInterval, pairedRatio, quantile, randomOf, spread, studentQuantile, verdict, worst } from '../../../bench/stats.mjs';

const ROUNDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];

describe('medians and quartiles', () => {
  it('of an odd number the middle one, of an even number between the two', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 6])).toBe(5.5);
    expect(median([7])).toBe(7);
  });

  it('of nothing is not a number', () => {
    expect(median([])).toBeNaN();
    expect(spread([])).toEqual({ n: 0, min: NaN, q1: NaN, median: NaN, q3: NaN, max: NaN });
  });

  it('are those of R (type 7) and do not sort as text', () => {
    // R: summary(c(3,1,4,1,5,9,2,6,5,3))
    expect(spread(ROUNDS)).toEqual({ n: 10, min: 1, q1: 2.25, median: 3.5, q3: 5, max: 9 });
    expect(quantile([2, 10, 100], 0.25)).toBe(6);
  });

  it('leave the list alone', () => {
    const list = [3, 1, 2];
    median(list);
    expect(list).toEqual([3, 1, 2]);
  });
});

describe('the interval of a median', () => {
  it('is the same for the same seed, nearly the same for another, and holds the median', () => {
    const once = medianInterval(ROUNDS);
    expect(medianInterval(ROUNDS)).toEqual(once);
    const other = medianInterval(ROUNDS, { seed: 99 });
    expect(Math.abs(other.low - once.low)).toBeLessThan(0.5);
    expect(once.low).toBeLessThanOrEqual(3.5);
    expect(once.high).toBeGreaterThanOrEqual(3.5);
  });

  it('of ten rounds ends near the second and the ninth of them, where the sign test has it', () => {
    // P(X in 2..8 of 10 coin throws) = 97.9 %: the 2nd and 9th values; 3rd and 8th would be 89 %.
    const { low, high, enough } = medianInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(enough).toBe(true);
    expect(low).toBeGreaterThanOrEqual(1.5);
    expect(low).toBeLessThanOrEqual(3);
    expect(high).toBeGreaterThanOrEqual(8);
    expect(high).toBeLessThanOrEqual(9.5);
  });

  it('of equal rounds is a point', () => {
    expect(medianInterval([2, 2, 2, 2, 2, 2])).toEqual({ n: 6, value: 2, low: 2, high: 2, enough: true });
  });

  it('of fewer rounds than can decide is their range, and says so', () => {
    expect(medianInterval([1, 5, 2, 3, 4])).toEqual({ n: 5, value: 3, low: 1, high: 5, enough: false });
    expect(medianInterval([])).toMatchObject({ n: 0, enough: false });
  });

  it('takes its corrections from the quantiles of Student', () => {
    for (const [freedom, exact] of [[5, 2.5706], [9, 2.2622], [19, 2.093], [29, 2.0452]] as const) expect(Math.abs(studentQuantile(freedom) - exact)).toBeLessThan(0.003);
  });

  const SIMULATED = 500;
  const NOISE: [name: string, draw: (random: () => number) => number][] = [
    ['normal noise', normal],
    ['noise with a long tail on one side', (random) => Math.exp(normal(random)) - 1],
    ['a stall of ten times the noise in every tenth round', (random) => normal(random) * (random() < 0.1 ? 10 : 1)],
  ];
  for (const [name, draw] of NOISE) {
    it.each([6, 10, 20])(`covers the true median 95 times of 100 under ${name}, %i rounds`, (rounds) => {
      const random = randomOf(1234 + rounds);
      let covered = 0;
      for (let i = 0; i < SIMULATED; i++) {
        const { low, high } = medianInterval(Array.from({ length: rounds }, () => draw(random)), { seed: i, resamples: 300 });
        if (low <= 0 && high >= 0) covered++;
      }
      // 95 % less three standard deviations of the simulation; more than 99.6 % would be an interval too wide to be of use.
      expect(covered / SIMULATED).toBeGreaterThan(0.95 - 3 * Math.sqrt((0.95 * 0.05) / SIMULATED));
      expect(covered / SIMULATED).toBeLessThan(0.996);
    });
  }
});

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

describe('ratios round by round', () => {
  it('cancel a drift of the machine that medians do not', () => {
    const speed = [1, 2, 1.5, 0.5, 1, 3, 2.5, 0.7];
    const { value, low, high } = pairedRatio(speed.map((s) => s * 120), speed.map((s) => s * 100));
    for (const figure of [value, low, high]) expect(figure).toBeCloseTo(1.2, 10);
  });

  it('turn over when the two are exchanged', () => {
    const positive = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
    const rounds = fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(rounds, (list) => {
        const [ours, theirs] = [list.map(([a]) => a), list.map(([, b]) => b)];
        const forth = pairedRatio(ours, theirs, { resamples: 100 });
        const back = pairedRatio(theirs, ours, { resamples: 100 });
        expect(forth.value * back.value).toBeCloseTo(1, 9);
        expect(forth.low * back.high).toBeCloseTo(1, 9);
        expect(forth.low).toBeLessThanOrEqual(forth.value * (1 + 1e-12));
        expect(forth.high).toBeGreaterThanOrEqual(forth.value * (1 - 1e-12));
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('leave out rounds that one of the two does not have', () => {
    expect(pairedRatio([2, null, 4, 6, 0, NaN, 8], [1, 1, 2, undefined, 5, 1, 4]).ratios).toEqual([2, 2, 2]);
    expect(pairedRatio([2, 2], [1]).n).toBe(1);
  });

  it('of nothing are not a number, and nothing is decided by them', () => {
    const none = pairedRatio([], [1, 2]);
    expect(none.value).toBeNaN();
    expect(verdict(none, { ratio: 1, direction: 'atLeast' })).toBe('undecided');
  });
});

describe('verdicts', () => {
  const between = (low: number, high: number, enough = true) => ({ low, high, enough });
  it.each([
    [between(1.26, 1.4), 1.25, 'atLeast', 'met'],
    [between(1.25, 1.4), 1.25, 'atLeast', 'met'],
    [between(1.24, 1.4), 1.25, 'atLeast', 'undecided'],
    [between(1.1, 1.25), 1.25, 'atLeast', 'undecided'],
    [between(1.1, 1.24), 1.25, 'atLeast', 'lost'],
    [between(0.7, 0.8), 0.8, 'atMost', 'met'],
    [between(0.7, 0.81), 0.8, 'atMost', 'undecided'],
    [between(0.81, 0.9), 0.8, 'atMost', 'lost'],
    [between(2, 3, false), 1, 'atLeast', 'undecided'],
  ] as const)('%o against %d %s: %s %s', (interval, ratio, direction, expected) => {
    expect(verdict(interval, { ratio, direction })).toBe(expected);
  });

  it('against several peers are those against the worst', () => {
    expect(worst(['met', 'met'])).toBe('met');
    expect(worst(['met', 'undecided'])).toBe('undecided');
    expect(worst(['undecided', 'lost', 'met'])).toBe('lost');
    expect(worst([])).toBe('undecided');
  });
});
