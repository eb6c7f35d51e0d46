/** The native outlier detection against one that keeps every attempt, with random traffic; and what must hold whatever the traffic is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEALTH, OUTLIER_FLAG, OUTLIER_METHOD, TRANSITION_KIND, TRANSITION_REASON } from '../../../src/binding/abi.ts';
import { createOutlierCluster, type OutlierCluster, type OutlierSettings } from '../../../src/binding/outlier.ts';
import { ReferenceOutlierCluster, type ReferenceTransition } from '../../reference/failover/outlier.ts';

const START_MS = 9_000_000;

const OFF: OutlierSettings = {
  consecutive5xx: 0, consecutiveGatewayErrors: 0, consecutiveLocalErrors: 0,
  intervalMs: 1_000, baseEjectionMs: 3_000, maxEjectionMs: 10_000, jitterMs: 0, maxEjectionPercent: 100, flags: 0,
  successMethod: OUTLIER_METHOD.off, successFactorMillis: 1_900, successMinEndpoints: 1, successMinRequests: 1,
  failurePercent: 0, failureMinEndpoints: 1, failureMinRequests: 1,
  latencyFactorMillis: 0, latencyQuantileMillis: 900, latencyMinUs: 0, latencyMinEndpoints: 1, latencyMinRequests: 1,
};

const orOff = (most: number) => fc.oneof(fc.constant(0), fc.integer({ min: 1, max: most }));
const settings: fc.Arbitrary<OutlierSettings> = fc.record({
  consecutive5xx: orOff(6),
  consecutiveGatewayErrors: orOff(4),
  consecutiveLocalErrors: orOff(6),
  intervalMs: fc.integer({ min: 1, max: 3_000 }),
  baseEjectionMs: fc.integer({ min: 1, max: 4_000 }),
  maxEjectionMs: fc.integer({ min: 0, max: 9_000 }),
  jitterMs: orOff(500),
  maxEjectionPercent: fc.oneof(fc.constantFrom(0, 10, 50, 100), fc.integer({ min: 0, max: 100 })),
  flags: fc.constantFrom(0, 0, 0, OUTLIER_FLAG.shadow),
  successMethod: fc.constantFrom(...Object.values(OUTLIER_METHOD)),
  successFactorMillis: fc.integer({ min: 100, max: 4_000 }),
  successMinEndpoints: fc.integer({ min: 1, max: 4 }),
  successMinRequests: fc.integer({ min: 0, max: 12 }),
  failurePercent: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100 })),
  failureMinEndpoints: fc.integer({ min: 1, max: 4 }),
  failureMinRequests: fc.integer({ min: 0, max: 12 }),
  latencyFactorMillis: fc.oneof(fc.constant(0), fc.integer({ min: 1_001, max: 4_000 })),
  latencyQuantileMillis: fc.integer({ min: 500, max: 999 }),
  latencyMinUs: fc.constantFrom(0, 1_000, 10_000),
  latencyMinEndpoints: fc.integer({ min: 1, max: 4 }),
  latencyMinRequests: fc.integer({ min: 0, max: 12 }),
});

/** What happens next. Each endpoint has a character of its own, so that there is something to find. */
const steps = fc.array(
  fc.record({
    stepMs: fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 0, max: 40 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 8_000 }) }),
    endpoint: fc.nat({ max: 11 }),
    worker: fc.nat({ max: 2 }),
    luck: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    status: fc.constantFrom(500, 502, 503, 504, 505, 599),
    us: fc.integer({ min: 1, max: 20_000 }),
    random: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    /** 0 and 1: other mechanisms take it out, or give it back. */
    other: fc.integer({ min: 0, max: 60 }),
  }),
  { minLength: 50, maxLength: 600 },
);
const characters = fc.array(fc.record({ answersBadly: fc.constantFrom(0, 0, 0, 0.1, 0.5, 1), answersNot: fc.constantFrom(0, 0, 0, 0.1, 0.5, 1), slowness: fc.constantFrom(1, 1, 1, 4, 20) }), {
  minLength: 1,
  maxLength: 12,
});

const low = (random: bigint): number => Number(random & 0xffff_ffffn);
const high = (random: bigint): number => Number(random >> 32n);

function taken(native: OutlierCluster): ReferenceTransition[] {
  const rows = native.take();
  return Array.from({ length: rows.length / 8 }, (_, i) => {
    const [kind = 0, reason = 0, endpoint = 0, atMs = 0, untilMs = 0, value = 0, limit = 0, requests = 0] = rows.subarray(i * 8, i * 8 + 8);
    return { kind, reason, endpoint, atMs, untilMs, value, limit, requests };
  });
}

/** Evidence may differ in the last digit, since sums were made in another order. */
function rounded(transitions: readonly ReferenceTransition[]): ReferenceTransition[] {
  return transitions.map((transition) => ({ ...transition, value: Number(transition.value.toPrecision(9)), limit: Number(transition.limit.toPrecision(9)) }));
}

function statesOf(native: OutlierCluster, endpoints: number): { health: number; untilMs: number; multiplier: number; ejections: number }[] {
  const out = new Float64Array(4);
  return Array.from({ length: endpoints }, (_, i) => {
    native.state(i, out);
    const [health = 0, untilMs = 0, multiplier = 0, ejections = 0] = out;
    return { health, untilMs, multiplier, ejections };
  });
}

function countersOf(native: OutlierCluster): number[] {
  const out = new Float64Array(4);
  native.counters(out);
  return [...out];
}

describe('outlier detection', () => {
  it('ejects and takes back exactly as the reference does, and never breaks its own rules', () => {
    const reasons = new Set<number>();
    const kinds = new Set<number>();
    fc.assert(
      fc.property(settings, characters, steps, (chosen, nature, sequence) => {
        const count = nature.length;
        const native = createOutlierCluster(chosen, count, START_MS);
        const reference = new ReferenceOutlierCluster(chosen, count, START_MS);
        let nowMs = START_MS;
        let dueMs = -1;
        for (const { stepMs, endpoint: any, worker, luck, status, us, random, other } of sequence) {
          nowMs += stepMs;
          const endpoint = any % count;
          const { answersBadly = 0, answersNot = 0, slowness = 1 } = nature[endpoint] ?? {};
          const wasAvailable = reference.endpoints.filter(({ available }) => available).length;
          if (other < 2) {
            const [set, clear] = other === 0 ? [HEALTH.unhealthy, 0] : [0, HEALTH.unhealthy];
            native.setHealth(endpoint, set, clear);
            reference.setHealth(endpoint, set, clear);
          } else if (luck < answersNot) {
            native.fail(endpoint, worker, nowMs, low(random), high(random));
            reference.fail(endpoint, nowMs, random);
          } else {
            const answered = luck < answersNot + answersBadly ? status : 200;
            native.answer(endpoint, worker, answered, us * slowness, nowMs, low(random), high(random));
            reference.answer(endpoint, answered, us * slowness, nowMs, random);
          }
          if (dueMs === -1 || nowMs >= dueMs) {
            dueMs = native.tick(nowMs, low(random), high(random));
            expect(dueMs).toBe(reference.tick(nowMs, random));
          }
          const states = statesOf(native, count);
          expect(states).toEqual(
            reference.endpoints.map(({ ejected, otherHealth, untilMs, multiplier, ejections }) => ({ health: otherHealth | (ejected ? HEALTH.ejected : 0), untilMs, multiplier, ejections })),
          );
          // The rules, whatever the reference says: detection never takes the last one, and no more than its percentage.
          const out = states.filter(({ health }) => (health & HEALTH.ejected) !== 0).length;
          expect(out).toBeLessThanOrEqual(Math.max(1, Math.floor((count * chosen.maxEjectionPercent) / 100)));
          if (other > 1 && wasAvailable > 0) expect(states.some(({ health }) => health === 0)).toBe(true);
          if ((chosen.flags & OUTLIER_FLAG.shadow) !== 0) expect(out).toBe(0);
        }
        const transitions = taken(native);
        expect(rounded(transitions)).toEqual(rounded(reference.transitions));
        expect(countersOf(native)).toEqual([reference.ejected, reference.endpoints.reduce((sum, { ejections }) => sum + ejections, 0), reference.shadowed, reference.overflow]);
        for (const { kind, reason } of transitions) {
          kinds.add(kind);
          reasons.add(reason);
        }
      }),
      { numRuns: 300 },
    );
    // The traffic was such that every detector, and every verdict, had its turn.
    const names = [...reasons].map((reason) => TRANSITION_REASON[reason]).sort();
    expect(names).toEqual(['consecutive5xx', 'consecutiveGatewayErrors', 'consecutiveLocalErrors', 'ejectionEnded', 'failurePercentage', 'latency', 'successRate']);
    expect([...kinds].sort()).toEqual([TRANSITION_KIND.ejected, TRANSITION_KIND.unejected, TRANSITION_KIND.wouldEject, TRANSITION_KIND.notEjected]);
  });

  /** One sweep over endpoints that answered 1000 requests each, with these shares of good answers: who is ejected. */
  function swept(method: number, factor: number, shares: readonly number[]): number[] {
    const native = createOutlierCluster({ ...OFF, successMethod: method, successFactorMillis: factor * 1000, maxEjectionPercent: 100 }, shares.length, START_MS);
    for (const [endpoint, share] of shares.entries()) {
      for (let i = 0; i < 1000; i++) native.answer(endpoint, 0, i < share * 1000 ? 200 : 500, 1000, START_MS, 0, 0);
    }
    native.tick(START_MS + OFF.intervalMs, 0, 0);
    return statesOf(native, shares.length).flatMap(({ health }, endpoint) => (health === 0 ? [] : [endpoint]));
  }

  it('is blind to one bad endpoint of four by deviation, however bad it is, and sees it by MAD', () => {
    for (const bad of [0, 0.1, 0.5, 0.8]) {
      expect(swept(OUTLIER_METHOD.deviation, 1.9, [bad, 1, 1, 1])).toEqual([]);
      expect(swept(OUTLIER_METHOD.mad, 3.5, [bad, 1, 1, 1])).toEqual([0]);
      expect(swept(OUTLIER_METHOD.deviation, 1.9, [bad, 1, 1, 1, 1])).toEqual([0]);
      expect(swept(OUTLIER_METHOD.deviation, 1.9, [bad, bad, 1, 1, 1, 1, 1, 1])).toEqual([]);
      expect(swept(OUTLIER_METHOD.mad, 3.5, [bad, bad, 1, 1, 1, 1, 1, 1])).toEqual([0, 1]);
    }
  });

  it('does not eject for a failure or two that the others happen not to have', () => {
    expect(swept(OUTLIER_METHOD.mad, 3.5, [0.999, 1, 1, 1])).toEqual([]);
    expect(swept(OUTLIER_METHOD.deviation, 1.9, [0.998, 1, 1, 1, 1])).toEqual([]);
    expect(swept(OUTLIER_METHOD.mad, 3.5, [0.93, 1, 1, 1])).toEqual([0]);
  });

  it('sees one slow endpoint of three, and takes nobody for slow when all are', () => {
    const latency = { ...OFF, latencyFactorMillis: 3_000, latencyQuantileMillis: 990, latencyMinUs: 10_000, latencyMinEndpoints: 3, latencyMinRequests: 100 };
    const slow = (times: readonly number[]): number[] => {
      const native = createOutlierCluster(latency, times.length, START_MS);
      for (const [endpoint, us] of times.entries()) for (let i = 0; i < 100; i++) native.answer(endpoint, 0, 200, i < 95 ? 1_000 : us, START_MS, 0, 0);
      native.tick(START_MS + OFF.intervalMs, 0, 0);
      return statesOf(native, times.length).flatMap(({ health }, endpoint) => (health === 0 ? [] : [endpoint]));
    };
    expect(slow([2_000, 2_000, 100_000])).toEqual([2]);
    expect(slow([100_000, 100_000, 100_000])).toEqual([]);
    expect(slow([1_000, 1_000, 9_000])).toEqual([]);
    expect(slow([2_000, 100_000])).toEqual([]);
  });
});
