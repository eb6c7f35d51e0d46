import { buildFault } from './build-fault.ts';
import { buildRateLimits } from './build-rate.ts';
import { buildRespond } from './build-respond.ts';
import { buildHedge, buildRetry, deadlineHeader } from './build-retry.ts';
import { buildRouteTracing } from './build-tracing.ts';
import type { ConfigFiles } from './files.ts';
import { rateOwnerOfRoute, rateOwnerOfVirtualHost } from './rate-names.ts';
import {
  WEBSOCKET_DEFAULTS,
  type ParsedHeaderEdits,
  type ParsedPredicate,
  type ParsedRoute,
  type ParsedVirtualHost,
} from './schema-route.ts';
import type {
  ActionConfig,
  HeaderEdits,
  MatchConfig,
  PredicateConfig,
  RewriteConfig,
  RouteConfig,
  VirtualHostConfig,
  WebSocketConfig,
} from './types.ts';

const PREDICATE_OPERATORS = ['exact', 'prefix', 'suffix', 'contains', 'regex'] as const;

export function buildVirtualHost(
  parsed: ParsedVirtualHost,
  table: string,
  index: number,
  files: ConfigFiles,
): VirtualHostConfig {
  const name = `${table}/${index}`;
  const rateOwner = rateOwnerOfVirtualHost(table, parsed.name, index);
  return {
    name: parsed.name ?? name,
    hosts: parsed.hosts,
    rateLimits: buildRateLimits(parsed.rateLimit, rateOwner),
    routes: parsed.routes.map((route, i) =>
      buildRoute(route, route.name ?? `${name}/${i}`, rateOwnerOfRoute(rateOwner, route.name, i), files),
    ),
  };
}

function buildRoute(parsed: ParsedRoute, name: string, rateOwner: string, files: ConfigFiles): RouteConfig {
  return {
    name,
    match: buildMatch(parsed.match),
    action: buildAction(parsed, files),
    timeoutMs: parsed.timeout,
    maxDurationMs: parsed.maxDuration,
    idleTimeoutMs: parsed.idleTimeout,
    requestTimeoutMs: parsed.requestTimeout,
    retry: buildRetry(parsed.retry),
    hedge: buildHedge(parsed.hedge),
    deadlineHeader: deadlineHeader(parsed.propagateDeadline),
    rewrite: buildRewrite(parsed.rewrite),
    hostRewrite: parsed.rewrite.host ?? null,
    requestHeaders: buildEdits(parsed.requestHeaders),
    responseHeaders: buildEdits(parsed.responseHeaders),
    maxRequestBodyBytes: parsed.maxRequestBody,
    webSocket: buildWebSocket(parsed.websocket),
    rateLimits: buildRateLimits(parsed.rateLimit, rateOwner),
    fault: buildFault(parsed.fault),
    tracing: buildRouteTracing(parsed.tracing),
  };
}

function buildWebSocket(parsed: ParsedRoute['websocket']): WebSocketConfig | null {
  if (parsed === false) return null;
  const { maxMessage, idleTimeout } = parsed === true ? WEBSOCKET_DEFAULTS : parsed;
  return { maxMessageBytes: maxMessage, idleTimeoutMs: idleTimeout };
}

function buildMatch(parsed: ParsedRoute['match']): MatchConfig {
  const { path, pathPrefix, pathRegex } = parsed;
  return {
    path:
      path !== undefined
        ? { kind: 'exact', value: path }
        : pathRegex !== undefined
          ? { kind: 'regex', value: pathRegex }
          : { kind: 'prefix', value: pathPrefix ?? '/' },
    methods: [...new Set(parsed.methods ?? [])],
    headers: Object.entries(parsed.headers).map(([name, predicate]) => buildPredicate(name, predicate)),
    query: Object.entries(parsed.query).map(([name, predicate]) => buildPredicate(name, predicate)),
  };
}

function buildPredicate(name: string, parsed: ParsedPredicate): PredicateConfig {
  if (typeof parsed === 'string') return { name, op: 'exact', value: parsed, negate: false };
  for (const op of PREDICATE_OPERATORS) {
    const value = parsed[op];
    if (value !== undefined) return { name, op, value, negate: parsed.not };
  }
  // `present: false` and `not: true` each turn the meaning round.
  return { name, op: 'present', value: '', negate: (parsed.present === false) !== parsed.not };
}

function buildAction(parsed: ParsedRoute, files: ConfigFiles): ActionConfig {
  const { weightedClusters, redirect, respond } = parsed;
  if (weightedClusters !== undefined) {
    const clusters = weightedClusters.map(({ cluster, subset = null, weight }) => ({ cluster, subset, weight }));
    return { kind: 'weightedClusters', clusters };
  }
  if (redirect !== undefined) {
    const { status, scheme = null, host = null, port = 0, stripQuery } = redirect;
    return { kind: 'redirect', redirect: { status, scheme, host, port, rewrite: buildRewrite(redirect), stripQuery } };
  }
  if (respond !== undefined) return { kind: 'respond', respond: buildRespond(respond, files) };
  return { kind: 'cluster', cluster: parsed.cluster ?? '', subset: parsed.subset ?? null };
}

function buildRewrite(parsed: { prefix?: string | undefined; path?: string | undefined }): RewriteConfig | null {
  if (parsed.prefix !== undefined) return { kind: 'prefix', value: parsed.prefix };
  return parsed.path === undefined ? null : { kind: 'path', value: parsed.path };
}

function buildEdits(parsed: ParsedHeaderEdits): HeaderEdits {
  return {
    remove: parsed.remove,
    set: Object.entries(parsed.set),
    add: Object.entries(parsed.add).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map((value): [string, string] => [name, value]),
    ),
  };
}
