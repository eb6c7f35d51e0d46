import type { Config, PredicateConfig, RouteConfig, VirtualHostConfig } from '../../src/config/types.ts';

/** A request as it is matched: host lower case without port, path normalised, header names lower case. */
export interface MatchRequest {
  method: string;
  host: string;
  path: string;
  headers: [name: string, value: string][];
  /** Without "?". */
  query: string;
}

/**
 * The matching rules of the configuration, in the plain, obvious way and in the order in which they are documented.
 * It is what the compiled tables and the engine are compared with; nothing here is meant to be fast.
 */
export function matchRoute(config: Config, table: string, request: MatchRequest): RouteConfig | undefined {
  const host = findVirtualHost(config.routes[table] ?? [], request.host);
  return host === undefined ? undefined : findRoute(host, request);
}

/** An exact host wins over the longest wildcard suffix, and that over "*". */
export function findVirtualHost(hosts: readonly VirtualHostConfig[], host: string): VirtualHostConfig | undefined {
  const withPattern = (pattern: string) => hosts.find((candidate) => candidate.hosts.includes(pattern));
  const exact = withPattern(host);
  if (exact !== undefined && host !== '*' && !host.startsWith('*.')) return exact;
  const suffixes = hosts
    .flatMap((candidate) => candidate.hosts)
    .filter((pattern) => pattern.startsWith('*.'))
    .map((pattern) => pattern.slice(1))
    // "*" stands for one or more labels, so something has to be before the suffix.
    .filter((suffix) => host.length > suffix.length && host.endsWith(suffix))
    .sort((a, b) => b.length - a.length);
  return suffixes[0] === undefined ? withPattern('*') : withPattern(`*${suffixes[0]}`);
}

/** A route that was asked, and the first of its conditions that does not hold; null = it takes the request. */
export interface Attempt {
  route: RouteConfig;
  failed: null | 'method' | PredicateConfig;
}

/** All routes whose path matches, in the order in which they are asked; the first that takes the request ends the search. */
export function attempts(host: VirtualHostConfig, request: MatchRequest): Attempt[] {
  return candidatesOf(host, request).map((route) => ({ route, failed: firstFailure(route, request) }));
}

/** The exact path, then regexes in declared order, then prefixes, longest first; among equals the declared order. */
function candidatesOf(host: VirtualHostConfig, request: MatchRequest): RouteConfig[] {
  const ofKind = (kind: string) => host.routes.filter((route) => route.match.path.kind === kind);
  return [
    ...ofKind('exact').filter((route) => route.match.path.value === request.path),
    ...ofKind('regex').filter((route) => wholeMatch(route.match.path.value, request.path)),
    ...ofKind('prefix')
      .filter((route) => hasPrefix(request.path, route.match.path.value))
      .sort((a, b) => b.match.path.value.length - a.match.path.value.length),
  ];
}

function findRoute(host: VirtualHostConfig, request: MatchRequest): RouteConfig | undefined {
  return candidatesOf(host, request).find((route) => firstFailure(route, request) === null);
}

/** A prefix covers whole segments: "/v1" covers "/v1" and "/v1/x", not "/v10"; "/v1/" only what is below it. */
export function hasPrefix(path: string, prefix: string): boolean {
  return path === prefix || (path.startsWith(prefix) && (prefix.endsWith('/') || path[prefix.length] === '/'));
}

function wholeMatch(source: string, text: string): boolean {
  return new RegExp(`^(?:${source})$`, 'u').test(text);
}

/** The method, then headers, then query, each in declared order. */
function firstFailure(route: RouteConfig, request: MatchRequest): Attempt['failed'] {
  const { methods, headers, query } = route.match;
  const parameters = [...new URLSearchParams(request.query)];
  if (methods.length > 0 && !methods.includes(request.method)) return 'method';
  return headers.find((predicate) => !predicateHolds(predicate, request.headers)) ?? query.find((predicate) => !predicateHolds(predicate, parameters)) ?? null;
}

/** Some value of that name fulfils it; `not` turns the result round. */
function predicateHolds({ name, op, value, negate }: PredicateConfig, pairs: readonly [string, string][]): boolean {
  const test = (actual: string): boolean => {
    switch (op) {
      case 'present':
        return true;
      case 'exact':
        return actual === value;
      case 'prefix':
        return actual.startsWith(value);
      case 'suffix':
        return actual.endsWith(value);
      case 'contains':
        return actual.includes(value);
      case 'regex':
        return wholeMatch(value, actual);
    }
  };
  return pairs.some(([key, actual]) => key === name && test(actual)) !== negate;
}
