import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../reference/balancer/settings.ts';
import { effectiveWeights, WEIGHT_SCALE } from '../../reference/balancer/slow-start.ts';
import { strideHit, stridePick } from '../../reference/balancer/stride.ts';
import { ALL_FULL, balancerOf, countPicks, endpointsOf, NOBODY, pick, SEED, setActive, START_MS } from './support.ts';

const settings = settingsOf('roundRobin');
const anyWeights = fc.array(fc.oneof(fc.constantFrom(1, 2, 3), fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 20 });

describe('roundRobin', () => {
  it('gives the sequence of the reference from wherever it starts', () => {
    fc.assert(
      fc.property(anyWeights, fc.nat(), (weights, seed) => {
        const endpoints = endpointsOf(weights);
        const effective = effectiveWeights(settings, endpoints, START_MS);
        const balancer = balancerOf(settings, endpoints, START_MS, seed);
        let sequence = balancer.describe().sequences[0]!;
        for (let i = 0; i < 200; i++) {
          const expected = stridePick(effective, sequence);
          sequence = expected.sequence;
          expect(pick(balancer)).toBe(expected.index);
        }
        expect(balancer.describe().sequences[0]).toBe(sequence);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('passes over excluded and full endpoints as the reference does', () => {
    const anyCase = anyWeights.chain((weights) =>
      fc.record({
        weights: fc.constant(weights),
        excluded: fc.subarray([...weights.keys()]),
        full: fc.subarray([...weights.keys()]),
        seed: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(anyCase, ({ weights, excluded, full, seed }) => {
        const endpoints = endpointsOf(weights, { maxRequests: 2 });
        const effective = effectiveWeights(settings, endpoints, START_MS);
        const balancer = balancerOf(settings, endpoints, START_MS, seed);
        for (const slot of full) setActive(balancer, [...weights.keys()].map((i) => (i === slot ? 2 : 0)));
        balancer.exclude(excluded);
        const eligible = (i: number) => !excluded.includes(i) && !full.includes(i);
        let sequence = balancer.describe().sequences[0]!;
        for (let i = 0; i < 60; i++) {
          const expected = stridePick(effective, sequence, eligible);
          sequence = expected.sequence;
          const nobody = excluded.length === weights.length ? NOBODY : ALL_FULL;
          expect(pick(balancer)).toBe(expected.index === -1 ? nobody : expected.index);
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('starts anywhere', () => {
    const starts = new Set<number>();
    for (let seed = 0; seed < 50; seed++) starts.add(balancerOf(settings, endpointsOf([1, 1]), START_MS, seed).describe().sequences[0]!);
    expect(starts.size).toBe(50);
  });

  it('gives equal endpoints exactly the same number of picks, one after the other', () => {
    const balancer = balancerOf(settings, endpointsOf([1, 1, 1, 1, 1]));
    for (let round = 0; round < 40; round++) expect(countPicks(5, 5, () => pick(balancer))).toEqual([1, 1, 1, 1, 1]);
  });

  it('gives each endpoint exactly its effective weight out of 65535 generations', () => {
    const endpoints = endpointsOf([1, 3, 7, 500]);
    const weights = effectiveWeights(settings, endpoints, START_MS);
    const balancer = balancerOf(settings, endpoints);
    // From where it is to the same place 65535 generations later there are as many picks as the weights add up to.
    const picks = weights.reduce((a, b) => a + b, 0);
    expect(countPicks(4, picks, () => pick(balancer))).toEqual(weights);
  });

  it('spreads the picks of an endpoint evenly', () => {
    // Of a stretch of generations each endpoint has its part, give or take one pick.
    const weights = [WEIGHT_SCALE, 30_000, 20_001, 7];
    for (let from = 0; from < 4000; from += 397)
      for (const generations of [1, 10, 100, 1000]) {
        const hits = weights.map(() => 0);
        for (let s = from * 4; s < (from + generations) * 4; s++) {
          const hit = strideHit(weights, s);
          if (hit !== undefined) hits[hit]!++;
        }
        for (const [i, weight] of weights.entries())
          expect(Math.abs(hits[i]! - (generations * weight) / WEIGHT_SCALE)).toBeLessThanOrEqual(1);
      }
  });

  it('keeps a sequence for each group', () => {
    const endpoints = endpointsOf([1, 1, 1, 1]).map((endpoint, i) => ({ ...endpoint, priority: i >> 1, available: i !== 0 }));
    const balancer = balancerOf(settings, endpoints);
    const before = balancer.describe().sequences;
    const counts = countPicks(4, 1000, () => pick(balancer));
    const after = balancer.describe().sequences;
    expect((after[0]! - before[0]!) >>> 0).toBe(counts[1]);
    expect((after[1]! - before[1]!) >>> 0).toBe(counts[2]! + counts[3]!);
    expect(Math.abs(counts[2]! - counts[3]!)).toBeLessThanOrEqual(1);
  });
});
