import { FAMILY, NONE, TLS_FLAG, type RecordFields } from '../binding/abi.ts';
import { ipText } from './address.ts';
import { dumpBalancer } from './dump-balancer.ts';
import { dumpFailover } from './dump-failover.ts';
import type { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

/** Shown in place of private keys. */
const REDACTED = '<redacted>';

export function dumpCluster(reader: ImageReader, row: RecordFields<'CLUSTER'>): object {
  return {
    balancer: dumpBalancer(reader, reader.row('BALANCER', row.balancer)),
    endpoints: reader
      .rows('ENDPOINT', row.endpointStart, row.endpointCount)
      .map((endpoint) => dumpEndpoint(reader, endpoint)),
    subsets: reader.rows('SUBSET', row.subsetStart, row.subsetCount).map((subset) => dumpSubset(reader, subset)),
    queue: { max: row.maxQueue, timeoutMs: row.queueTimeoutMs },
    connectTimeoutMs: row.connectTimeoutMs,
    pool: {
      idleTimeoutMs: row.poolIdleMs,
      maxConnections: row.maxConnections,
      maxPending: row.maxPending,
      maxRequestsPerConnection: row.maxRequestsPerConnection,
    },
    tls: row.tls === NONE ? null : dumpTls(reader, reader.row('TLS', row.tls)),
    ...dumpFailover(reader, row),
  };
}

function dumpEndpoint(reader: ImageReader, row: RecordFields<'ENDPOINT'>): object {
  const address = reader.slice(row.addressOffset, row.addressLength);
  return {
    name: reader.nameOf(row),
    family: nameOf(FAMILY, row.family),
    address: row.family === FAMILY.unix ? new TextDecoder().decode(address) : ipText(address),
    port: row.port,
    weight: row.weight,
    priority: row.priority,
    backup: row.backup === 1,
    drain: row.drain === 1,
    zone: reader.text(row.zoneOffset, row.zoneLength),
    maxRequests: row.maxRequests,
    serverName: reader.text(row.serverNameOffset, row.serverNameLength),
  };
}

/** The first subset of a cluster, without a name, is every endpoint that may be chosen. */
function dumpSubset(reader: ImageReader, row: RecordFields<'SUBSET'>): object {
  const members = reader.index.subarray(row.memberStart, row.memberStart + row.memberCount);
  return {
    name: reader.text(row.nameOffset, row.nameLength),
    endpoints: Array.from(members, (index) => reader.nameOf(reader.row('ENDPOINT', index))),
  };
}

function dumpTls(reader: ImageReader, row: RecordFields<'TLS'>): object {
  return {
    serverName: reader.text(row.serverNameOffset, row.serverNameLength),
    ca: reader.text(row.caOffset, row.caLength),
    cert: reader.text(row.certOffset, row.certLength),
    key: row.keyOffset === NONE ? null : REDACTED,
    insecureSkipVerify: (row.flags & TLS_FLAG.insecureSkipVerify) !== 0,
  };
}
