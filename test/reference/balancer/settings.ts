import { POLICY } from '../../../src/binding/abi.ts';

/** How a cluster chooses among its endpoints: the numbers of a BALANCER record, and the zone of the proxy. */
export interface BalancerSettings {
  /** POLICY of the ABI. */
  policy: number;
  biasMillis: number;
  decayMs: number;
  defaultLatencyUs: number;
  penaltyMs: number;
  tableSize: number;
  hashBalancePercent: number;
  overprovisioningPercent: number;
  panicPercent: number;
  /** Zone of this proxy, '' = no zone preference. */
  zone: string;
  zoneMinEndpoints: number;
  slowStartMs: number;
  slowStartAggressionMillis: number;
  slowStartMinPercent: number;
}

export type PolicyName = keyof typeof POLICY;

/** The neutral values of the configuration, with a policy and whatever a caller wants otherwise. */
export function settingsOf(policy: PolicyName, changes: Partial<BalancerSettings> = {}): BalancerSettings {
  return {
    policy: POLICY[policy],
    biasMillis: 1000,
    decayMs: 10_000,
    defaultLatencyUs: 30_000,
    penaltyMs: 5000,
    tableSize: policy === 'ringHash' ? 1024 : 65_537,
    hashBalancePercent: 0,
    overprovisioningPercent: 140,
    panicPercent: 50,
    zone: '',
    zoneMinEndpoints: 6,
    slowStartMs: 0,
    slowStartAggressionMillis: 1000,
    slowStartMinPercent: 10,
    ...changes,
  };
}

/** One endpoint as a balancer is told of it. Its number, the slot, is its place in the list. */
export interface Endpoint {
  /** Identity of the endpoint in the hash policies, as "127.0.0.1:9001". */
  name: string;
  /** 0 = drained. */
  weight: number;
  /** 0 is used first. */
  priority: number;
  /** '' = none. */
  zone: string;
  /** Most requests in flight, 0 = any number. */
  maxRequests: number;
  available: boolean;
  /** When its slow start began, 0 = it is warm. */
  warmSinceMs: number;
}

export function endpointOf(name: string, changes: Partial<Endpoint> = {}): Endpoint {
  return { name, weight: 1, priority: 0, zone: '', maxRequests: 0, available: true, warmSinceMs: 0, ...changes };
}
