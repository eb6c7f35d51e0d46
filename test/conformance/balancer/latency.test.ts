import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decayOf } from '../../reference/balancer/decay.ts';
import { failed, type Latency, latencyLoad, latencyUs, observed, UNMEASURED } from '../../reference/balancer/latency.ts';
import { leastTimeOdds } from '../../reference/balancer/least-time.ts';
import { peakEwmaOf } from '../../reference/balancer/peak-ewma.ts';
import { choiceOdds } from '../../reference/balancer/random-draw.ts';
import { type PolicyName, settingsOf } from '../../reference/balancer/settings.ts';
import { effectiveWeights } from '../../reference/balancer/slow-start.ts';
import {
  balancerOf,
  chiSquare,
  countPicks,
  endpointsOf,
  equalEndpoints,
  pick,
  randomFrom,
  SEED,
  setActive,
  START_MS,
} from './support.ts';

const LATENCY_POLICIES: PolicyName[] = ['peakEwma', 'leastTime', 'prequal'];
const PICKS = 60_000;

/** Time goes back a little where the clocks of two workers differ. */
const anyObservation = fc.record({
  afterMs: fc.oneof(fc.constantFrom(0, 1, -1, -60_000, -60_001), fc.nat(100), fc.nat(20_000), fc.nat(400_000)),
  rttUs: fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(60_000_000), fc.constantFrom(0, 2 ** 32, 2 ** 40)),
  failed: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  retryAfterMs: fc.constantFrom(0, 0, 1000, 30_000, 300_000, 4_000_000),
});

describe('latency of an endpoint', () => {
  it.each(LATENCY_POLICIES)('is the same float32 as in the reference after any observations: %s', (policy) => {
    const anyCase = fc.record({
      decayMs: fc.constantFrom(1, 100, 3333, 10_000, 600_000),
      penaltyMs: fc.constantFrom(0, 1, 5000),
      startMs: fc.constantFrom(10 * START_MS, 2 ** 32 - 5000, 2 ** 40),
      observations: fc.array(anyObservation, { minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(anyCase, ({ decayMs, penaltyMs, startMs, observations }) => {
        const settings = settingsOf(policy, { decayMs, penaltyMs });
        const balancer = balancerOf(settings, equalEndpoints(2));
        let latency: Latency = UNMEASURED;
        let nowMs = startMs;
        for (const one of observations) {
          nowMs += one.afterMs;
          balancer.observe(1, one.rttUs, one.failed, one.retryAfterMs, nowMs);
          latency = one.failed
            ? failed(latency, settings, one.rttUs, one.retryAfterMs, nowMs)
            : observed(latency, settings, one.rttUs, nowMs);
          expect(balancer.load(1)).toMatchObject(latency);
          for (const later of [-60_001, -60_000, -7, 0, 1, 77, 1000, 12_345, 200_000])
            expect(balancer.latency(1, nowMs + later)).toBe(latencyUs(latency, settings, nowMs + later));
        }
        expect(balancer.load(0)).toMatchObject(UNMEASURED);
      }),
      { seed: SEED, numRuns: 400 },
    );
  });

  it('fades like exp(-t / decay), within 1.3e-4 of the value', () => {
    for (const decayMs of [1, 77, 1000, 10_000, 86_400_000])
      for (let x = 0; x < 16; x += 0.0137) {
        const elapsed = Math.floor(x * decayMs);
        const exact = Math.exp(-elapsed / decayMs);
        expect(Math.abs(decayOf(elapsed, decayMs) - exact)).toBeLessThanOrEqual(1.3e-4 * exact);
      }
    expect(decayOf(0, 10_000)).toBe(1);
    expect(decayOf(160_000, 10_000)).toBe(0);
  });

  it('is never measured again by reading it', () => {
    const balancer = balancerOf(settingsOf('peakEwma'), equalEndpoints(2));
    balancer.observe(0, 5000, false, 0, START_MS);
    const before = balancer.load(0);
    for (let i = 0; i < 100; i++) {
      pick(balancer, START_MS + i * 1000);
      balancer.latency(0, START_MS + i * 1000);
    }
    expect(balancer.load(0)).toEqual(before);
  });

  it('jumps up at once and comes down with time by the peak rule', () => {
    const balancer = balancerOf(settingsOf('peakEwma'), equalEndpoints(1));
    balancer.observe(0, 1000, false, 0, START_MS);
    balancer.observe(0, 100_000, false, 0, START_MS + 1);
    expect(balancer.latency(0, START_MS + 1)).toBe(100_000);
    balancer.observe(0, 1000, false, 0, START_MS + 1);
    expect(balancer.latency(0, START_MS + 1)).toBe(100_000);
    balancer.observe(0, 1000, false, 0, START_MS + 10_001);
    expect(Math.abs(balancer.latency(0, START_MS + 10_001) - (100_000 / Math.E + 1000 * (1 - 1 / Math.E)))).toBeLessThan(10);
  });

  it('is a mean of about the last eight answers under leastTime', () => {
    const balancer = balancerOf(settingsOf('leastTime'), equalEndpoints(1));
    balancer.observe(0, 8000, false, 0, START_MS);
    balancer.observe(0, 16_000, false, 0, START_MS);
    expect(balancer.latency(0, START_MS)).toBe(9000);
    for (let i = 0; i < 100; i++) balancer.observe(0, 2000, false, 0, START_MS);
    expect(balancer.latency(0, START_MS)).toBe(2000);
  });

  it('counts a failure as the penalty, or as the Retry-After capped at 300 s, however fast it came (trap 2)', () => {
    for (const policy of LATENCY_POLICIES) {
      const after = (rttUs: number, retryAfterMs: number) => {
        const balancer = balancerOf(settingsOf(policy), equalEndpoints(1));
        balancer.observe(0, rttUs, true, retryAfterMs, START_MS);
        return balancer.latency(0, START_MS);
      };
      expect(after(100, 0)).toBe(5_000_000);
      expect(after(9_000_000, 0)).toBe(9_000_000);
      expect(after(100, 2000)).toBe(5_000_000);
      expect(after(100, 20_000)).toBe(20_000_000);
      expect(after(100, 86_400_000)).toBe(300_000_000);
    }
  });

  it('is not touched by requests that were refused on our side (trap 3)', () => {
    // A refusal begins and ends, and nothing is observed of it.
    for (const policy of LATENCY_POLICIES) {
      const balancer = balancerOf(settingsOf(policy), equalEndpoints(3, { maxRequests: 1 }));
      balancer.observe(0, 4000, false, 0, START_MS);
      for (let i = 0; i < 1000; i++) {
        const slot = pick(balancer);
        balancer.begin(slot);
        for (let full = 0; full < 3; full++) if (full !== slot) balancer.begin(full);
        expect(pick(balancer)).toBe(-2);
        for (let full = 0; full < 3; full++) balancer.end(full);
      }
      expect(balancer.load(0)).toMatchObject({ active: 0, costUs: 4000, stampMs: START_MS });
      for (const slot of [1, 2]) expect(balancer.load(slot)).toMatchObject({ active: 0, costUs: 0, stampMs: 0 });
    }
  });

  it('is kept when the plan is rebuilt', () => {
    const balancer = balancerOf(settingsOf('peakEwma'), equalEndpoints(3));
    balancer.observe(1, 4000, false, 0, START_MS);
    balancer.begin(1);
    const before = balancer.load(1);
    balancer.setAvailable(0, false);
    balancer.rebuild(START_MS + 5);
    expect(balancer.load(1)).toEqual(before);
  });
});

/** A random state of `size` endpoints: weights, latencies of the last minute (or none), requests in flight. */
function stateOf(random: () => number, size: number) {
  return Array.from({ length: size }, () => ({
    weight: 1 + Math.floor(random() * 5),
    rttUs: random() < 0.2 ? 0 : Math.floor(100 + random() ** 3 * 100_000),
    ageMs: Math.floor(random() * 60_000),
    active: random() < 0.4 ? 0 : Math.floor(random() * 8),
  }));
}

function prepared(policy: PolicyName, state: ReturnType<typeof stateOf>) {
  const settings = settingsOf(policy);
  const endpoints = endpointsOf(state.map(({ weight }) => weight));
  const balancer = balancerOf(settings, endpoints);
  setActive(balancer, state.map(({ active }) => active));
  const loads = state.map(({ rttUs, ageMs, active }, slot) => {
    if (rttUs > 0) balancer.observe(slot, rttUs, false, 0, START_MS - ageMs);
    const latency = rttUs > 0 ? observed(UNMEASURED, settings, rttUs, START_MS - ageMs) : UNMEASURED;
    return latencyLoad(latency, active, settings, START_MS);
  });
  return { balancer, loads, weights: effectiveWeights(settings, endpoints, START_MS) };
}

describe('peakEwma', () => {
  it('has the odds of two weighted choices by the loads of the reference', () => {
    const random = randomFrom(11);
    for (let round = 0; round < 60; round++) {
      const state = stateOf(random, 1 + Math.floor(random() * 7));
      const { balancer, loads, weights } = prepared('peakEwma', state);
      const odds = choiceOdds(weights, 2, (drawn) => peakEwmaOf(loads, drawn));
      const { statistic, critical } = chiSquare(countPicks(state.length, 8000, () => pick(balancer)), odds);
      expect(statistic, JSON.stringify(state)).toBeLessThan(critical);
    }
  });

  it('tries an endpoint that was never measured at once, and one at a time', () => {
    const balancer = balancerOf(settingsOf('peakEwma'), equalEndpoints(2));
    balancer.observe(0, 100, false, 0, START_MS);
    expect(countPicks(2, 1000, () => pick(balancer))).toEqual([0, 1000]);
    balancer.begin(1);
    expect(countPicks(2, 1000, () => pick(balancer))).toEqual([1000, 0]);
  });

  it('gives a slow endpoint another chance when it was left alone for long', () => {
    const balancer = balancerOf(settingsOf('peakEwma'), equalEndpoints(2));
    balancer.observe(0, 1_000_000, false, 0, START_MS);
    const later = START_MS + 80_000;
    balancer.observe(1, 1000, false, 0, later);
    expect(countPicks(2, 1000, () => pick(balancer, START_MS + 60_000))).not.toEqual([1000, 0]);
    expect(countPicks(2, 1000, () => pick(balancer, later))).toEqual([1000, 0]);
  });
});

describe('leastTime', () => {
  it('takes the lowest latency x (in flight + 1) / weight of all, when they are 16 at most', () => {
    const random = randomFrom(13);
    for (let round = 0; round < 300; round++) {
      const state = stateOf(random, 1 + Math.floor(random() * 16)).map((one) => ({ ...one, rttUs: one.rttUs + 1 }));
      const { balancer, loads, weights } = prepared('leastTime', state);
      const scores = loads.map((load, i) => load / weights[i]!);
      for (let i = 0; i < 20; i++) expect(scores[pick(balancer)], JSON.stringify(state)).toBe(Math.min(...scores));
    }
  });

  it('takes the lowest of 16 at equal distances from a random start, when there are more', () => {
    const random = randomFrom(17);
    for (const size of [17, 40, 100]) {
      const state = stateOf(random, size).map((one) => ({ ...one, rttUs: one.rttUs + 1 }));
      const { balancer, loads, weights } = prepared('leastTime', state);
      const odds = leastTimeOdds(weights, loads);
      const { statistic, critical } = chiSquare(countPicks(size, PICKS, () => pick(balancer)), odds);
      expect(statistic).toBeLessThan(critical);
    }
  });

  it('goes on past 16 endpoints to one that is eligible', () => {
    const balancer = balancerOf(settingsOf('leastTime'), equalEndpoints(100));
    balancer.exclude([...Array(100).keys()].filter((slot) => slot !== 42));
    for (let i = 0; i < 200; i++) expect(pick(balancer)).toBe(42);
  });

  it('gives ties to each in turn by chance', () => {
    const balancer = balancerOf(settingsOf('leastTime'), equalEndpoints(8));
    const { statistic, critical } = chiSquare(
      countPicks(8, PICKS, () => pick(balancer)),
      new Array<number>(8).fill(1 / 8),
    );
    expect(statistic).toBeLessThan(critical);
  });
});
