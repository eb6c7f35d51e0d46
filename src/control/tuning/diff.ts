/** What differs between two raw configurations, object by object, in the words of the file. */
import { mapping } from '../../config/raw.ts';
import { formatPath, type Path } from '../../config/source.ts';
import { redacted } from './redact.ts';
import { addressOf } from './targets.ts';
import { isMapping, isSame } from './tree.ts';

export interface Difference {
  /** As in the newer one, or as in the older one of what is gone. */
  path: string;
  /** Absent: there was nothing. */
  from?: unknown;
  /** Absent: there is nothing any more. */
  to?: unknown;
}

/** Lists whose entries have names: by the last key of their path, or that of the table around them. */
function nameIn(path: Path, entry: unknown): string | undefined {
  const key = path.at(-1);
  if (key === 'endpoints') return textOrNone(addressOf(entry));
  const { name, hosts, match } = mapping(entry);
  if (key === 'listeners' || key === 'tokens') return textOrNone(name);
  if (path.length === 2 && path[0] === 'routes') return textOrNone(name) ?? (hosts === undefined ? undefined : JSON.stringify(hosts));
  if (key === 'routes' && path.length > 1) return textOrNone(name) ?? JSON.stringify(match ?? null);
  return undefined;
}

const textOrNone = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export function diffDocuments(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  const note = (path: Path, from: unknown, to: unknown): void => {
    const keys = path.filter((step) => typeof step === 'string');
    found.push({
      path: formatPath(path),
      ...(from === undefined ? {} : { from: redacted(from, keys) }),
      ...(to === undefined ? {} : { to: redacted(to, keys) }),
    });
  };
  const walk = (from: unknown, to: unknown, path: Path): void => {
    if (from === to || isSame(from, to)) return;
    if (isMapping(from) && isMapping(to)) {
      for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) walk(from[key], to[key], [...path, key]);
    } else if (Array.isArray(from) && Array.isArray(to)) {
      walkLists(from, to, path);
    } else {
      note(path, from, to);
    }
  };
  const walkLists = (from: readonly unknown[], to: readonly unknown[], path: Path): void => {
    const old = namesOf(from, path);
    const young = namesOf(to, path);
    if (old === null || young === null) {
      note(path, from, to);
      return;
    }
    for (const [name, index] of old) if (!young.has(name)) note([...path, index], from[index], undefined);
    for (const [name, index] of young) {
      const at = old.get(name);
      if (at === undefined) note([...path, index], undefined, to[index]);
      else walkEntries(from[at], to[index], [...path, index]);
    }
    // The order of routes decides which one is taken.
    const common = [...old.keys()].filter((name) => young.has(name));
    const order = [...young.keys()].filter((name) => old.has(name));
    if (!isSame(common, order)) note([...path, '(order)'], common, order);
  };
  const walkEntries = (from: unknown, to: unknown, path: Path): void => {
    const isEndpoint = path.at(-2) === 'endpoints';
    const whole = (entry: unknown): unknown => (isEndpoint && typeof entry === 'string' ? { address: entry } : entry);
    walk(whole(from), whole(to), path);
  };
  walk(before, after, []);
  return found;
}

/** Name -> place; null when an entry has none, or two have the same. */
function namesOf(entries: readonly unknown[], path: Path): Map<string, number> | null {
  const names = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const name = nameIn(path, entry);
    if (name === undefined || names.has(name)) return null;
    names.set(name, index);
  }
  return names;
}
