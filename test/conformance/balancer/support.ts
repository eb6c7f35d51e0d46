import fc from 'fast-check';
import { type Balancer, createBalancer } from '../../../src/binding/balancer.ts';
import { NOBODY, ALL_FULL } from '../../reference/balancer/hash-pick.ts';
import { mix64 } from '../../reference/balancer/key-hash.ts';
import { type BalancerSettings, type Endpoint, endpointOf } from '../../reference/balancer/settings.ts';

export { ALL_FULL, NOBODY };
export type { Balancer };

/** Every run of the suite sees the same inputs. */
export const SEED = 20_261_121;

/** Start of the clock; far from 0, where "never" lies. */
export const START_MS = 1_000_000;

const NO_HASH = 0n;

/** The C++ balancer in the state that the endpoints are in. */
export function balancerOf(
  settings: BalancerSettings,
  endpoints: readonly Endpoint[],
  nowMs = START_MS,
  seed = SEED,
): Balancer {
  const balancer = createBalancer(settings, endpoints, seed);
  for (const [slot, endpoint] of endpoints.entries()) {
    if (!endpoint.available) balancer.setAvailable(slot, false);
    if (endpoint.warmSinceMs !== 0) balancer.warm(slot, endpoint.warmSinceMs);
  }
  balancer.rebuild(nowMs);
  return balancer;
}

/** Endpoints "10.0.0.1:80", ... with these weights. */
export function endpointsOf(weights: readonly number[], changes: Partial<Endpoint> = {}): Endpoint[] {
  return weights.map((weight, i) => endpointOf(`10.0.${i >> 8}.${i & 255}:80`, { ...changes, weight }));
}

export const equalEndpoints = (count: number, changes: Partial<Endpoint> = {}): Endpoint[] =>
  endpointsOf(new Array<number>(count).fill(1), changes);

export function pick(balancer: Balancer, nowMs = START_MS): number {
  return pickOf(balancer, NO_HASH, nowMs, false);
}

export function pickByHash(balancer: Balancer, hash: bigint, nowMs = START_MS): number {
  return pickOf(balancer, hash, nowMs, true);
}

function pickOf(balancer: Balancer, hash: bigint, nowMs: number, hasHash: boolean): number {
  return balancer.pick(Number(hash & 0xffff_ffffn), Number(hash >> 32n), hasHash, nowMs);
}

export function setActive(balancer: Balancer, active: readonly number[]): void {
  for (const [slot, count] of active.entries()) for (let i = 0; i < count; i++) balancer.begin(slot);
}

/** Picks per slot. */
export function countPicks(size: number, times: number, choose: (i: number) => number): number[] {
  const counts = new Array<number>(size).fill(0);
  for (let i = 0; i < times; i++) {
    const slot = choose(i);
    if (slot < 0 || slot >= size) throw new Error(`pick ${i} gave ${slot}`);
    counts[slot]!++;
  }
  return counts;
}

/** Keys that are spread like hashes of requests. */
export const hashesOf = (count: number, from = 1): bigint[] =>
  Array.from({ length: count }, (_, i) => mix64(BigInt(from + i) * 0x9e37_79b9_7f4a_7c15n));

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normal quantile of 1 - 1e-6: a right implementation fails one chi-square test of a million. */
const Z = 4.753;

/**
 * Pearson's chi-square of counts against the chances they should have, and its critical value at 1e-6 by Wilson and
 * Hilferty. Slots that expect less than 5 are put together; those of no chance must have no count.
 */
export function chiSquare(counts: readonly number[], odds: readonly number[]): { statistic: number; critical: number } {
  const total = counts.reduce((a, b) => a + b, 0);
  const cells: { count: number; expected: number }[] = [];
  const small = { count: 0, expected: 0 };
  for (const [i, count] of counts.entries()) {
    const expected = odds[i]! * total;
    if (expected === 0 && count > 0) return { statistic: Infinity, critical: 0 };
    if (expected >= 5) cells.push({ count, expected });
    else {
      small.count += count;
      small.expected += expected;
    }
  }
  if (small.expected >= 5) cells.push(small);
  else if (small.count > 20) return { statistic: Infinity, critical: 0 };
  const statistic = cells.reduce((sum, { count, expected }) => sum + (count - expected) ** 2 / expected, 0);
  const df = cells.length - 1;
  if (df < 1) return { statistic: 0, critical: Infinity };
  const spread = 2 / (9 * df);
  return { statistic, critical: df * (1 - spread + Z * Math.sqrt(spread)) ** 3 };
}

export interface Topology {
  settings: BalancerSettings;
  endpoints: Endpoint[];
}

/** Any endpoints: weights from 0, priorities with holes, zones, health, slow start that began up to a window ago. */
export function anyEndpoints(maxLength: number, changes: Record<string, fc.Arbitrary<unknown>> = {}) {
  const shape = {
    weight: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(1, 1, 1, 2, 3, 5, 10) },
      { weight: 2, arbitrary: fc.constantFrom(0, 100, 65_535) },
    ),
    priority: fc.constantFrom(0, 0, 0, 1, 5, 7),
    zone: fc.constantFrom('', 'a', 'a', 'b', 'c'),
    available: fc.boolean(),
    maxRequests: fc.constant(0),
    warmSinceMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: START_MS - 12_000, max: START_MS })),
    ...changes,
  };
  return fc
    .array(fc.record(shape), { maxLength })
    .map((list) => list.map((endpoint, i) => endpointOf(`10.0.${i >> 8}.${i & 255}:80`, endpoint as Partial<Endpoint>)));
}
