import { FAMILY, LISTENER_FLAG, NONE, POLICY, TLS_FLAG, type RecordFields } from '../binding/abi.ts';
import { ipText } from './address.ts';
import { dumpLimitNames, dumpRateLimits } from './dump-rate.ts';
import { dumpRoute } from './dump-route.ts';
import { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

/** Shown in place of private keys. */
const REDACTED = '<redacted>';

/**
 * An image as a plain object, close to the configuration it was compiled from: what the engine really runs. Indexes
 * become names again. Addresses, ports and certificates of listeners are not part of an image.
 */
export function dumpImage(image: ArrayBuffer): object {
  const reader = new ImageReader(image);
  const tables = reader.rows('ROUTE_TABLE');
  return {
    hash: reader.hash,
    bytes: image.byteLength,
    listeners: reader.rows('LISTENER').map((row) => dumpListener(reader, row, tables)),
    rateLimits: dumpRateLimits(reader),
    routes: Object.fromEntries(tables.map((row) => [textOf(reader, row), dumpTable(reader, row)])),
    clusters: Object.fromEntries(reader.rows('CLUSTER').map((row) => [textOf(reader, row), dumpCluster(reader, row)])),
  };
}

function textOf(reader: ImageReader, row: { nameOffset: number; nameLength: number }): string {
  return reader.text(row.nameOffset, row.nameLength) ?? '';
}

function dumpListener(
  reader: ImageReader,
  row: RecordFields<'LISTENER'>,
  tables: readonly RecordFields<'ROUTE_TABLE'>[],
): object {
  const table = tables[row.routeTable];
  const has = (flag: number) => (row.flags & flag) !== 0;
  return {
    name: textOf(reader, row),
    routes: table === undefined ? null : textOf(reader, table),
    tls: has(LISTENER_FLAG.tls),
    forwarded: {
      headers: has(LISTENER_FLAG.forwardedHeaders),
      trust: reader.rows('CIDR', row.trustStart, row.trustCount).map(dumpCidr),
    },
    requestId: has(LISTENER_FLAG.requestId),
    underscoresInHeaders: has(LISTENER_FLAG.underscoresInNames),
    maxRequestHead: row.maxHeadBytes,
    rateLimit: dumpLimitNames(reader, row),
  };
}

function dumpCidr(row: RecordFields<'CIDR'>): string {
  const bytes = new Uint8Array(row.family === FAMILY.ipv4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  const words = [row.word0, row.word1, row.word2, row.word3];
  for (let i = 0; i < bytes.length / 4; i++) view.setUint32(4 * i, words[i] ?? 0);
  return `${ipText(bytes)}/${row.prefixBits}`;
}

function dumpTable(reader: ImageReader, table: RecordFields<'ROUTE_TABLE'>): object[] {
  const hosts = new Map<number, string[]>();
  const note = (vhost: number, host: string) => hosts.set(vhost, [...(hosts.get(vhost) ?? []), host].sort());
  for (const slot of reader.rows('HOST', table.hostStart, table.hostCapacity)) {
    if (slot.vhost !== NONE) note(slot.vhost, reader.text(slot.keyOffset, slot.keyLength) ?? '');
  }
  for (const slot of reader.rows('HOST', table.wildStart, table.wildCapacity)) {
    if (slot.vhost !== NONE) note(slot.vhost, `*${reader.text(slot.keyOffset, slot.keyLength) ?? ''}`);
  }
  if (table.anyVhost !== NONE) note(table.anyVhost, '*');
  return reader.rows('VHOST', table.vhostStart, table.vhostCount).map((row, i) => ({
    name: textOf(reader, row),
    hosts: hosts.get(table.vhostStart + i) ?? [],
    routes: reader.rows('ROUTE', row.routeStart, row.routeCount).map((route) => dumpRoute(reader, route)),
  }));
}

function dumpCluster(reader: ImageReader, row: RecordFields<'CLUSTER'>): object {
  return {
    balancer: { policy: nameOf(POLICY, row.policy) },
    endpoints: reader
      .rows('ENDPOINT', row.endpointStart, row.endpointCount)
      .map((endpoint) => dumpEndpoint(reader, endpoint)),
    connectTimeoutMs: row.connectTimeoutMs,
    pool: {
      idleTimeoutMs: row.poolIdleMs,
      maxConnections: row.maxConnections,
      maxPending: row.maxPending,
      maxRequestsPerConnection: row.maxRequestsPerConnection,
    },
    tls: row.tls === NONE ? null : dumpTls(reader, reader.row('TLS', row.tls)),
  };
}

function dumpEndpoint(reader: ImageReader, row: RecordFields<'ENDPOINT'>): object {
  const address = reader.slice(row.addressOffset, row.addressLength);
  return {
    name: textOf(reader, row),
    family: nameOf(FAMILY, row.family),
    address: row.family === FAMILY.unix ? new TextDecoder().decode(address) : ipText(address),
    port: row.port,
    weight: row.weight,
    serverName: reader.text(row.serverNameOffset, row.serverNameLength),
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
