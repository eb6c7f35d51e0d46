import { HASH_SOURCE_FLAG, HASH_SOURCE_KIND, NONE, POLICY } from '../binding/abi.ts';
import { NO_SLICE, type ImageWriter } from './image-writer.ts';
import type { BalancerConfig, HashSourceConfig } from './types.ts';

const NO_SLOW_START = { windowMs: 0, aggressionMillis: 1_000, minPercent: 10 };

/** Appends a BALANCER with its hash sources; returns its index. */
export function compileBalancer(writer: ImageWriter, balancer: BalancerConfig): number {
  const zone = writer.optionalString(balancer.zone);
  const hashStart = writer.count('HASH_SOURCE');
  for (const source of balancer.hashOn) addHashSource(writer, source);
  const slowStart = balancer.slowStart ?? NO_SLOW_START;
  return writer.add('BALANCER', {
    policy: POLICY[balancer.policy],
    biasMillis: balancer.biasMillis,
    decayMs: balancer.decayMs,
    defaultLatencyUs: balancer.defaultLatencyMs * 1_000,
    penaltyMs: balancer.penaltyMs,
    tableSize: balancer.tableSize,
    hashBalancePercent: balancer.hashBalancePercent,
    hashStart,
    hashCount: balancer.hashOn.length,
    overprovisioningPercent: balancer.overprovisioningPercent,
    panicPercent: balancer.panicPercent,
    zoneOffset: zone.offset,
    zoneLength: zone.length,
    zoneMinEndpoints: balancer.zoneMinEndpoints,
    slowStartMs: slowStart.windowMs,
    slowStartAggressionMillis: slowStart.aggressionMillis,
    slowStartMinPercent: slowStart.minPercent,
  });
}

function addHashSource(writer: ImageWriter, source: HashSourceConfig): void {
  const name = 'name' in source ? writer.string(source.name) : NO_SLICE;
  const generate = source.kind === 'cookie' ? source.generate : null;
  const path = writer.optionalString(generate?.path ?? null);
  writer.add('HASH_SOURCE', {
    kind: HASH_SOURCE_KIND[source.kind],
    flags: source.terminal ? HASH_SOURCE_FLAG.terminal : 0,
    nameOffset: name.offset,
    nameLength: name.length,
    ttlSeconds: generate?.ttlSeconds ?? NONE,
    pathOffset: path.offset,
    pathLength: path.length,
  });
}
