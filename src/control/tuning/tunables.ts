/** Which keys of which objects a PATCH may change. What their values may be is the business of the schema of the configuration. */
import { suggest } from '../../config/nearest.ts';
import { mapping } from '../../config/raw.ts';
import type { TargetName } from './targets.ts';
import { isMapping, isSame, type Mapping } from './tree.ts';

export const TUNABLE = {
  endpoint: ['weight', 'drain', 'maxRequests', 'priority', 'backup'],
  cluster: ['balancer', 'limits', 'circuitBreaker', 'outlierDetection', 'retryBudget', 'connectTimeout', 'pool', 'queue', 'fallback'],
  route: ['timeout', 'maxDuration', 'idleTimeout', 'requestTimeout', 'retry', 'hedge', 'rateLimit', 'fault', 'weightedClusters', 'requestHeaders', 'responseHeaders'],
  listener: ['rateLimit'],
} as const satisfies Record<TargetName['kind'], readonly string[]>;

/** In the words of a problem of the configuration; the path begins at the object. */
export interface PatchProblem {
  key: string;
  message: string;
  hint?: string;
}

/** `known`: every key that the schema has for such an object. */
export function checkPatch(kind: TargetName['kind'], patch: Mapping, known: readonly string[]): PatchProblem[] {
  const tunable: readonly string[] = TUNABLE[kind];
  return Object.keys(patch).flatMap((key): PatchProblem[] => {
    if (tunable.includes(key)) return [];
    if (known.includes(key)) return [{ key, message: `"${key}" cannot be changed by a PATCH of ${kind === 'endpoint' ? 'an' : 'a'} ${kind}`, hint: `use POST /config; here: ${tunable.join(', ')}` }];
    const hint = suggest(key, tunable);
    return [{ key, message: `unknown key ${JSON.stringify(key)}`, ...(hint === undefined ? {} : { hint }) }];
  });
}

/**
 * The weighted clusters of a route with other weights. The patch names each of them (with its subset where a cluster is listed
 * twice), in any order.
 */
export function withWeights(present: unknown, patch: unknown): { value: unknown[] } | { problem: string; hint?: string } {
  if (!Array.isArray(present)) return { problem: 'this route has no weightedClusters', hint: 'use POST /config to split its requests' };
  if (!Array.isArray(patch) || !patch.every(isMapping)) return { problem: 'expected a list of { cluster, weight }' };
  const value = present.map(mapping);
  const changed = new Set<number>();
  for (const entry of patch) {
    const { cluster, subset, weight, ...more } = entry;
    const [unknown] = Object.keys(more);
    if (unknown !== undefined) return { problem: `unknown key ${JSON.stringify(unknown)}`, hint: 'expected { cluster, weight }, and subset where a cluster is listed twice' };
    if (weight === undefined) return { problem: `${JSON.stringify(cluster)} has no weight` };
    const places = value.flatMap((one, index) => (one['cluster'] === cluster && (subset === undefined || isSame(one['subset'], subset)) ? [index] : []));
    const [place, another] = places;
    if (place === undefined) {
      const names = value.map((one) => String(one['cluster']));
      return { problem: `${JSON.stringify(cluster)} is not among the weightedClusters of this route`, hint: `only their weights can be changed here: ${names.join(', ')}` };
    }
    if (another !== undefined) return { problem: `${JSON.stringify(cluster)} is listed ${places.length} times`, hint: 'say which one by its subset' };
    if (changed.has(place)) return { problem: `${JSON.stringify(cluster)} has two weights` };
    changed.add(place);
    value[place] = { ...value[place], weight };
  }
  if (changed.size < value.length) {
    const left = value.filter((_, index) => !changed.has(index)).map((one) => String(one['cluster']));
    return { problem: `${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} missing`, hint: 'name all of them: only the weights may differ' };
  }
  return { value };
}
