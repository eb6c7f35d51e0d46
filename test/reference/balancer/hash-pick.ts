import { POLICY } from '../../../src/binding/abi.ts';
import { bounds } from './bounded-load.ts';
import { type Group, groupOfDraw, groupOrder, type Plan, WHOLE } from './groups.ts';
import { mix64, scaled } from './key-hash.ts';
import { maglevOf, maglevOrder } from './maglev.ts';
import { rendezvousOrder } from './rendezvous.ts';
import { ringOf, ringOrder } from './ring.ts';
import type { BalancerSettings, Endpoint } from './settings.ts';

export const NOBODY = -1;
export const ALL_FULL = -2;

/** What a pick may depend on beside the plan. */
export interface Situation {
  /** Requests in flight per slot. */
  active: readonly number[];
  excluded: readonly number[];
  totalActive: number;
}

const MAGLEV_TRIES = 1 + 32;
const RING_TRIES = 1 + 256;

/** Members of one group in the order in which a hash asks them, as far as that order is followed. */
type Order = (hash: bigint) => Iterable<number>;

/** Picks of the policies that choose by a hash: ringHash, maglev, rendezvous. Tables are made once per plan. */
export class HashPicker {
  readonly #settings: BalancerSettings;
  readonly #endpoints: readonly Endpoint[];
  readonly #plan: Plan;
  readonly #orders: Map<Group, Order>;

  constructor(settings: BalancerSettings, endpoints: readonly Endpoint[], plan: Plan) {
    this.#settings = settings;
    this.#endpoints = endpoints;
    this.#plan = plan;
    this.#orders = new Map(plan.groups.map((group) => [group, this.#orderOf(group)]));
  }

  #orderOf({ members, weights }: Group): Order {
    const names = members.map((slot) => this.#endpoints[slot]!.name);
    switch (this.#settings.policy) {
      case POLICY.ringHash: {
        const ring = ringOf(names, weights, this.#settings.tableSize);
        return (hash) => take(ringOrder(ring, hash), RING_TRIES);
      }
      case POLICY.maglev: {
        const table = maglevOf(names, weights, this.#settings.tableSize);
        return (hash) => take(maglevOrder(table, hash), MAGLEV_TRIES);
      }
      default:
        return (hash) => rendezvousOrder(names, weights, hash);
    }
  }

  /** Slot of the endpoint for this hash, NOBODY or ALL_FULL. */
  pick(hash: bigint, situation: Situation): number {
    const { groups } = this.#plan;
    const draw = groupOfDraw(groups, scaled(mix64(hash), WHOLE));
    for (const group of groupOrder(groups, draw)) {
      const index = this.#pickIn(group, hash, situation);
      if (index !== undefined) return group.members[index]!;
    }
    const someAreFull = groups.some((group) => group.members.some((slot) => !situation.excluded.includes(slot)));
    return someAreFull ? ALL_FULL : NOBODY;
  }

  #pickIn(group: Group, hash: bigint, { active, excluded, totalActive }: Situation): number | undefined {
    const eligible = (index: number): boolean => {
      const slot = group.members[index]!;
      const { maxRequests } = this.#endpoints[slot]!;
      return !excluded.includes(slot) && (maxRequests === 0 || active[slot]! < maxRequests);
    };
    const percent = this.#settings.hashBalancePercent;
    if (percent === 0) return this.#firstOf(group, hash, eligible);
    const bound = bounds(group.weights, totalActive, percent);
    const below = (index: number) => eligible(index) && active[group.members[index]!]! < bound[index]!;
    return this.#firstOf(group, hash, below) ?? this.#firstOf(group, hash, eligible);
  }

  /** First acceptable member in the order of the hash; where that order is cut off, by a scan from a place of its own. */
  #firstOf(group: Group, hash: bigint, acceptable: (index: number) => boolean): number | undefined {
    for (const index of this.#orders.get(group)!(hash)) if (acceptable(index)) return index;
    const n = group.members.length;
    const start = scaled(mix64(hash), n);
    for (let k = 0; k < n; k++) if (acceptable((start + k) % n)) return (start + k) % n;
    return undefined;
  }
}

function* take(order: Iterable<number>, count: number): Generator<number> {
  let taken = 0;
  for (const index of order) {
    if (taken++ === count) return;
    yield index;
  }
}
