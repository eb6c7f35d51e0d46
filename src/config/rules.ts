import { parseEndpointAddress, parseListenAddress } from './address.ts';
import { isRefusal } from './parsing.ts';
import { checkReference, list, mapping, uniqueness, type Report } from './raw.ts';
import { checkAdmin } from './rules-admin.ts';
import { checkBalancer, checkSubsetChoices, checkSubsets } from './rules-balancer.ts';
import { checkFailover, checkFallbackChains } from './rules-failover.ts';
import { checkHealthCheck } from './rules-health.ts';
import { checkAccessLog } from './rules-log.ts';
import { checkRateLimits } from './rules-rate.ts';
import { checkRoute } from './rules-route.ts';
import { parseHostPattern, type KeptBytes } from './schema-scalars.ts';
import type { Finding } from './schema-problems.ts';
import type { Path } from './source.ts';

/**
 * Rules that span several keys: names that must exist or be unique, choices that exclude each other. They read the raw
 * tree and skip whatever has the wrong shape (the schema reports that), so that one run finds the errors of both kinds.
 */
export function checkRules(root: unknown): Finding[] {
  const findings: Finding[] = [];
  const report: Report = (path, message, hint, part = 'value') => findings.push({ path, part, message, hint });
  const config = mapping(root);
  const tables = Object.keys(mapping(config['routes']));
  const clusters = mapping(config['clusters']);
  checkAdmin(config['admin'], report);
  checkListeners(list(config['listeners']), tables, report);
  checkRateLimits(config, report);
  checkAccessLog(config, report);
  for (const [table, hosts] of Object.entries(mapping(config['routes'])))
    checkTable(['routes', table], list(hosts), clusters, keptBytes(list(config['listeners']), table), report);
  for (const [cluster, value] of Object.entries(clusters))
    checkCluster(['clusters', cluster], mapping(value), Object.keys(clusters), report);
  checkFallbackChains(clusters, report);
  for (const section of ['routes', 'clusters'] as const) {
    // zod leaves this key out without a word, since it would set the prototype of its result.
    if (Object.hasOwn(mapping(config[section]), '__proto__'))
      report([section, '__proto__'], '"__proto__" cannot be a name', undefined, 'key');
  }
  return findings;
}

function checkListeners(listeners: unknown[], tables: readonly string[], report: Report): void {
  const uniqueName = uniqueness('the name', report);
  const uniqueAddress = uniqueness('the address', report);
  const listenerAt = (path: Path) => `listeners[${String(path[1])}]`;
  for (const [index, value] of listeners.entries()) {
    const listener = mapping(value);
    const path = ['listeners', index];
    uniqueName(listener['name'], [...path, 'name'], listenerAt);
    const address = typeof listener['address'] === 'string' ? parseListenAddress(listener['address']) : undefined;
    if (address !== undefined && !isRefusal(address) && address.port !== 0)
      uniqueAddress(`${address.host}:${address.port}`, [...path, 'address'], listenerAt);
    checkReference('route table', listener['routes'], tables, [...path, 'routes'], report);
  }
}

/** What some listener of this table lets through. */
function keptBytes(listeners: unknown[], table: string): KeptBytes {
  const paths = listeners
    .map(mapping)
    .filter((listener) => listener['routes'] === table)
    .map((listener) => mapping(listener['paths']));
  return {
    escapedSlashes: paths.some(({ escapedSlashes }) => escapedSlashes === 'keep'),
    backslashes: paths.some(({ backslashes }) => backslashes === 'keep'),
    slashes: paths.some(({ mergeSlashes }) => mergeSlashes === false),
  };
}

function checkTable(path: Path, hosts: unknown[], clusters: Record<string, unknown>, kept: KeptBytes, report: Report): void {
  const names = Object.keys(clusters);
  const uniqueHost = uniqueness('the host', report);
  const uniqueRoute = uniqueness('the route name', report);
  const uniqueVirtualHost = uniqueness('the virtual host name', report);
  const indexes = (at: Path) => at.filter((step) => typeof step === 'number');
  const hostAt = (at: Path) => `[${indexes(at)[0]}] of this table`;
  const routeAt = (at: Path) => `[${indexes(at)[0]}].routes[${indexes(at)[1]}] of this table`;
  for (const [index, value] of hosts.entries()) {
    const virtualHost = mapping(value);
    const hostPath = [...path, index];
    uniqueVirtualHost(virtualHost['name'], [...hostPath, 'name'], hostAt);
    for (const [i, host] of list(virtualHost['hosts']).entries()) {
      const pattern = typeof host === 'string' ? parseHostPattern(host) : undefined;
      if (pattern !== undefined && !isRefusal(pattern)) uniqueHost(pattern, [...hostPath, 'hosts', i], hostAt);
    }
    for (const [i, route] of list(virtualHost['routes']).entries()) {
      const routePath = [...hostPath, 'routes', i];
      uniqueRoute(mapping(route)['name'], [...routePath, 'name'], routeAt);
      if (typeof route !== 'object' || route === null || Array.isArray(route)) continue;
      checkRoute(routePath, mapping(route), names, kept, report);
      checkSubsetChoices(routePath, mapping(route), clusters, report);
    }
  }
}

function checkCluster(path: Path, cluster: Record<string, unknown>, clusters: readonly string[], report: Report): void {
  const uniqueEndpoint = uniqueness('the endpoint', report);
  for (const [index, value] of list(cluster['endpoints']).entries()) {
    const isText = typeof value === 'string';
    const text = isText ? value : mapping(value)['address'];
    const at = [...path, 'endpoints', index, ...(isText ? [] : ['address'])];
    const parsed = typeof text === 'string' ? parseEndpointAddress(text) : undefined;
    if (parsed !== undefined && !isRefusal(parsed))
      uniqueEndpoint(text, at, (earlier) => `endpoints[${String(earlier[3])}]`);
  }
  checkBalancer([...path, 'balancer'], mapping(cluster['balancer']), report);
  checkSubsets([...path, 'subsets'], cluster, report);
  checkHealthCheck(path, cluster, report);
  checkFailover(path, cluster, clusters, report);
  const tls = mapping(cluster['tls']);
  for (const [one, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (tls[one] !== undefined && tls[other] === undefined)
      report([...path, 'tls', one], `"${one}" needs "${other}" beside it`, undefined, 'key');
  }
  if (tls['insecureSkipVerify'] === true && tls['ca'] !== undefined)
    report([...path, 'tls', 'ca'], '"ca" has no meaning with insecureSkipVerify: true', 'remove one of them', 'key');
}
