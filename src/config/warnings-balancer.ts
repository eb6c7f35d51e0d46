import { LIMITS } from '../binding/abi.ts';
import { suggest } from './nearest.ts';
import { nextPrime } from './prime.ts';
import { mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';
import { isGiven, matching, notGiven, selectionKey, selectionName } from './subsets.ts';
import type { ClusterChoice, ClusterConfig, HashSourceConfig, Metadata, RouteConfig } from './types.ts';

/** With fewer slots per endpoint the shares of a Maglev table may be off by more than 1 % (section 3.4 of the paper). */
const SLOTS_PER_ENDPOINT = 100;

/** `written`: the cluster in the raw tree. */
export function checkClusterBalance(cluster: ClusterConfig, written: unknown, path: Path, warn: Report): void {
  checkTableSize(cluster, mapping(mapping(written)['balancer']), [...path, 'balancer'], warn);
  checkSources(cluster.balancer.hashOn, [...path, 'balancer', 'hashOn'], warn);
  checkLevels(cluster, [...path, 'endpoints'], warn);
  checkZone(cluster, [...path, 'endpoints'], warn);
  checkWishForZone(cluster, mapping(mapping(written)['balancer'])['zonePreference'], [...path, 'balancer'], warn);
  checkSelectors(cluster, [...path, 'subsets', 'keys'], warn);
  if (cluster.balancer.slowStart?.minPercent === 100)
    warn([...path, 'balancer', 'slowStart', 'minWeight'], 'a slow start at 100 % of the weight is none');
  if (mapping(written)['queue'] !== undefined && cluster.endpoints.every(({ maxRequests }) => maxRequests === 0))
    warn([...path, 'queue'], '"queue" has no effect while no endpoint has "maxRequests"', undefined, 'key');
  const { default: standIn } = cluster.subsets;
  if (standIn !== null && matching(cluster, standIn).length === 0)
    warn(
      [...path, 'subsets', 'default'],
      `${noneHas(cluster, standIn)}: requests for a subset without endpoints are answered with 503`,
    );
}

function checkTableSize({ balancer, endpoints }: ClusterConfig, written: object, path: Path, warn: Report): void {
  if (balancer.policy !== 'maglev') return;
  const count = endpoints.filter(isGiven).length;
  const wanted = Math.min(count * SLOTS_PER_ENDPOINT, LIMITS.maxMaglevTable);
  if (count < 2 || balancer.tableSize >= wanted) return;
  warn(
    'tableSize' in written ? [...path, 'tableSize'] : path,
    `a table of ${balancer.tableSize} slots is small for ${count} endpoints: some get noticeably more than their share`,
    `use at least ${SLOTS_PER_ENDPOINT} per endpoint: tableSize: ${nextPrime(wanted)}`,
  );
}

function checkLevels({ endpoints }: ClusterConfig, path: Path, warn: Report): void {
  let first = Number.POSITIVE_INFINITY;
  let firstUsed = Number.POSITIVE_INFINITY;
  for (const endpoint of endpoints) {
    const { priority } = endpoint;
    first = Math.min(first, priority);
    if (isGiven(endpoint)) firstUsed = Math.min(firstUsed, priority);
  }
  if (firstUsed === first || firstUsed === Number.POSITIVE_INFINITY) return;
  warn(path, `every endpoint of priority ${first} ${notGiven(endpoints)}: those of priority ${firstUsed} take all requests`);
}

function checkZone({ balancer: { zone }, endpoints }: ClusterConfig, path: Path, warn: Report): void {
  if (zone === null) return;
  const zones = endpoints.flatMap((endpoint) => (endpoint.zone === null || !isGiven(endpoint) ? [] : [endpoint.zone]));
  if (zones.length === 0 || zones.includes(zone)) return;
  warn(
    path,
    `no endpoint is in the zone ${JSON.stringify(zone)} of this proxy, so that none is preferred`,
    `its endpoints are in ${[...new Set(zones)].join(', ')}`,
  );
}

/** Without a zone of the proxy, or of any endpoint, a preference that was written has no effect. */
function checkWishForZone({ balancer: { zone }, endpoints }: ClusterConfig, wish: unknown, path: Path, warn: Report): void {
  if (wish === undefined || wish === false) return;
  if (zone === null)
    warn(
      [...path, 'zonePreference'],
      'this proxy does not know its zone, so that none is preferred',
      'write "zone" at the top level, or set MILLRACE_ZONE',
    );
  else if (endpoints.every((endpoint) => endpoint.zone === null))
    warn([...path, 'zonePreference'], 'no endpoint of this cluster has a zone, so that none is preferred');
}

/** Sources that add nothing: named before, or behind the end of the list. */
function checkSources(sources: readonly HashSourceConfig[], path: Path, warn: Report): void {
  const seen = new Map<string, number>();
  for (const [index, source] of sources.entries()) {
    const name = 'name' in source ? `${source.kind} ${source.name}` : source.kind;
    const earlier = seen.get(name);
    if (earlier === undefined) seen.set(name, index);
    else if (source.kind !== 'cookie' || source.generate === null)
      warn([...path, index], `hashOn[${earlier}] is ${name} already, so that this adds nothing to the key`);
  }
  // Every request has an address and a path, and gets a cookie where one is generated: there a terminal source ends all.
  let certain = false;
  for (const [index, source] of sources.slice(0, -1).entries()) {
    certain ||= source.kind === 'clientIp' || source.kind === 'path';
    certain ||= source.kind === 'cookie' && source.generate !== null;
    if (!certain || !source.terminal) continue;
    warn([...path, index + 1], `hashOn[${index}] always ends the list, so that nothing behind it is asked`);
    return;
  }
}

/** A selector by a key that no endpoint has: each of its subsets is empty. */
function checkSelectors({ subsets, endpoints }: ClusterConfig, path: Path, warn: Report): void {
  const known = new Set(endpoints.flatMap(({ metadata }) => Object.keys(metadata)));
  for (const [index, keys] of subsets.selectors.entries())
    for (const [i, key] of keys.entries())
      if (!known.has(key))
        warn([...path, index, i], `no endpoint has the metadata key ${JSON.stringify(key)}`, suggest(key, [...known]));
}

/** Returns the check of one route: subsets that it asks for and no endpoint belongs to. Each subset is looked up once. */
export function subsetChecker(clusters: Readonly<Record<string, ClusterConfig>>, warn: Report) {
  const messages = new Map<string, string | undefined>();
  const check = ({ cluster: name, subset }: ClusterChoice, path: Path) => {
    const cluster = clusters[name];
    if (cluster === undefined || subset === null) return;
    const key = `${name} ${selectionKey(subset)}`;
    if (!messages.has(key))
      messages.set(key, matching(cluster, subset).length > 0 ? undefined : `${noneHas(cluster, subset)}: ${consequence(cluster)}`);
    const message = messages.get(key);
    if (message !== undefined) warn([...path, 'subset'], message);
  };
  return ({ action }: RouteConfig, path: Path) => {
    if (action.kind === 'cluster') check(action, path);
    if (action.kind === 'weightedClusters')
      for (const [index, choice] of action.clusters.entries())
        if (choice.weight > 0) check(choice, [...path, 'weightedClusters', index]);
  };
}

function noneHas(cluster: ClusterConfig, selection: Metadata): string {
  const drained = matching({ ...cluster, endpoints: cluster.endpoints.map((one) => ({ ...one, weight: 1, drain: false })) }, selection);
  return drained.length === 0
    ? `no endpoint has ${selectionName(selection)}`
    : `every endpoint with ${selectionName(selection)} ${notGiven(cluster.endpoints)}`;
}

function consequence({ subsets }: ClusterConfig): string {
  if (subsets.fallback === 'any') return 'any endpoint of the cluster is used';
  if (subsets.fallback === 'default' && subsets.default !== null)
    return `the endpoints with ${selectionName(subsets.default)} are used`;
  return 'requests are answered with 503';
}
