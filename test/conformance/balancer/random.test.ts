import { describe, expect, it } from 'vitest';
import { drawOdds } from '../../reference/balancer/random-draw.ts';
import { settingsOf } from '../../reference/balancer/settings.ts';
import { effectiveWeights } from '../../reference/balancer/slow-start.ts';
import { balancerOf, chiSquare, countPicks, endpointsOf, equalEndpoints, pick, setActive, START_MS } from './support.ts';

const settings = settingsOf('random');
const PICKS = 200_000;

const WEIGHTS = [[1, 1], [1, 2, 3, 4], [1, 1000], [65_535, 1, 1, 1], [5, 0, 5, 0, 1], new Array<number>(300).fill(1)];
WEIGHTS.push(Array.from({ length: 1000 }, (_, i) => 1 + (i % 17)));

describe('random', () => {
  it.each(WEIGHTS.map((weights) => [weights.length, weights] as const))('draws %i endpoints by weight', (_, weights) => {
    const endpoints = endpointsOf(weights);
    const balancer = balancerOf(settings, endpoints);
    const members = [...weights.keys()].filter((slot) => weights[slot]! > 0);
    const effective = effectiveWeights(settings, members.map((slot) => endpoints[slot]!), START_MS);
    const odds = drawOdds(weights.map((_, slot) => (members.includes(slot) ? effective[members.indexOf(slot)]! : 0)));
    const { statistic, critical } = chiSquare(countPicks(weights.length, PICKS, () => pick(balancer)), odds);
    expect(statistic).toBeLessThan(critical);
  });

  it.each([
    ['one endpoint', [1]],
    ['all but two, the heaviest among them', [0, 2, 3, 5]],
    ['half of them', [1, 3, 5]],
  ])('keeps the odds of the others when %s is excluded', (_, excluded) => {
    const weights = [65_535, 20_000, 9000, 3000, 500, 1];
    const balancer = balancerOf(settings, endpointsOf(weights));
    balancer.exclude(excluded);
    const odds = drawOdds(weights, (i) => !excluded.includes(i));
    const { statistic, critical } = chiSquare(countPicks(weights.length, PICKS, () => pick(balancer)), odds);
    expect(statistic).toBeLessThan(critical);
  });

  it('keeps the odds of the others when endpoints are full', () => {
    const balancer = balancerOf(settings, equalEndpoints(5, { maxRequests: 1 }));
    setActive(balancer, [1, 0, 1, 0, 0]);
    const odds = drawOdds([1, 1, 1, 1, 1], (i) => i !== 0 && i !== 2);
    const { statistic, critical } = chiSquare(countPicks(5, PICKS, () => pick(balancer)), odds);
    expect(statistic).toBeLessThan(critical);
  });

  it('draws one after the other without a pattern', () => {
    // Pairs of successive picks are as likely as the product says.
    const balancer = balancerOf(settings, equalEndpoints(5));
    let last = pick(balancer);
    const counts = countPicks(25, PICKS, () => {
      const before = last;
      last = pick(balancer);
      return before * 5 + last;
    });
    const { statistic, critical } = chiSquare(counts, new Array<number>(25).fill(1 / 25));
    expect(statistic).toBeLessThan(critical);
  });

  it('draws the same with the same seed, and something else with another', () => {
    const draws = (seed: number) => {
      const balancer = balancerOf(settings, equalEndpoints(100), START_MS, seed);
      return Array.from({ length: 50 }, () => pick(balancer));
    };
    expect(draws(5)).toEqual(draws(5));
    expect(draws(5)).not.toEqual(draws(6));
  });

  it('is what a hash policy does for a request without a hash', () => {
    const weights = [1, 2, 3, 4];
    for (const policy of ['ringHash', 'maglev', 'rendezvous'] as const) {
      const balancer = balancerOf(settingsOf(policy), endpointsOf(weights));
      const { statistic, critical } = chiSquare(countPicks(4, PICKS, () => pick(balancer)), drawOdds(weights));
      expect(statistic).toBeLessThan(critical);
    }
  });
});
