import { parseDuration } from '../core/duration.ts';
import { suggest } from './nearest.ts';
import type { Finding } from './schema-problems.ts';
import type { Path } from './source.ts';

/** Notes a finding about the value at `path`, or about its key. */
export type Report = (path: Path, message: string, hint?: string, part?: Finding['part']) => void;

export function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Reports every later holder of a value that an earlier one has. */
export function uniqueness(what: string, report: Report) {
  const first = new Map<string, Path>();
  return (value: unknown, path: Path, describe: (path: Path) => string) => {
    if (typeof value !== 'string') return;
    const earlier = first.get(value);
    if (earlier === undefined) first.set(value, path);
    else report(path, `${what} ${JSON.stringify(value)} is already used by ${describe(earlier)}`);
  };
}

export function checkReference(
  what: string,
  value: unknown,
  names: readonly string[],
  path: Path,
  report: Report,
): void {
  if (typeof value !== 'string' || names.includes(value)) return;
  report(path, `there is no ${what} ${JSON.stringify(value)}`, suggest(value, names));
}

/** Reports all but the first of `keys` that are present; returns those that are. */
export function excluding(path: Path, value: Record<string, unknown>, keys: readonly string[], report: Report): string[] {
  const present = keys.filter((key) => value[key] !== undefined);
  for (const key of present.slice(1))
    report([...path, key], `"${key}" and "${present[0]}" exclude each other`, `keep one of ${keys.join(', ')}`, 'key');
  return present;
}

/** Milliseconds of a written duration; undefined where the schema refuses it. */
export function durationOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? parseDuration(value) : undefined;
}
