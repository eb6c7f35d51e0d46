import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupOfDraw, planOf, WHOLE } from '../../reference/balancer/groups.ts';
import { mix64, scaled } from '../../reference/balancer/key-hash.ts';
import { type BalancerSettings, type Endpoint, endpointOf, settingsOf } from '../../reference/balancer/settings.ts';
import {
  anyEndpoints,
  balancerOf,
  chiSquare,
  countPicks,
  equalEndpoints,
  hashesOf,
  NOBODY,
  pick,
  pickByHash,
  SEED,
  START_MS,
} from './support.ts';

const anySettings = fc
  .record({
    overprovisioningPercent: fc.constantFrom(100, 140, 140, 200),
    panicPercent: fc.constantFrom(0, 1, 50, 50, 100),
    zone: fc.constantFrom('', 'a', 'a', 'z'),
    zoneMinEndpoints: fc.constantFrom(0, 1, 6),
    slowStartMs: fc.constantFrom(0, 10_000),
    slowStartMinPercent: fc.constantFrom(0, 10, 100),
  })
  .map((changes) => settingsOf('random', changes));

/** Share of each level in percent, by the reference and by the C++, which must be one. */
function levelShares(endpoints: readonly Endpoint[], changes: Partial<BalancerSettings> = {}): number[] {
  const groups = groupsOf(endpoints, changes);
  const priorities = [...new Set(groups.map((group) => group.priority))];
  return priorities.map((priority) =>
    groups.filter((group) => group.priority === priority).reduce((sum, group) => sum + group.share / 100, 0),
  );
}

function groupsOf(endpoints: readonly Endpoint[], changes: Partial<BalancerSettings> = {}) {
  const settings = settingsOf('random', changes);
  const { groups } = planOf(settings, endpoints, START_MS);
  expect(balancerOf(settings, endpoints).describe().groups).toEqual(groups);
  return groups;
}

/** `size` endpoints of which `available` are. */
const level = (priority: number, size: number, available: number): Endpoint[] =>
  Array.from({ length: size }, (_, i) => endpointOf(`10.${priority}.0.${i}:80`, { priority, available: i < available }));

describe('plan', () => {
  it('has the groups, shares and effective weights of the reference for any endpoints', () => {
    fc.assert(
      fc.property(anySettings, anyEndpoints(24), (settings, endpoints) => {
        const plan = planOf(settings, endpoints, START_MS);
        const shares = plan.groups.reduce((sum, group) => sum + group.share, 0);
        expect(shares).toBe(plan.groups.length === 0 ? 0 : WHOLE);
        expect(balancerOf(settings, endpoints).describe()).toMatchObject(plan);
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  it('spills over as the documentation of Envoy says', () => {
    // Percent available at the first of two levels of 100, and the loads that follow.
    for (const [available, loads] of [
      [100, [100, 0]],
      [72, [100, 0]],
      [71, [99, 1]],
      [50, [70, 30]],
      [25, [35, 65]],
      [0, [0, 100]],
    ] as const) {
      const endpoints = [...level(0, 100, available), ...level(1, 100, 100)];
      const shares = levelShares(endpoints);
      expect(shares, `${available} %`).toEqual(available === 0 ? [100] : loads);
    }
    expect(levelShares([...level(0, 100, 25), ...level(1, 100, 25)], { panicPercent: 0 })).toEqual([50, 50]);
    expect(levelShares([...level(0, 100, 5), ...level(1, 100, 0), ...level(2, 100, 100)], { panicPercent: 0 })).toEqual([
      7, 93,
    ]);
  });

  it('takes priorities with holes in their order', () => {
    const endpoints = [...level(7, 2, 2), ...level(0, 2, 1), ...level(5, 2, 2)];
    expect(groupsOf(endpoints).map(({ priority, share }) => [priority, share])).toEqual([
      [0, 7000],
      [5, 3000],
      [7, 0],
    ]);
  });

  it('gives what rounding leaves to the first level with load', () => {
    // 14 + 14 + 14 of 42: 33 each.
    const endpoints = [0, 1, 2].flatMap((priority) => level(priority, 10, 1));
    expect(levelShares(endpoints, { panicPercent: 0 })).toEqual([34, 33, 33]);
  });

  it('panics only after the spill-over (trap 10: one bad zone must not panic the cluster)', () => {
    const spared = groupsOf([...level(0, 10, 1), ...level(1, 10, 10)]);
    expect(spared.map(({ share, panic, members }) => ({ share, panic, size: members.length }))).toEqual([
      { share: 1400, panic: false, size: 1 },
      { share: 8600, panic: false, size: 10 },
    ]);
    // The other level cannot carry the rest any more: now the bad one uses everybody, and the good one does not.
    const bad = groupsOf([...level(0, 10, 1), ...level(1, 10, 5)]);
    expect(bad.map(({ panic, members }) => ({ panic, size: members.length }))).toEqual([
      { panic: true, size: 10 },
      { panic: false, size: 5 },
    ]);
  });

  it('panics below the threshold and not at it', () => {
    expect(groupsOf(level(0, 10, 5), { overprovisioningPercent: 100 })[0]?.panic).toBe(false);
    expect(groupsOf(level(0, 10, 4), { overprovisioningPercent: 100 })[0]?.panic).toBe(true);
    expect(groupsOf(level(0, 10, 1), { panicPercent: 0 })[0]?.panic).toBe(false);
  });

  it('shares by the size of the levels when nothing is available, and gives nobody without panic', () => {
    const endpoints = [...level(0, 30, 0), ...level(1, 10, 0)];
    expect(levelShares(endpoints)).toEqual([75, 25]);
    const never = settingsOf('random', { panicPercent: 0 });
    expect(balancerOf(never, endpoints).describe().groups).toEqual([]);
    expect(pick(balancerOf(never, endpoints))).toBe(NOBODY);
  });

  it('keeps in the zone what its members can carry', () => {
    const inZones = (local: number, available: number, remote: number): Endpoint[] => [
      ...level(0, local, available).map((endpoint) => ({ ...endpoint, zone: 'a' })),
      ...level(0, remote, remote).map((endpoint, i) => ({ ...endpoint, zone: 'b', name: `10.9.0.${i}:80` })),
    ];
    const shares = (endpoints: readonly Endpoint[], changes: Partial<BalancerSettings> = {}) =>
      groupsOf(endpoints, { zone: 'a', ...changes }).map(({ zone, share }) => `${zone} ${share}`);
    expect(shares(inZones(4, 4, 4))).toEqual(['local 10000', 'remote 0']);
    expect(shares(inZones(4, 3, 4))).toEqual(['local 10000', 'remote 0']);
    expect(shares(inZones(4, 2, 4))).toEqual(['local 7000', 'remote 3000']);
    expect(shares(inZones(10, 1, 10))).toEqual(['local 1400', 'remote 8600']);
    expect(shares(inZones(4, 0, 4))).toEqual(['all 10000']);
    expect(shares(inZones(6, 4, 0))).toEqual(['local 10000']);
    expect(shares(inZones(2, 2, 3))).toEqual(['all 10000']); // 5 endpoints are too few
    expect(shares(inZones(2, 2, 3), { zoneMinEndpoints: 5 })).toEqual(['local 10000', 'remote 0']);
    expect(shares(inZones(4, 4, 4), { zone: 'z' })).toEqual(['all 10000']);
  });

  it('draws groups by their shares', () => {
    const endpoints = [...level(0, 10, 5), ...level(1, 3, 3), ...level(2, 3, 3)];
    const balancer = balancerOf(settingsOf('random'), endpoints);
    const { groups } = planOf(settingsOf('random'), endpoints, START_MS);
    const odds = endpoints.map((_, slot) => {
      const group = groups.find(({ members }) => members.includes(slot));
      return group === undefined ? 0 : group.share / WHOLE / group.members.length;
    });
    const { statistic, critical } = chiSquare(countPicks(endpoints.length, 100_000, () => pick(balancer)), odds);
    expect(statistic).toBeLessThan(critical);
  });

  it('draws the group from the hash when the policy is one of hashes, so that a key stays', () => {
    const endpoints = [...level(0, 10, 5), ...level(1, 3, 3)];
    for (const policy of ['ringHash', 'maglev', 'rendezvous'] as const) {
      const settings = settingsOf(policy);
      const { groups } = planOf(settings, endpoints, START_MS);
      const balancer = balancerOf(settings, endpoints);
      for (const hash of hashesOf(2000)) {
        const group = groups[groupOfDraw(groups, scaled(mix64(hash), WHOLE))]!;
        expect(group.members).toContain(pickByHash(balancer, hash));
      }
    }
  });

  it('says whether it is warming, panicking, bounded and capped', () => {
    const flags = (settings: BalancerSettings, endpoints: Endpoint[]) => {
      const { warming, panicking, bounded, capped } = balancerOf(settings, endpoints).describe();
      return { warming, panicking, bounded, capped };
    };
    const none = { warming: false, panicking: false, bounded: false, capped: false };
    const three = equalEndpoints(3);
    expect(flags(settingsOf('maglev'), three)).toEqual(none);
    expect(flags(settingsOf('maglev', { hashBalancePercent: 150 }), three)).toEqual({ ...none, bounded: true });
    expect(flags(settingsOf('random', { hashBalancePercent: 150 }), three)).toEqual(none);
    expect(flags(settingsOf('random'), equalEndpoints(3, { maxRequests: 2 }))).toEqual({ ...none, capped: true });
    expect(flags(settingsOf('random'), equalEndpoints(3, { available: false }))).toEqual({ ...none, panicking: true });
    const warm = equalEndpoints(3, { warmSinceMs: START_MS - 1 });
    expect(flags(settingsOf('random', { slowStartMs: 10 }), warm)).toEqual({ ...none, warming: true });
    expect(flags(settingsOf('random', { slowStartMs: 1 }), warm)).toEqual(none);
  });
});

describe('slow start', () => {
  const settings = settingsOf('random', { slowStartMs: 10_000 });
  const weightsAt = (nowMs: number, changes: Partial<BalancerSettings> = {}) => {
    const own = { ...settings, ...changes };
    const endpoints = equalEndpoints(3).map((endpoint, i) => (i === 1 ? { ...endpoint, warmSinceMs: START_MS } : endpoint));
    const balancer = balancerOf(own, endpoints, nowMs);
    return { weights: balancer.describe().groups[0]!.weights, reference: planOf(own, endpoints, nowMs).groups[0]!.weights };
  };

  it('grows the weight from a tenth to the whole over its window', () => {
    for (const [age, thousandths] of [
      [0, 100],
      [500, 100],
      [2500, 250],
      [5000, 500],
      [9999, 999],
      [10_000, 1000],
      [99_999, 1000],
    ] as const) {
      const { weights, reference } = weightsAt(START_MS + age);
      expect(weights).toEqual(reference);
      expect(weights).toEqual([65_535, Math.floor((thousandths * 65_535 + 500) / 1000), 65_535]);
    }
  });

  it('follows the aggression as age ^ (1 / aggression), and the least weight', () => {
    for (const slowStartAggressionMillis of [500, 1000, 2000, 3700])
      for (const slowStartMinPercent of [0, 1, 30])
        for (let age = 0; age <= 10_000; age += 97) {
          const { weights, reference } = weightsAt(START_MS + age, { slowStartAggressionMillis, slowStartMinPercent });
          // pow() of two libraries may differ in the last bit, and so may what is rounded down from it to 1/1000.
          const slack = slowStartAggressionMillis === 1000 ? 0 : 66;
          for (const [i, weight] of weights.entries()) expect(Math.abs(weight - reference[i]!)).toBeLessThanOrEqual(slack);
        }
  });

  it('does not begin for endpoints that were there from the start (trap 11)', () => {
    const { groups, warming } = balancerOf(settings, equalEndpoints(3), 1).describe();
    expect(warming).toBe(false);
    expect(groups[0]?.weights).toEqual([65_535, 65_535, 65_535]);
  });

  it('gives a starting endpoint the share of its weight', () => {
    const endpoints = equalEndpoints(3).map((endpoint, i) => (i === 1 ? { ...endpoint, warmSinceMs: START_MS } : endpoint));
    const balancer = balancerOf(settings, endpoints, START_MS + 2500);
    const counts = countPicks(3, 60_000, () => pick(balancer));
    const { statistic, critical } = chiSquare(counts, [1 / 2.25, 0.25 / 2.25, 1 / 2.25]);
    expect(statistic).toBeLessThan(critical);
  });

  it('is taken up again when the plan is rebuilt later', () => {
    const balancer = balancerOf(settings, equalEndpoints(2));
    balancer.warm(1, START_MS);
    balancer.rebuild(START_MS + 1000);
    expect(balancer.describe().groups[0]?.weights).toEqual([65_535, 6554]);
    balancer.rebuild(START_MS + 10_000);
    expect(balancer.describe()).toMatchObject({ warming: false, groups: [{ weights: [65_535, 65_535] }] });
  });
});
