import { formatDuration } from '../core/duration.ts';
import { list, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';
import { isGiven, notGiven } from './subsets.ts';
import type { Config, ListenerConfig, MatchConfig, RateLimitConfig, RouteConfig } from './types.ts';
import { checkClusterBalance, subsetChecker } from './warnings-balancer.ts';
import { checkAccessLogWarnings } from './warnings-log.ts';
import { addFallbacks, checkClusterFailover, checkRouteRetries } from './warnings-failover.ts';

/** Things that are allowed and yet hardly meant. They go to the log and to `check`; they never stop anything. */
export function checkWarnings(config: Config, root: unknown, warn: Report): void {
  const usedTables = new Set(config.listeners.map((listener) => listener.routes));
  const usedClusters = new Set<string>();
  const checkSubsets = subsetChecker(config.clusters, warn);
  for (const [table, hosts] of Object.entries(config.routes)) {
    if (!usedTables.has(table)) warn(['routes', table], 'no listener uses this route table', undefined, 'key');
    for (const [index, host] of hosts.entries()) {
      const path = ['routes', table, index, 'routes'];
      const written = list(mapping(list(mapping(mapping(root)['routes'])[table])[index])['routes']);
      checkShadows(host.routes, path, warn);
      checkLimits(host.rateLimits, ['routes', table, index, 'rateLimit'], warn);
      for (const [i, route] of host.routes.entries()) {
        if (route.action.kind === 'cluster') usedClusters.add(route.action.cluster);
        if (route.action.kind === 'weightedClusters')
          for (const { cluster } of route.action.clusters) usedClusters.add(cluster);
        checkIdleKeys(route, mapping(written[i]), [...path, i], warn);
        checkLimits(route.rateLimits, [...path, i, 'rateLimit'], warn);
        checkSubsets(route, [...path, i]);
        checkTracing(config, route, [...path, i, 'tracing'], warn);
        if (route.action.kind === 'cluster' || route.action.kind === 'weightedClusters')
          checkRouteRetries(route, mapping(written[i]), config.clusters, [...path, i], warn);
        checkFault(route, [...path, i, 'fault'], warn);
      }
    }
  }
  for (const [index, listener] of config.listeners.entries()) {
    checkLimits(listener.rateLimits, ['listeners', index, 'rateLimit'], warn);
    checkListener(listener, ['listeners', index], warn);
  }
  if (config.tracing?.trust === 'trustedPeers' && config.listeners.every(({ forwarded }) => forwarded.trust.length === 0))
    warn(['tracing', 'trust'], 'no listener has a trusted peer: every request begins a trace of its own', 'name them in forwarded.trust of the listener');
  checkAccessLogWarnings(config.accessLog, root, warn);
  addFallbacks(usedClusters, config.clusters);
  for (const [name, cluster] of Object.entries(config.clusters)) {
    if (!usedClusters.has(name)) warn(['clusters', name], 'no route uses this cluster', undefined, 'key');
    if (!cluster.endpoints.some(isGiven))
      warn(['clusters', name, 'endpoints'], `every endpoint ${notGiven(cluster.endpoints)}: requests to this cluster will fail`);
    if (cluster.tls?.insecureSkipVerify === true)
      warn(['clusters', name, 'tls', 'insecureSkipVerify'], 'certificates of this cluster are not verified');
    const tree = mapping(mapping(root)['clusters'])[name];
    checkClusterBalance(cluster, tree, ['clusters', name], warn);
    checkClusterFailover(cluster, tree, ['clusters', name], warn);
  }
}

function checkTracing({ tracing }: Config, route: RouteConfig, path: Path, warn: Report): void {
  if (tracing === null && route.tracing !== null)
    warn(path, 'nothing is traced without "tracing" at the top of the configuration', undefined, 'key');
}

/** Keys that mean nothing for an answer which the proxy makes itself. */
const FORWARDING_KEYS = ['timeout', 'maxDuration', 'idleTimeout', 'requestTimeout', 'retry', 'hedge', 'propagateDeadline', 'rewrite', 'requestHeaders'];

function checkIdleKeys(
  route: RouteConfig,
  written: Record<string, unknown>,
  path: (string | number)[],
  warn: Report,
): void {
  if (route.action.kind !== 'redirect' && route.action.kind !== 'respond') return;
  for (const key of FORWARDING_KEYS) {
    if (written[key] !== undefined)
      warn([...path, key], `"${key}" has no effect beside "${route.action.kind}"`, undefined, 'key');
  }
}

function checkListener(listener: ListenerConfig, path: Path, warn: Report): void {
  const { forwarded, keepAliveAfterChunked, underscores } = listener;
  if (keepAliveAfterChunked && forwarded.trust.length > 0)
    warn([...path, 'keepAliveAfterChunked'], 'connections of trusted proxies end after a chunked request all the same: they carry many users');
  if (underscores.rule === 'keep' && underscores.names.length === 0)
    warn([...path, 'underscoresInHeaders'], 'every header name with "_" is forwarded: an upstream that reads x_user and x-user as one believes a client', 'list the names that are needed');
}

function checkLimits(limits: readonly RateLimitConfig[], path: Path, warn: Report): void {
  for (const { name, headers, xHeaders, shadow, status, body } of limits) {
    if (xHeaders && headers === 'never')
      warn(path, `the rate limit ${name} has xHeaders: true, which means nothing with headers: never`);
    if (shadow && (status !== 429 || body !== null))
      warn(path, `the rate limit ${name} has an answer, and shadow: true, so that it refuses nothing`);
  }
}

/** A route is never reached when an earlier one with the same path takes everything that it would take. */
function checkShadows(routes: readonly RouteConfig[], path: (string | number)[], warn: Report): void {
  const byPath = new Map<string, { route: RouteConfig; index: number }[]>();
  for (const [index, route] of routes.entries()) {
    const key = `${route.match.path.kind} ${route.match.path.value}`;
    const earlier = byPath.get(key);
    const shadow = earlier?.find((candidate) => covers(candidate.route.match, route.match));
    if (shadow !== undefined)
      warn(
        [...path, index],
        `this route is never reached: routes[${shadow.index}] before it has the same path and takes every such request`,
      );
    // Only routes that are reached can shadow others; this also bounds the comparisons of a list of duplicates.
    else if (earlier === undefined) byPath.set(key, [{ route, index }]);
    else earlier.push({ route, index });
  }
}

function covers(earlier: MatchConfig, later: MatchConfig): boolean {
  const takesMethods =
    earlier.methods.length === 0 ||
    (later.methods.length > 0 && later.methods.every((method) => earlier.methods.includes(method)));
  const has = (predicates: MatchConfig['headers'], wanted: MatchConfig['headers'][number]) =>
    predicates.some(
      ({ name, op, value, negate }) =>
        name === wanted.name && op === wanted.op && value === wanted.value && negate === wanted.negate,
    );
  return (
    takesMethods &&
    earlier.headers.every((wanted) => has(later.headers, wanted)) &&
    earlier.query.every((wanted) => has(later.query, wanted))
  );
}

/** What an operator may have forgotten to take out again. */
function checkFault({ fault, action }: RouteConfig, path: Path, warn: Report): void {
  if (fault === null) return;
  const abort = fault.abort === null ? [] : [`${fault.abort.perMillion / 10_000} % of the requests are answered with ${fault.abort.status}`];
  const delay = fault.delay === null ? [] : [`${fault.delay.perMillion / 10_000} % wait for ${formatDuration(fault.delay.ms)}`];
  warn(path, `faults are injected on purpose: ${[...abort, ...delay].join(', ')}`, 'enabled: false ends it', 'key');
  if (fault.delay !== null && action.kind !== 'cluster' && action.kind !== 'weightedClusters')
    warn([...path, 'delay'], '"delay" has no effect on a route that the proxy answers by itself', undefined, 'key');
}
