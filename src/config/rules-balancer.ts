import { POLICY } from '../binding/abi.ts';
import { nearest } from './nearest.ts';
import { list, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';
import type { PolicyName } from './types.ts';

type Mapping = Record<string, unknown>;

const HASH_POLICIES: readonly PolicyName[] = ['ringHash', 'maglev', 'rendezvous'];
const LATENCY_POLICIES: readonly PolicyName[] = ['peakEwma', 'leastTime', 'prequal'];
/** What only some policies read. An option that is ignored is a misunderstanding, so it is refused. */
const POLICIES_OF: Readonly<Record<string, readonly PolicyName[]>> = {
  activeRequestBias: ['leastRequest'],
  decay: LATENCY_POLICIES,
  defaultLatency: LATENCY_POLICIES,
  failurePenalty: LATENCY_POLICIES,
  hashOn: HASH_POLICIES,
  hashBalanceFactor: HASH_POLICIES,
  tableSize: ['maglev'],
  ringSize: ['ringHash'],
};
const SOURCE_KINDS = ['clientIp', 'path', 'header', 'cookie', 'query'] as const;

/** Rules within `balancer`: options that the policy has, and what a hash policy needs. */
export function checkBalancer(path: Path, balancer: Mapping, report: Report): void {
  const written = balancer['policy'] ?? 'leastRequest';
  if (typeof written !== 'string' || !Object.hasOwn(POLICY, written)) return;
  const policy = written as PolicyName;
  checkBalancerOptions(path, policy, balancer, report);
  if (HASH_POLICIES.includes(policy)) {
    if (balancer['hashOn'] === undefined)
      report(
        [...path, 'policy'],
        `policy ${policy} needs "hashOn": what of a request decides where it goes`,
        'such as hashOn: [{ header: x-user }], or hashOn: [clientIp]',
      );
    for (const [index, source] of list(balancer['hashOn']).entries())
      checkHashSource([...path, 'hashOn', index], source, report);
  }
}

/** Options that are written and that the policy does not read. */
export function checkBalancerOptions(path: Path, policy: PolicyName, balancer: Mapping, report: Report): void {
  for (const [option, policies] of Object.entries(POLICIES_OF)) {
    if (balancer[option] !== undefined && !policies.includes(policy))
      report([...path, option], `"${option}" means nothing to policy ${policy}`, `only for ${policies.join(', ')}`, 'key');
  }
}

function checkHashSource(path: Path, source: unknown, report: Report): void {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return;
  const parts = mapping(source);
  const kinds = SOURCE_KINDS.filter((kind) => parts[kind] !== undefined);
  // A misspelt one is reported by the schema.
  if (Object.keys(parts).every((key) => key === 'terminal'))
    report(path, `expected one of ${SOURCE_KINDS.join(', ')}`);
  for (const kind of kinds.slice(1))
    report([...path, kind], `"${kind}" and "${kinds[0]}" exclude each other`, 'make it an entry of its own', 'key');
  const cookie = mapping(parts['cookie']);
  if (cookie['path'] !== undefined && cookie['ttl'] === undefined)
    report(
      [...path, 'cookie', 'path'],
      '"path" is that of a generated cookie, and none is generated without "ttl"',
      'add a ttl, such as 1h, or 0 until the browser ends',
      'key',
    );
}

const sorted = (keys: readonly unknown[]) => keys.map(String).sort();
const setKey = (keys: readonly unknown[]) => JSON.stringify([...new Set(sorted(keys))]);
const shown = (keys: readonly unknown[]) => `[${keys.map(String).join(', ')}]`;

/** Selectors of the raw tree that have the right shape. */
function selectorsOf(cluster: Mapping): string[][] {
  return list(mapping(cluster['subsets'])['keys'])
    .map(list)
    .filter((keys): keys is string[] => keys.length > 0 && keys.every((key) => typeof key === 'string'));
}

/** Rules within `subsets` of a cluster. */
export function checkSubsets(path: Path, cluster: Mapping, report: Report): void {
  const subsets = mapping(cluster['subsets']);
  const seen = new Map<string, number>();
  for (const [index, selector] of list(subsets['keys']).entries()) {
    const keys = list(selector);
    const at = [...path, 'keys', index];
    for (const [i, key] of keys.entries()) {
      if (keys.indexOf(key) < i) report([...at, i], `the key ${JSON.stringify(key)} is listed twice`);
      // zod leaves this key out of metadata and subsets without a word, so that a route would choose more than it says.
      if (key === '__proto__') report([...at, i], '"__proto__" cannot be a key');
    }
    if (keys.length === 0) continue;
    const earlier = seen.get(setKey(keys));
    if (earlier === undefined) seen.set(setKey(keys), index);
    else report(at, `the selector ${shown(keys)} is already keys[${earlier}]`);
  }
  const { fallback, default: standIn } = subsets;
  if (fallback === 'default') {
    if (standIn === undefined)
      report([...path, 'fallback'], 'fallback: default needs "default" beside it', 'such as default: { version: v1 }');
  } else if (standIn !== undefined && (fallback === undefined || fallback === 'none' || fallback === 'any')) {
    report([...path, 'default'], `"default" needs fallback: default`, undefined, 'key');
  }
  checkSelection([...path, 'default'], standIn, 'this cluster', selectorsOf(cluster), report);
}

/** `subset` of a route and of its weighted clusters: its keys together are a selector of the cluster. */
export function checkSubsetChoices(path: Path, route: Mapping, clusters: Mapping, report: Report): void {
  if (route['subset'] !== undefined && route['cluster'] === undefined)
    report(
      [...path, 'subset'],
      '"subset" chooses among the endpoints of "cluster", which this route does not have',
      route['weightedClusters'] === undefined ? undefined : 'write it beside each cluster of weightedClusters',
      'key',
    );
  checkChoice(path, route, clusters, report);
  for (const [index, weighted] of list(route['weightedClusters']).entries())
    checkChoice([...path, 'weightedClusters', index], mapping(weighted), clusters, report);
}

function checkChoice(path: Path, { cluster, subset }: Mapping, clusters: Mapping, report: Report): void {
  if (typeof cluster !== 'string' || subset === undefined || !Object.hasOwn(clusters, cluster)) return;
  const chosen = mapping(clusters[cluster]);
  const what = `the cluster ${JSON.stringify(cluster)}`;
  const keys = Object.keys(mapping(subset));
  if (chosen['subsets'] === undefined && keys.length > 0)
    report(
      [...path, 'subset'],
      `${what} has no subsets`,
      `give it subsets: { keys: [${shown(keys)}] }, and its endpoints metadata`,
      'key',
    );
  else checkSelection([...path, 'subset'], subset, what, selectorsOf(chosen), report);
}

function checkSelection(path: Path, selection: unknown, owner: string, selectors: string[][], report: Report): void {
  const keys = Object.keys(mapping(selection));
  // Neither is a choice: the schema reports an empty one, and selectors without any right one.
  if (keys.length === 0 || selectors.length === 0) return;
  if (selectors.some((selector) => setKey(selector) === setKey(keys))) return;
  const known = [...new Set(selectors.flat())];
  const near = keys.flatMap((key) => (known.includes(key) ? [] : (nearest(key, known) ?? [])))[0];
  report(
    path,
    `${owner} has no selector ${shown(keys)}; its selectors are ${selectors.map(shown).join(', ')}`,
    near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`,
  );
}
