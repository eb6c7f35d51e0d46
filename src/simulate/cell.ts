/** What the engine's simulator takes, made of a scenario: the only place that knows both. */
import { POLICY, RATE_ALGORITHM, RETRY_ON } from '../binding/abi.ts';
import type { BalancerOptions } from '../binding/balancer.ts';
import type { ServiceTime as EngineServiceTime, SimulatedChange, SimulatedGroup, SimulationCell } from '../binding/simulation.ts';
import { breakerFields, detects, outlierFields } from '../config/compile-failover.ts';
import type { BalancerConfig } from '../config/types.ts';
import type { Cell } from './result.ts';
import type { Candidate, Change, Group, Scenario, ServiceTime } from './types.ts';

/** Whoever has no cell of that number made a mistake. */
export function cellOf(scenario: Scenario, { candidate, point }: Cell): SimulationCell {
  const { arrivals } = scenario;
  const offered = scenario.points[point];
  const compared = scenario.candidates[candidate];
  if (offered === undefined || compared === undefined) throw new Error(`no cell ${candidate}, ${point}`);
  const { balancer, circuitBreaker, outlierDetection, rateLimit, retry } = compared;
  return {
    // The same for all: every policy meets the same requests, so that a difference between two is theirs and not that of the draws.
    seed: scenario.seed,
    requests: offered.requests,
    rate: offered.rate,
    proxies: scenario.proxies,
    arrivals: arrivals.kind === 'bursts' ? { bursts: { on: arrivals.on, off: arrivals.off } } : arrivals.kind,
    keys: scenario.keys,
    network: scenario.network,
    timeout: scenario.timeout,
    ...(retry.attempts === 0 ? {} : { retry: retryOf(retry, scenario.retryBudget) }),
    balancer: balancerOf(balancer),
    endpoints: scenario.groups.map(groupOf),
    changes: scenario.changes.map((change) => changeOf(change, scenario.groups)),
    ...(circuitBreaker === null ? {} : { circuitBreaker: breakerFields(circuitBreaker) }),
    ...(outlierDetection === null || !detects(outlierDetection) ? {} : { outlierDetection: outlierFields(outlierDetection) }),
    ...(rateLimit === null ? {} : { rateLimit: { ...rateLimit, algorithm: RATE_ALGORITHM[rateLimit.algorithm] } }),
  };
}

function retryOf(retry: Candidate['retry'], retryBudget: Scenario['retryBudget']): NonNullable<SimulationCell['retry']> {
  return {
    attempts: retry.attempts,
    on: retry.on.reduce((bits, condition) => bits | RETRY_ON[condition], 0),
    perTryTimeout: retry.perTryTimeoutMs / 1000,
    backoffBaseMs: retry.backoff.baseMs,
    backoffMaxMs: retry.backoff.maxMs,
    ...(retryBudget === null ? {} : { budget: retryBudget }),
  };
}

function balancerOf(balancer: BalancerConfig): BalancerOptions {
  return {
    policy: POLICY[balancer.policy],
    biasMillis: balancer.biasMillis,
    decayMs: balancer.decayMs,
    defaultLatencyUs: balancer.defaultLatencyMs * 1_000,
    penaltyMs: balancer.penaltyMs,
    tableSize: balancer.tableSize,
    hashBalancePercent: balancer.hashBalancePercent,
    overprovisioningPercent: balancer.overprovisioningPercent,
    panicPercent: balancer.panicPercent,
    ...(balancer.slowStart === null
      ? {}
      : { slowStartMs: balancer.slowStart.windowMs, slowStartAggressionMillis: balancer.slowStart.aggressionMillis, slowStartMinPercent: balancer.slowStart.minPercent }),
  };
}

const groupOf = ({ serviceTime, ...rest }: Group): SimulatedGroup => ({ ...rest, serviceTime: serviceTimeOf(serviceTime) });

function changeOf({ at, for: lasts, group, share, serviceTime, factor, fails, down }: Change, groups: readonly Group[]): SimulatedChange {
  return {
    at,
    ...(lasts === null ? {} : { for: lasts }),
    group: groups[group]?.name ?? '',
    share,
    factor,
    down,
    ...(serviceTime === null ? {} : { serviceTime: serviceTimeOf(serviceTime) }),
    ...(fails === null ? {} : { fails }),
  };
}

function serviceTimeOf(serviceTime: ServiceTime): EngineServiceTime {
  if (serviceTime.kind === 'lognormal') return { lognormal: { median: serviceTime.medianSeconds, p99: serviceTime.p99Seconds } };
  return serviceTime.kind === 'fixed' ? { fixed: serviceTime.meanSeconds } : { exponential: serviceTime.meanSeconds };
}
