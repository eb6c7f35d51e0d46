import { NONE, PATH_KIND } from '../binding/abi.ts';
import type { Compilation } from './compilation.ts';
import { addLimitRows } from './compile-rate.ts';
import { compileRoute } from './compile-route.ts';
import { hash32 } from './hash.ts';
import { layOutTable } from './hash-table.ts';
import type { RouteConfig, VirtualHostConfig } from './types.ts';

const encoder = new TextEncoder();
const EMPTY_PATH_SLOT = 0;

/** Compiles one route table: its virtual hosts in declared order, and the two tables that find them by name. */
export function compileRouteTable(compilation: Compilation, name: string, hosts: readonly VirtualHostConfig[]): void {
  const { writer } = compilation;
  const nameSlice = writer.string(name);
  const vhostStart = writer.count('VHOST');
  const exact = new Map<string, number>();
  const wild = new Map<string, number>();
  let anyVhost = NONE;
  let wildMaxLabels = 0;
  for (const host of hosts) {
    const vhost = compileVirtualHost(compilation, host);
    for (const pattern of host.hosts) {
      if (pattern === '*') anyVhost = vhost;
      else if (!pattern.startsWith('*.')) exact.set(pattern, vhost);
      else {
        wild.set(pattern.slice(1), vhost);
        wildMaxLabels = Math.max(wildMaxLabels, pattern.split('.').length - 1);
      }
    }
  }
  const exactTable = addHostTable(compilation, exact);
  const wildTable = addHostTable(compilation, wild);
  writer.add('ROUTE_TABLE', {
    nameOffset: nameSlice.offset,
    nameLength: nameSlice.length,
    hostStart: exactTable.start,
    hostCapacity: exactTable.capacity,
    wildStart: wildTable.start,
    wildCapacity: wildTable.capacity,
    wildMaxLabels,
    anyVhost,
    vhostStart,
    vhostCount: hosts.length,
  });
}

function addHostTable(
  { writer }: Compilation,
  vhostByKey: ReadonlyMap<string, number>,
): { start: number; capacity: number } {
  const keys = [...vhostByKey.keys()];
  const hashes = keys.map((key) => hash32(encoder.encode(key), 0));
  return layOutTable(writer, 'HOST', hashes, NONE, (slot, entry) => {
    const key = keys[entry] ?? '';
    const { offset, length } = writer.string(key);
    writer.put('HOST', slot, {
      hash: hashes[entry] ?? 0,
      keyOffset: offset,
      keyLength: length,
      vhost: vhostByKey.get(key) ?? NONE,
    });
  });
}

interface PathEntry {
  kind: number;
  value: string;
  /** ROUTE indexes in declared order. */
  candidates: number[];
  /** The first of them takes every request with this path. */
  isSure: boolean;
}

const isUnconditional = ({ match }: RouteConfig): boolean =>
  match.methods.length === 0 && match.headers.length === 0 && match.query.length === 0;

function compileVirtualHost(compilation: Compilation, host: VirtualHostConfig): number {
  const { writer, regexes, rateLimits } = compilation;
  const name = writer.string(host.name);
  const routeStart = writer.count('ROUTE');
  const paths = new Map<string, PathEntry>();
  const shared = addLimitRows(writer, rateLimits, host.rateLimits);
  const expressions: { dfa: number; route: number }[] = [];
  for (const route of host.routes) {
    const limits =
      route.rateLimits.length === 0 ? shared : addLimitRows(writer, rateLimits, [...host.rateLimits, ...route.rateLimits]);
    const index = compileRoute(compilation, route, limits);
    const { kind, value } = route.match.path;
    if (kind === 'regex') {
      // One row per route, even for equal expressions: their declared order among the others decides.
      expressions.push({ dfa: regexes.indexOf(value), route: index });
      continue;
    }
    const key = `${kind} ${value}`;
    const entry = paths.get(key);
    if (entry === undefined) paths.set(key, { kind: PATH_KIND[kind], value, candidates: [index], isSure: isUnconditional(route) });
    else entry.candidates.push(index);
  }
  const regexStart = writer.count('REGEX');
  for (const { dfa, route } of expressions) {
    writer.add('REGEX', { dfa, candidateStart: writer.index.length, candidateCount: 1 });
    writer.index.push(route);
  }
  const table = addPathTable(compilation, [...paths.values()]);
  return writer.add('VHOST', {
    nameOffset: name.offset,
    nameLength: name.length,
    pathStart: table.start,
    pathCapacity: table.capacity,
    prefixLengthsLow: table.lengthsLow,
    prefixLengthsHigh: table.lengthsHigh,
    regexStart,
    regexCount: expressions.length,
    routeStart,
    routeCount: host.routes.length,
  });
}

function addPathTable({ writer }: Compilation, entries: readonly PathEntry[]) {
  const hashes: number[] = [];
  let lengthsLow = 0;
  let lengthsHigh = 0;
  for (const { kind, value } of entries) {
    const bytes = encoder.encode(value);
    hashes.push(hash32(bytes, kind));
    if (kind !== PATH_KIND.prefix) continue;
    const bit = Math.min(bytes.length, 63);
    if (bit < 32) lengthsLow |= 1 << bit;
    else lengthsHigh |= 1 << (bit - 32);
  }
  const table = layOutTable(writer, 'PATH', hashes, EMPTY_PATH_SLOT, (slot, index) => {
    const entry = entries[index];
    if (entry === undefined) return;
    const { offset, length } = writer.string(entry.value);
    const candidateStart = writer.index.length;
    writer.index.append(entry.candidates);
    writer.put('PATH', slot, {
      hash: hashes[index] ?? 0,
      keyOffset: offset,
      keyLength: length,
      kind: entry.kind,
      candidateStart,
      candidateCount: entry.candidates.length,
      sureRoute: entry.isSure ? (entry.candidates[0] ?? NONE) : NONE,
    });
  });
  return { ...table, lengthsLow: lengthsLow >>> 0, lengthsHigh: lengthsHigh >>> 0 };
}
