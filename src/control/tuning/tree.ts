/** Raw configurations as immutable trees: a change copies what lies on its way, and shares the rest. */
import { isDeepStrictEqual } from 'node:util';
import type { Path } from '../../config/source.ts';

export type Mapping = Record<string, unknown>;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Same data; keys in another order are the same. */
export const isSame = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b);

/** RFC 7396: mappings are merged, null removes, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMapping(patch)) return patch;
  const merged = new Map(isMapping(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** With another value at `path`; undefined takes the key away. Mappings that are missing on the way are made. */
export function withValue(root: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const copy = Array.isArray(root) ? [...(root as unknown[])] : [];
    copy[step] = withValue(copy[step], rest, value);
    return copy;
  }
  const copy = new Map(isMapping(root) ? Object.entries(root) : []);
  const changed = withValue(copy.get(step), rest, value);
  if (changed === undefined) copy.delete(step);
  else copy.set(step, changed);
  return Object.fromEntries(copy);
}

/** Most levels that a document may have: the walks through it are recursive. */
export const MAX_DEPTH = 64;

/** What a tree must not have to be walked and merged safely; null when it has none of that. */
export function hazardIn(value: unknown, depth = 0): string | null {
  if (typeof value !== 'object' || value === null) return null;
  if (depth === MAX_DEPTH) return `it is nested more than ${MAX_DEPTH} levels deep`;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') return '"__proto__" cannot be a key';
    const hazard = hazardIn(inner, depth + 1);
    if (hazard !== null) return hazard;
  }
  return null;
}
