import { FAMILY, LISTENER_FLAG, NONE, SLASHES, UNDERSCORES, type RecordFields } from '../binding/abi.ts';
import { ipText } from './address.ts';
import { dumpCluster } from './dump-cluster.ts';
import { dumpAccessLog } from './dump-log.ts';
import { dumpLimitNames, dumpRateLimits } from './dump-rate.ts';
import { dumpRoute } from './dump-route.ts';
import { dumpTracing } from './dump-tracing.ts';
import { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

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
    accessLog: dumpAccessLog(reader),
    listeners: reader.rows('LISTENER').map((row) => dumpListener(reader, row, tables)),
    tracing: dumpTracing(reader),
    rateLimits: dumpRateLimits(reader),
    routes: Object.fromEntries(tables.map((row) => [reader.nameOf(row), dumpTable(reader, row)])),
    clusters: Object.fromEntries(reader.rows('CLUSTER').map((row) => [reader.nameOf(row), dumpCluster(reader, row)])),
  };
}

function dumpListener(
  reader: ImageReader,
  row: RecordFields<'LISTENER'>,
  tables: readonly RecordFields<'ROUTE_TABLE'>[],
): object {
  const table = tables[row.routeTable];
  const has = (flag: number) => (row.flags & flag) !== 0;
  return {
    name: reader.nameOf(row),
    routes: table === undefined ? null : reader.nameOf(table),
    tls: has(LISTENER_FLAG.tls),
    forwarded: {
      headers: has(LISTENER_FLAG.forwardedHeaders),
      trust: reader.rows('CIDR', row.trustStart, row.trustCount).map(dumpCidr),
    },
    requestId: has(LISTENER_FLAG.requestId),
    underscoresInHeaders: dumpUnderscores(reader, row),
    paths: {
      escapedSlashes: row.escapedSlashes === SLASHES.slash ? 'decode' : nameOf(SLASHES, row.escapedSlashes),
      backslashes: nameOf(SLASHES, row.backslashes),
      mergeSlashes: !has(LISTENER_FLAG.keepSlashes),
    },
    allowTrace: has(LISTENER_FLAG.allowTrace),
    keepAliveAfterChunked: has(LISTENER_FLAG.keepAliveAfterChunked),
    maxRequestHead: row.maxHeadBytes,
    maxRequestTarget: row.maxTargetBytes,
    maxRequestHeader: row.maxHeaderBytes,
    maxRequestHeaders: row.maxHeaders,
    rateLimit: dumpLimitNames(reader, row),
  };
}

function dumpUnderscores(reader: ImageReader, row: RecordFields<'LISTENER'>): boolean | string | string[] {
  if (row.underscores === UNDERSCORES.reject) return 'reject';
  if (row.underscores === UNDERSCORES.drop || row.underscoreCount === 0) return row.underscores === UNDERSCORES.keep;
  return Array.from({ length: row.underscoreCount / 2 }, (_, i) => {
    const at = row.underscoreStart + 2 * i;
    return reader.text(reader.index[at] ?? NONE, reader.index[at + 1] ?? 0) ?? '';
  });
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
    name: reader.nameOf(row),
    hosts: hosts.get(table.vhostStart + i) ?? [],
    routes: reader.rows('ROUTE', row.routeStart, row.routeCount).map((route) => dumpRoute(reader, route)),
  }));
}
