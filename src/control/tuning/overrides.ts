/**
 * Values that were tuned: where they stand, what they are, and what the document said there. The running configuration is the
 * document with all of them written into it.
 */
import { valueAt } from '../../config/schema-problems.ts';
import { formatPath, type Path } from '../../config/source.ts';
import { addressOf, placeOf, type Target } from './targets.ts';
import { isMapping, isSame, withValue } from './tree.ts';

export interface Override {
  target: Target;
  /** Below the object. */
  keys: readonly string[];
  /** Undefined: the key was taken away. */
  value: unknown;
  /** What the document says there; undefined: nothing. */
  was: unknown;
  atMs: number;
  who: string;
}

/** The overrides that lead from what the document says of an object to what it shall be, one for each value that differs. */
export function overridesBetween(target: Target, before: unknown, after: unknown, atMs: number, who: string): Override[] {
  const found: Override[] = [];
  const walk = (was: unknown, value: unknown, keys: readonly string[]): void => {
    if (isSame(was, value)) return;
    if (isMapping(was) && isMapping(value)) {
      for (const key of new Set([...Object.keys(was), ...Object.keys(value)])) walk(was[key], value[key], [...keys, key]);
      return;
    }
    found.push({ target, keys, value, was, atMs, who });
  };
  walk(expanded(target, before), expanded(target, after), []);
  return found;
}

/** Replaces those of one object; what was tuned before and stays as it is keeps its time and its name. */
export function replaceOverrides(all: readonly Override[], target: Target, next: readonly Override[]): Override[] {
  const own = all.filter((override) => isSame(override.target, target));
  const kept = next.map((override) => own.find(({ keys, value }) => isSame(keys, override.keys) && isSame(value, override.value)) ?? override);
  return [...all.filter((override) => !own.includes(override)), ...kept];
}

export interface Applied {
  value: unknown;
  kept: Override[];
  /** The document says something else by now. */
  dropped: { override: Override; why: string }[];
}

/** Writes overrides into a document, as far as it still says what it said when they were made. */
export function applyOverrides(root: unknown, overrides: readonly Override[]): Applied {
  const applied: Applied = { value: root, kept: [], dropped: [] };
  for (const override of overrides) {
    const { target, keys, value, was } = override;
    const place = placeOf(root, target);
    if (place === undefined) {
      applied.dropped.push({ override, why: 'the object is gone' });
    } else if (!isSame(valueAt(expanded(target, valueAt(root, place)), keys), was)) {
      applied.dropped.push({ override, why: 'the file says something else there now' });
    } else {
      applied.kept.push(override);
      applied.value = withValue(applied.value, place, withValue(expanded(target, valueAt(applied.value, place)), keys, value));
    }
  }
  return applied;
}

/** In a document that has the object. */
export function pathOf(root: unknown, { target, keys }: Pick<Override, 'target' | 'keys'>): Path {
  return [...(placeOf(root, target) ?? []), ...keys];
}

export const textOf = (root: unknown, override: Override): string => formatPath(pathOf(root, override));

/** An endpoint that is its address alone, as the mapping that it stands for. */
export function expanded(target: Target, value: unknown): unknown {
  return target.kind === 'endpoint' && typeof value === 'string' ? { address: addressOf(value) } : value;
}
