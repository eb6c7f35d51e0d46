import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICY } from '../../../src/binding/abi.ts';
import { planOf } from '../../reference/balancer/groups.ts';
import { mix64 } from '../../reference/balancer/key-hash.ts';
import { type Endpoint, endpointOf, type PolicyName, settingsOf } from '../../reference/balancer/settings.ts';
import {
  ALL_FULL,
  anyEndpoints,
  type Balancer,
  balancerOf,
  endpointsOf,
  equalEndpoints,
  hashesOf,
  NOBODY,
  pick,
  pickByHash,
  SEED,
  START_MS,
} from './support.ts';

/** Of `flags`: the endpoint comes from a group that ignores availability. */
const FLAG_PANIC = 1;
const POLICIES = Object.keys(POLICY) as PolicyName[];

/** What may happen to a balancer between two picks. `at` and the like are taken modulo the number of endpoints. */
type Change =
  | { kind: 'available'; at: number; available: boolean }
  | { kind: 'warm'; at: number; sinceMs: number }
  | { kind: 'weight'; at: number; weight: number }
  | { kind: 'begin' | 'end'; at: number }
  | { kind: 'observe'; at: number; rttUs: number; failed: boolean }
  | { kind: 'report'; at: number; rif: number; latencyUs: number }
  | { kind: 'exclude'; slots: number[] }
  | { kind: 'pass'; ms: number }
  | { kind: 'endpoints'; endpoints: Endpoint[] };

const at = fc.nat(1000);
const anyList = anyEndpoints(12, { maxRequests: fc.constantFrom(0, 0, 0, 1, 2) });
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('available' as const), at, available: fc.boolean() }),
  fc.record({ kind: fc.constant('warm' as const), at, sinceMs: fc.integer({ min: START_MS - 9000, max: START_MS + 9000 }) }),
  fc.record({ kind: fc.constant('weight' as const), at, weight: fc.constantFrom(0, 0, 1, 2, 1000) }),
  fc.record({ kind: fc.constantFrom('begin' as const, 'begin' as const, 'end' as const), at }),
  fc.record({ kind: fc.constant('observe' as const), at, rttUs: fc.nat(1e9), failed: fc.boolean() }),
  fc.record({ kind: fc.constant('report' as const), at, rif: fc.nat(70_000), latencyUs: fc.nat(2e7) }),
  fc.record({ kind: fc.constant('exclude' as const), slots: fc.array(at, { maxLength: 4 }) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(20_000) }),
  fc.record({ kind: fc.constant('endpoints' as const), endpoints: anyList }),
);

const anySettings = fc.record({
  hashBalancePercent: fc.constantFrom(0, 100, 150),
  panicPercent: fc.constantFrom(0, 50, 100),
  zone: fc.constantFrom('', 'a'),
  zoneMinEndpoints: fc.constantFrom(0, 6),
  slowStartMs: fc.constantFrom(0, 10_000),
  biasMillis: fc.constantFrom(0, 1000, 1700),
  decayMs: fc.constantFrom(0, 1000),
});

/** A balancer beside the plain list of what it was told. */
class Model {
  readonly #settings: ReturnType<typeof settingsOf>;
  #balancer!: Balancer;
  #endpoints: Endpoint[] = [];
  #active: number[] = [];
  #excluded: number[] = [];
  #nowMs = START_MS;

  constructor(settings: ReturnType<typeof settingsOf>, endpoints: Endpoint[]) {
    this.#settings = settings;
    this.#replace(endpoints);
  }

  #replace(endpoints: Endpoint[]): void {
    this.#endpoints = endpoints.map((endpoint) => ({ ...endpoint }));
    this.#active = endpoints.map(() => 0);
    this.#excluded = [];
    this.#balancer = balancerOf(this.#settings, endpoints, this.#nowMs);
  }

  apply(change: Change): void {
    if (change.kind === 'endpoints') return this.#replace(change.endpoints);
    const size = this.#endpoints.length;
    if (change.kind === 'pass') this.#nowMs += change.ms;
    else if (size === 0) return;
    else if (change.kind === 'exclude') {
      this.#excluded = change.slots.map((slot) => slot % size);
      this.#balancer.exclude(this.#excluded);
    } else {
      const slot = change.at % size;
      const endpoint = this.#endpoints[slot]!;
      switch (change.kind) {
        case 'available':
          this.#balancer.setAvailable(slot, (endpoint.available = change.available));
          break;
        case 'warm':
          this.#balancer.warm(slot, (endpoint.warmSinceMs = change.sinceMs));
          break;
        case 'weight':
          this.#balancer.setWeight(slot, (endpoint.weight = change.weight));
          break;
        case 'begin':
          this.#balancer.begin(slot);
          this.#active[slot]!++;
          break;
        case 'end':
          if (this.#active[slot]! === 0) return;
          this.#balancer.end(slot);
          this.#active[slot]!--;
          break;
        case 'observe':
          this.#balancer.observe(slot, change.rttUs, change.failed, 0, this.#nowMs);
          break;
        case 'report':
          this.#balancer.report(slot, change.rif, change.latencyUs, this.#nowMs);
          break;
      }
    }
    this.#balancer.rebuild(this.#nowMs);
  }

  check(hash: bigint): void {
    const { groups } = planOf(this.#settings, this.#endpoints, this.#nowMs);
    const candidates = groups.flatMap((group) => group.members).filter((slot) => !this.#excluded.includes(slot));
    const free = candidates.filter((slot) => {
      const { maxRequests } = this.#endpoints[slot]!;
      return maxRequests === 0 || this.#active[slot]! < maxRequests;
    });
    for (const choose of [() => pick(this.#balancer, this.#nowMs), () => pickByHash(this.#balancer, hash, this.#nowMs)]) {
      const slot = choose();
      const flags = this.#balancer.flags();
      if (candidates.length === 0) expect(slot).toBe(NOBODY);
      else if (free.length === 0) expect(slot).toBe(ALL_FULL);
      else {
        expect(free).toContain(slot);
        const endpoint = this.#endpoints[slot]!;
        expect(endpoint.weight).toBeGreaterThan(0);
        const isPanicking = groups.some(({ panic, members }) => panic && members.includes(slot));
        expect(endpoint.available || isPanicking).toBe(true);
        expect((flags & FLAG_PANIC) !== 0).toBe(isPanicking);
      }
    }
    expect(this.#active).toEqual(this.#endpoints.map((_, slot) => this.#balancer.load(slot).active));
  }
}

describe('any changes of the endpoints', () => {
  it.each(POLICIES)('leave every pick among the candidates that are not excluded and not full: %s', (policy) => {
    fc.assert(
      fc.property(
        anySettings,
        anyList,
        fc.array(fc.tuple(anyChange, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), { maxLength: 30 }),
        (changes, endpoints, steps) => {
          const tableSize = policy === 'maglev' ? 61 : 64;
          const model = new Model(settingsOf(policy, { ...changes, tableSize }), endpoints);
          for (const [change, hash] of steps) {
            model.apply(change);
            model.check(hash);
          }
        },
      ),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe.each(POLICIES)('%s', (policy) => {
  const settings = settingsOf(policy);

  it('gives nobody when there is no endpoint', () => {
    const balancer = balancerOf(settings, []);
    expect(pick(balancer)).toBe(NOBODY);
    expect(pickByHash(balancer, 5n)).toBe(NOBODY);
    expect(balancer.describe().groups).toEqual([]);
  });

  it('gives the only endpoint, and nobody when it is drained or excluded', () => {
    const balancer = balancerOf(settings, equalEndpoints(1));
    for (const hash of hashesOf(50)) expect([pick(balancer), pickByHash(balancer, hash)]).toEqual([0, 0]);
    balancer.exclude([0]);
    expect(pick(balancer)).toBe(NOBODY);
    balancer.exclude([]);
    expect(pick(balancer)).toBe(0);
    expect(pick(balancerOf(settings, endpointsOf([0])))).toBe(NOBODY);
  });

  it('falls over to the other groups in their order', () => {
    // Two for each of three levels; everything goes to the first as long as it may.
    const endpoints = equalEndpoints(6, { maxRequests: 1 }).map((endpoint, i) => ({ ...endpoint, priority: i >> 1 }));
    const balancer = balancerOf(settings, endpoints);
    const levels = () => new Set(hashesOf(30).flatMap((hash) => [pick(balancer) >> 1, pickByHash(balancer, hash) >> 1]));
    expect([...levels()]).toEqual([0]);
    balancer.exclude([0, 1]);
    expect([...levels()]).toEqual([1]);
    balancer.exclude([0, 1, 2]);
    balancer.begin(3);
    expect([...levels()]).toEqual([2]);
    balancer.exclude([0, 1, 2, 4, 5]);
    expect([pick(balancer), pickByHash(balancer, 1n)]).toEqual([ALL_FULL, ALL_FULL]);
    balancer.exclude([0, 1, 2, 3, 4, 5]);
    expect([pick(balancer), pickByHash(balancer, 1n)]).toEqual([NOBODY, NOBODY]);
  });

  it('chooses among 10,000 endpoints, and finds the only one that is eligible', () => {
    const size = 10_000;
    const balancer = balancerOf(settings, equalEndpoints(size, { maxRequests: 1 }));
    const seen = new Set<number>();
    for (const hash of hashesOf(2000)) {
      seen.add(pick(balancer));
      seen.add(pickByHash(balancer, hash));
    }
    for (const slot of seen) expect(slot).toBeGreaterThanOrEqual(0);
    for (const slot of seen) expect(slot).toBeLessThan(size);
    expect(seen.size).toBeGreaterThan(1000);
    for (let slot = 0; slot < size; slot++) if (slot !== 6543) balancer.begin(slot);
    for (const hash of hashesOf(20)) expect([pick(balancer), pickByHash(balancer, hash)]).toEqual([6543, 6543]);
    balancer.begin(6543);
    expect(pick(balancer)).toBe(ALL_FULL);
  });

  it('takes endpoints of one name, of greatest weights and of strange names', () => {
    const names = ['same', 'same', '', 'é'.repeat(200), '\u0000', 'unix:/run/app.sock'];
    const endpoints = names.map((name) => endpointOf(name, { weight: 65_535 }));
    const balancer = balancerOf(settings, endpoints);
    const seen = new Set<number>();
    for (const hash of hashesOf(3000)) {
      seen.add(pick(balancer));
      seen.add(pickByHash(balancer, hash));
    }
    expect([...seen].every((slot) => slot >= 0 && slot < names.length)).toBe(true);
  });

  it('fills pickMany with what pick gives for the same hashes', () => {
    const many = balancerOf(settings, equalEndpoints(20));
    const out = new Uint32Array(100);
    many.pickMany(100, out, START_MS);
    expect([...out].every((slot) => slot < 20)).toBe(true);
    if (!['ringHash', 'maglev', 'rendezvous'].includes(policy)) return;
    const single = balancerOf(settings, equalEndpoints(20));
    const expected = (from: number) => [...out.keys()].map((i) => pickByHash(single, mix64(BigInt(i + from))));
    expect([expected(0), expected(1)]).toContainEqual([...out]);
  });
});

