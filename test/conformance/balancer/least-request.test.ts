import { describe, expect, it } from 'vitest';
import { leastRequestOf } from '../../reference/balancer/least-request.ts';
import { choiceOdds } from '../../reference/balancer/random-draw.ts';
import { settingsOf } from '../../reference/balancer/settings.ts';
import { effectiveWeights } from '../../reference/balancer/slow-start.ts';
import {
  balancerOf,
  chiSquare,
  countPicks,
  endpointsOf,
  equalEndpoints,
  pick,
  randomFrom,
  setActive,
  START_MS,
} from './support.ts';

const PICKS = 100_000;

/** Chances of each endpoint by the reference, for given requests in flight. */
function oddsOf(weights: readonly number[], active: readonly number[], biasMillis: number): number[] {
  const effective = effectiveWeights(settingsOf('leastRequest'), endpointsOf(weights), START_MS);
  return choiceOdds(effective, 2, (drawn) => leastRequestOf(effective, active, biasMillis / 1000, drawn));
}

describe('leastRequest', () => {
  it('never picks the busier of two endpoints (trap 1: the two choices are distinct)', () => {
    for (const policy of ['leastRequest', 'peakEwma', 'prequal'] as const) {
      const balancer = balancerOf(settingsOf(policy), equalEndpoints(2));
      setActive(balancer, [3, 2]);
      expect(countPicks(2, 5000, () => pick(balancer)), policy).toEqual([0, 5000]);
      balancer.begin(1);
      balancer.begin(1);
      expect(countPicks(2, 5000, () => pick(balancer)), policy).toEqual([5000, 0]);
    }
  });

  it('never picks the busiest of any number', () => {
    const balancer = balancerOf(settingsOf('leastRequest'), equalEndpoints(5));
    setActive(balancer, [1, 1, 9, 1, 1]);
    expect(countPicks(5, 20_000, () => pick(balancer))[2]).toBe(0);
  });

  it('never lets two equal endpoints differ by more than one request', () => {
    const balancer = balancerOf(settingsOf('leastRequest'), equalEndpoints(2));
    const active = [0, 0];
    for (let i = 0; i < 2001; i++) {
      const slot = pick(balancer);
      balancer.begin(slot);
      active[slot]!++;
      expect(Math.abs(active[0]! - active[1]!)).toBeLessThanOrEqual(1);
    }
  });

  it.each([
    ['equal', [1, 1, 1, 1], [3, 0, 2, 2], 1000],
    ['idle and weighted', [1, 2, 3, 4], [0, 0, 0, 0], 1000],
    ['weighted', [1, 2, 3, 4], [1, 3, 2, 9], 1000],
    ['one far heavier', [1, 1, 1, 100], [0, 1, 2, 80], 1000],
    ['ties by weight', [1, 2, 3], [0, 1, 2], 1000],
    ['one endpoint', [7], [4], 1000],
    ['no bias', [1, 2, 3, 4], [9, 3, 2, 0], 0],
    ['half a bias', [1, 1, 2, 5], [8, 4, 9, 70], 500],
    ['a double bias', [1, 1, 2, 5], [2, 1, 3, 1], 2000],
    ['an odd bias and many requests', [1, 3, 9], [2000, 4000, 5001], 1300],
  ])('has the odds of two weighted choices: %s', (_, weights, active, biasMillis) => {
    const balancer = balancerOf(settingsOf('leastRequest', { biasMillis }), endpointsOf(weights));
    setActive(balancer, active);
    const odds = oddsOf(weights, active, biasMillis);
    const { statistic, critical } = chiSquare(countPicks(weights.length, PICKS, () => pick(balancer)), odds);
    expect(statistic).toBeLessThan(critical);
  });

  it('has the odds of the reference for many weights and loads', () => {
    const random = randomFrom(7);
    for (let round = 0; round < 60; round++) {
      const size = 2 + Math.floor(random() * 6);
      const weights = Array.from({ length: size }, () => 1 + Math.floor(random() * 9));
      const active = Array.from({ length: size }, () => Math.floor(random() * 12));
      const biasMillis = [1000, 1000, 0, 700, 1500][round % 5]!;
      const balancer = balancerOf(settingsOf('leastRequest', { biasMillis }), endpointsOf(weights), undefined, round);
      setActive(balancer, active);
      const odds = oddsOf(weights, active, biasMillis);
      const { statistic, critical } = chiSquare(countPicks(size, 8000, () => pick(balancer)), odds);
      expect(statistic, `${weights} ${active} ${biasMillis}`).toBeLessThan(critical);
    }
  });

  it('keeps the odds of two choices among those that are neither excluded nor full', () => {
    const weights = [4, 1, 3, 2, 5, 1];
    const active = [3, 0, 2, 1, 0, 4];
    const balancer = balancerOf(settingsOf('leastRequest'), endpointsOf(weights, { maxRequests: 3 }));
    setActive(balancer, active);
    for (const excluded of [[], [4], [1, 2], [1, 2, 4]]) {
      balancer.exclude(excluded);
      const effective = effectiveWeights(settingsOf('leastRequest'), endpointsOf(weights), START_MS);
      const open = effective.map((weight, i) => (excluded.includes(i) || active[i]! >= 3 ? 0 : weight));
      const odds = choiceOdds(open, 2, (drawn) => leastRequestOf(effective, active, 1, drawn));
      const { statistic, critical } = chiSquare(countPicks(6, PICKS, () => pick(balancer)), odds);
      expect(statistic, `${excluded}`).toBeLessThan(critical);
    }
  });

  it('shares by weight what is in flight', () => {
    const weights = [1, 2, 5];
    const balancer = balancerOf(settingsOf('leastRequest'), endpointsOf(weights));
    const counts = countPicks(3, 8000, () => {
      const slot = pick(balancer);
      balancer.begin(slot);
      return slot;
    });
    // Requests pile up, so what counts is (active + 1) / weight: each endpoint is within a few requests of its part.
    for (const [i, weight] of weights.entries()) expect(Math.abs(counts[i]! - 1000 * weight)).toBeLessThanOrEqual(20);
  });
});
