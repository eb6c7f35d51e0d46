import { HASH_SOURCE_FLAG, HASH_SOURCE_KIND, NONE, POLICY, type RecordFields } from '../binding/abi.ts';
import type { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

export function dumpBalancer(reader: ImageReader, row: RecordFields<'BALANCER'>): object {
  return {
    policy: nameOf(POLICY, row.policy),
    activeRequestBias: row.biasMillis / 1_000,
    decayMs: row.decayMs,
    defaultLatencyUs: row.defaultLatencyUs,
    failurePenaltyMs: row.penaltyMs,
    hashOn: reader.rows('HASH_SOURCE', row.hashStart, row.hashCount).map((source) => dumpHashSource(reader, source)),
    hashBalanceFactor: row.hashBalancePercent,
    tableSize: row.tableSize,
    overprovisioning: row.overprovisioningPercent / 100,
    panicThreshold: `${row.panicPercent}%`,
    slowStart:
      row.slowStartMs === 0
        ? null
        : {
            windowMs: row.slowStartMs,
            aggression: row.slowStartAggressionMillis / 1_000,
            minWeight: `${row.slowStartMinPercent}%`,
          },
    zonePreference:
      row.zoneOffset === NONE
        ? null
        : { zone: reader.text(row.zoneOffset, row.zoneLength), minEndpoints: row.zoneMinEndpoints },
  };
}

function dumpHashSource(reader: ImageReader, row: RecordFields<'HASH_SOURCE'>): object {
  const kind = nameOf(HASH_SOURCE_KIND, row.kind);
  const name = reader.text(row.nameOffset, row.nameLength);
  const generated =
    row.ttlSeconds === NONE
      ? name
      : { name, ttlSeconds: row.ttlSeconds, path: reader.text(row.pathOffset, row.pathLength) };
  return { [kind]: generated ?? true, terminal: (row.flags & HASH_SOURCE_FLAG.terminal) !== 0 };
}
