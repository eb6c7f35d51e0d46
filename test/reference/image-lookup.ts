import {
  METHODS,
  NONE,
  PATH_KIND,
  PREDICATE_OPERATOR,
  PREDICATE_SOURCE,
  type RecordFields,
} from '../../src/binding/abi.ts';
import { hash32 } from '../../src/config/hash.ts';
import { ImageReader } from '../../src/config/image-reader.ts';
import type { MatchRequest } from './route-matcher.ts';

/** Looks a request up in the tables of an image, by the probes that the engine makes. Returns the name of the route. */
export function lookUp(reader: ImageReader, tableIndex: number, request: MatchRequest): string | undefined {
  const vhost = findVhost(reader, reader.row('ROUTE_TABLE', tableIndex), request.host);
  const route = vhost === NONE ? undefined : findRoute(reader, reader.row('VHOST', vhost), request);
  return route === undefined ? undefined : (reader.text(route.nameOffset, route.nameLength) ?? undefined);
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

function probeHost(reader: ImageReader, start: number, capacity: number, key: string): number {
  if (capacity === 0) return NONE;
  const hash = hash32(bytesOf(key), 0);
  for (let slot = hash & (capacity - 1); ; slot = (slot + 1) & (capacity - 1)) {
    const row = reader.row('HOST', start + slot);
    if (row.vhost === NONE) return NONE;
    if (row.hash === hash && reader.text(row.keyOffset, row.keyLength) === key) return row.vhost;
  }
}

export function findVhost(reader: ImageReader, table: RecordFields<'ROUTE_TABLE'>, host: string): number {
  const exact = probeHost(reader, table.hostStart, table.hostCapacity, host);
  if (exact !== NONE) return exact;
  const labels = host.split('.');
  for (let count = Math.min(table.wildMaxLabels, labels.length - 1); count > 0; count--) {
    const suffix = `.${labels.slice(-count).join('.')}`;
    const vhost = suffix.length < host.length ? probeHost(reader, table.wildStart, table.wildCapacity, suffix) : NONE;
    if (vhost !== NONE) return vhost;
  }
  return table.anyVhost;
}

function probePath(
  reader: ImageReader,
  vhost: RecordFields<'VHOST'>,
  key: Uint8Array,
  kind: number,
): RecordFields<'PATH'> | undefined {
  if (vhost.pathCapacity === 0) return undefined;
  const hash = hash32(key, kind);
  const mask = vhost.pathCapacity - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const row = reader.row('PATH', vhost.pathStart + slot);
    if (row.kind === 0) return undefined;
    if (row.hash === hash && row.kind === kind && Buffer.compare(reader.slice(row.keyOffset, row.keyLength), key) === 0)
      return row;
  }
}

function findRoute(
  reader: ImageReader,
  vhost: RecordFields<'VHOST'>,
  request: MatchRequest,
): RecordFields<'ROUTE'> | undefined {
  const path = bytesOf(request.path);
  const first = (candidates: { candidateStart: number; candidateCount: number } | undefined) => {
    if (candidates === undefined) return undefined;
    const indexes = reader.index.subarray(
      candidates.candidateStart,
      candidates.candidateStart + candidates.candidateCount,
    );
    return [...indexes].map((index) => reader.row('ROUTE', index)).find((route) => routeHolds(reader, route, request));
  };
  const exact = first(probePath(reader, vhost, path, PATH_KIND.exact));
  if (exact !== undefined) return exact;
  for (const regex of reader.rows('REGEX', vhost.regexStart, vhost.regexCount)) {
    const route = runDfa(reader, regex.dfa, path) ? first(regex) : undefined;
    if (route !== undefined) return route;
  }
  const lengths = (BigInt(vhost.prefixLengthsHigh) << 32n) | BigInt(vhost.prefixLengthsLow);
  for (let length = path.length; length > 0; length--) {
    const isBoundary = length === path.length || path[length] === 0x2f || path[length - 1] === 0x2f;
    if (!isBoundary || ((lengths >> BigInt(Math.min(length, 63))) & 1n) === 0n) continue;
    const route = first(probePath(reader, vhost, path.subarray(0, length), PATH_KIND.prefix));
    if (route !== undefined) return route;
  }
  return undefined;
}

export function runDfa(reader: ImageReader, index: number, text: Uint8Array): boolean {
  const dfa = reader.row('DFA', index);
  let state = dfa.startState;
  for (const byte of text)
    state = reader.u16[dfa.transitionStart + state * dfa.classCount + (reader.bytes[dfa.classOffset + byte] ?? 0)] ?? 0;
  return reader.bytes[dfa.acceptOffset + state] === 1;
}

function routeHolds(reader: ImageReader, route: RecordFields<'ROUTE'>, request: MatchRequest): boolean {
  const bit = METHODS.indexOf(request.method as (typeof METHODS)[number]);
  if (route.methods !== 0 && (bit < 0 || ((route.methods >>> bit) & 1) === 0)) return false;
  return reader
    .rows('PREDICATE', route.predicateStart, route.predicateCount)
    .every((row) => predicateHolds(reader, row, request));
}

function predicateHolds(reader: ImageReader, row: RecordFields<'PREDICATE'>, request: MatchRequest): boolean {
  const name = reader.text(row.nameOffset, row.nameLength);
  const wanted = reader.text(row.valueOffset, row.valueLength) ?? '';
  const pairs = row.source === PREDICATE_SOURCE.header ? request.headers : [...new URLSearchParams(request.query)];
  const test = (value: string): boolean => {
    switch (row.op) {
      case PREDICATE_OPERATOR.present:
        return true;
      case PREDICATE_OPERATOR.exact:
        return value === wanted;
      case PREDICATE_OPERATOR.prefix:
        return value.startsWith(wanted);
      case PREDICATE_OPERATOR.suffix:
        return value.endsWith(wanted);
      case PREDICATE_OPERATOR.contains:
        return value.includes(wanted);
      default:
        return runDfa(reader, row.dfa, bytesOf(value));
    }
  };
  return pairs.some(([key, value]) => key === name && test(value)) !== (row.negate === 1);
}
