/** The references of the balancers with a source of random numbers, as one object that picks. */
import { POLICY } from '../../src/binding/abi.ts';
import { planOf, type Group } from '../../test/reference/balancer/groups.ts';
import { HashPicker } from '../../test/reference/balancer/hash-pick.ts';
import { latencyLoad, observed, UNMEASURED, type Latency } from '../../test/reference/balancer/latency.ts';
import { leastRequestOf } from '../../test/reference/balancer/least-request.ts';
import { leastTimeFrom } from '../../test/reference/balancer/least-time.ts';
import { peakEwmaOf } from '../../test/reference/balancer/peak-ewma.ts';
import { DRAWS, hotCold, RifHistory, type Report } from '../../test/reference/balancer/prequal.ts';
import type { BalancerSettings, Endpoint } from '../../test/reference/balancer/settings.ts';
import { stridePick } from '../../test/reference/balancer/stride.ts';
import type { Random } from './random.ts';
import { below } from './random.ts';

/** Slots that leastTime looks at; the loads of others are not computed. */
const LOOKED_AT = 16;

export class ReferencePicker {
  readonly active: number[];
  readonly #settings: BalancerSettings;
  readonly #group: Group;
  readonly #hashed: HashPicker | undefined;
  readonly #latencies: Latency[];
  readonly #reports: Report[];
  readonly #history = new RifHistory();
  readonly #next: Random;
  readonly #totalWeight: number;
  #sequence = 0;

  /** Endpoints of one group, all of which have been measured and have reported. */
  constructor(settings: BalancerSettings, endpoints: readonly Endpoint[], rttUs: (slot: number) => number, next: Random) {
    const plan = planOf(settings, endpoints, 0);
    const [group] = plan.groups;
    if (group === undefined || plan.groups.length !== 1) throw new Error('the bench wants one group of endpoints');
    this.#settings = settings;
    this.#group = group;
    this.#next = next;
    this.#totalWeight = group.weights.reduce((sum, weight) => sum + weight, 0);
    this.active = endpoints.map(() => 0);
    this.#latencies = endpoints.map((_, slot) => observed(UNMEASURED, settings, rttUs(slot), 0));
    this.#reports = endpoints.map((_, slot) => ({ rif: slot % 8, latencyUs: rttUs(slot) }));
    const isHashed = [POLICY.ringHash, POLICY.maglev, POLICY.rendezvous].some((policy) => policy === settings.policy);
    this.#hashed = isHashed ? new HashPicker(settings, endpoints, plan) : undefined;
  }

  pick(hash: bigint, nowMs: number): number {
    const { weights } = this.#group;
    const load = (slot: number): number => latencyLoad(this.#latencies[slot]!, this.active[slot]!, this.#settings, nowMs);
    switch (this.#settings.policy) {
      case POLICY.roundRobin: {
        const { index, sequence } = stridePick(weights, this.#sequence);
        this.#sequence = sequence;
        return index;
      }
      case POLICY.random:
        return this.#draw();
      case POLICY.leastRequest:
        return leastRequestOf(weights, this.active, this.#settings.biasMillis / 1000, this.#drawDistinct(2));
      case POLICY.peakEwma: {
        const drawn = this.#drawDistinct(2);
        const loads: number[] = [];
        for (const slot of drawn) loads[slot] = load(slot);
        return peakEwmaOf(loads, drawn);
      }
      case POLICY.leastTime: {
        const start = below(this.#next, weights.length);
        const loads: number[] = [];
        for (let k = 0; k < LOOKED_AT; k++) loads[(start + k) % weights.length] = load((start + k) % weights.length);
        return leastTimeFrom(start, weights, loads);
      }
      case POLICY.prequal: {
        const drawn = this.#drawDistinct(Math.min(DRAWS, weights.length));
        for (const slot of drawn) this.#history.push(this.#reports[slot]!.rif);
        return hotCold(this.#reports, drawn, this.#history.threshold());
      }
      default:
        return this.#hashed!.pick(hash, { active: this.active, excluded: [], totalActive: 0 });
    }
  }

  #draw(): number {
    const { weights } = this.#group;
    let left = below(this.#next, this.#totalWeight);
    for (const [slot, weight] of weights.entries()) if ((left -= weight) < 0) return slot;
    return weights.length - 1;
  }

  #drawDistinct(count: number): number[] {
    const drawn: number[] = [];
    while (drawn.length < count) {
      const slot = this.#draw();
      if (!drawn.includes(slot)) drawn.push(slot);
    }
    return drawn;
  }
}
