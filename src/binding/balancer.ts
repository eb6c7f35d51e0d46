/** A balancer over endpoints of its own, apart from any cluster: for tests, benches and simulations. */
import { addon } from './load.ts';

/** Fields of a BALANCER record; what is missing has its neutral value. */
export interface BalancerOptions {
  /** POLICY. */
  policy: number;
  biasMillis?: number;
  decayMs?: number;
  defaultLatencyUs?: number;
  penaltyMs?: number;
  /** 0 = the default of the policy. */
  tableSize?: number;
  hashBalancePercent?: number;
  overprovisioningPercent?: number;
  panicPercent?: number;
  /** Zone of the proxy; '' = no zone preference. */
  zone?: string;
  zoneMinEndpoints?: number;
  slowStartMs?: number;
  slowStartAggressionMillis?: number;
  slowStartMinPercent?: number;
}

/** Its slot is its place in the list. */
export interface BalancerEndpoint {
  name: string;
  /** 1 when missing; 0 is never given. */
  weight?: number;
  priority?: number;
  zone?: string;
  /** 0 = no cap. */
  maxRequests?: number;
}

export interface BalancerDescription {
  groups: {
    priority: number;
    zone: 'all' | 'local' | 'remote';
    /** Of 10,000. */
    share: number;
    /** Availability is ignored. */
    panic: boolean;
    /** Slots of the candidates. */
    members: number[];
    /** After slow start, the heaviest of the group scaled to 65,535; parallel to the members. */
    weights: number[];
  }[];
  warming: boolean;
  panicking: boolean;
  bounded: boolean;
  capped: boolean;
  /** Next step of the round robin of each group (number modulo 16). */
  sequences: number[];
}

/** All times are of one clock, in whole milliseconds; it should not start at 0, which stands for "never". */
export interface Balancer {
  /** A slot, -1 when there is none to give, -2 when all there are have reached their `maxRequests`. Counts nothing. */
  pick(hashLow: number, hashHigh: number, hasHash: boolean, nowMs: number): number;
  /** `n` picks for the keys mix64(0), mix64(1) ...; the slots go into `out`, round and round. */
  pickMany(n: number, out: Uint32Array, nowMs: number): void;
  /** Of the last pick: 1 = in panic, 2 = moved by the bound of the load. */
  flags(): number;
  /** A request begins or ends at a slot. */
  begin(slot: number): void;
  end(slot: number): void;
  /** An answer came, or the endpoint failed; `retryAfterMs` 0 = it did not say. */
  observe(slot: number, rttUs: number, failed: boolean, retryAfterMs: number, nowMs: number): void;
  /** The endpoint said how busy it is. */
  report(slot: number, rif: number, latencyUs: number, nowMs: number): void;
  /** These three take effect with the next `rebuild`. */
  setAvailable(slot: number, available: boolean): void;
  setWeight(slot: number, weight: number): void;
  /** Slow start began then; 0 = not in slow start. */
  warm(slot: number, sinceMs: number): void;
  /** Computes the plan anew; how many milliseconds that took. */
  rebuild(nowMs: number): number;
  /** Slots that no pick may give, until the next call. */
  exclude(slots: readonly number[]): void;
  load(slot: number): { active: number; costUs: number; stampMs: number; rif: number; latencyUs: number; reportMs: number };
  /** As the policy sees it; 0 = never measured. */
  latency(slot: number, nowMs: number): number;
  describe(): BalancerDescription;
  /**
   * Mean nanoseconds per pick in a loop in C++, on `threads` threads with a picker state each. Every pick begins a request
   * and ends the one of 64 picks ago, so that the counts move; `timeCounts` is the loop without the pick.
   */
  timePicks(n: number, threads: number, nowMs: number): number;
  timeCounts(n: number, threads: number): number;
}

export function createBalancer(settings: BalancerOptions, endpoints: readonly BalancerEndpoint[], seed: number): Balancer {
  return new addon.Balancer(settings, endpoints, seed);
}
