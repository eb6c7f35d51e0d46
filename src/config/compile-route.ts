import {
  ACTION,
  EDIT_OPERATOR,
  METHODS,
  NONE,
  PATH_KIND,
  PREDICATE_OPERATOR,
  PREDICATE_SOURCE,
  REWRITE,
} from '../binding/abi.ts';
import { indexOf, type Compilation } from './compilation.ts';
import { compileFault } from './compile-fault.ts';
import { addRespond } from './compile-respond.ts';
import { retryFields } from './compile-retry.ts';
import { NO_SLICE } from './image-writer.ts';
import type {
  ActionConfig,
  HeaderEdits,
  MatchConfig,
  PredicateConfig,
  RedirectConfig,
  RewriteConfig,
  RouteConfig,
} from './types.ts';

/** Appends a ROUTE with everything it points to; returns its index. `limits`: INDEX rows of its rate limits. */
export function compileRoute(
  compilation: Compilation,
  route: RouteConfig,
  limits: { limitStart: number; limitCount: number },
): number {
  const { writer } = compilation;
  const name = writer.string(route.name);
  const path = writer.string(route.match.path.value);
  const predicates = addPredicates(compilation, route.match);
  const action = addAction(compilation, route.action);
  const rewrite = rewriteFields(compilation, route.rewrite);
  const host = writer.optionalString(route.hostRewrite);
  const requestEdits = addEdits(compilation, route.requestHeaders);
  const responseEdits = addEdits(compilation, route.responseHeaders);
  const { maxRequestBodyBytes } = route;
  return writer.add('ROUTE', {
    nameOffset: name.offset,
    nameLength: name.length,
    methods: methodBits(route.match.methods),
    predicateStart: predicates.start,
    predicateCount: predicates.count,
    action: ACTION[route.action.kind],
    actionStart: action.start,
    actionCount: action.count,
    timeoutMs: route.timeoutMs,
    maxDurationMs: route.maxDurationMs,
    idleTimeoutMs: route.idleTimeoutMs,
    pathKind: PATH_KIND[route.match.path.kind],
    pathOffset: path.offset,
    pathLength: path.length,
    ...rewrite,
    hostOffset: host.offset,
    hostLength: host.length,
    requestEditStart: requestEdits.start,
    requestEditCount: requestEdits.count,
    responseEditStart: responseEdits.start,
    responseEditCount: responseEdits.count,
    maxBodyLow: maxRequestBodyBytes === 0 ? NONE : maxRequestBodyBytes % 2 ** 32,
    maxBodyHigh: maxRequestBodyBytes === 0 ? NONE : Math.floor(maxRequestBodyBytes / 2 ** 32),
    subset: action.subset,
    ...limits,
    webSocketMaxMessage: route.webSocket?.maxMessageBytes ?? 0,
    webSocketIdleMs: route.webSocket?.idleTimeoutMs ?? 0,
    requestTimeoutMs: route.requestTimeoutMs,
    ...retryFields(compilation, route),
    fault: compileFault(writer, route.fault),
    tracing: compilation.tracings.of(route.tracing),
    sinks: compilation.sinksOf(route.name),
  });
}

export function methodBits(methods: readonly string[]): number {
  return methods.reduce((bits, method) => bits | (1 << (METHODS as readonly string[]).indexOf(method)), 0) >>> 0;
}

interface Rows {
  start: number;
  count: number;
}

function addPredicates(compilation: Compilation, { headers, query }: MatchConfig): Rows {
  const start = compilation.writer.count('PREDICATE');
  for (const predicate of headers) addPredicate(compilation, PREDICATE_SOURCE.header, predicate);
  for (const predicate of query) addPredicate(compilation, PREDICATE_SOURCE.query, predicate);
  return { start, count: headers.length + query.length };
}

function addPredicate({ writer, regexes }: Compilation, source: number, predicate: PredicateConfig): void {
  const name = writer.string(predicate.name);
  const value = writer.string(predicate.value);
  writer.add('PREDICATE', {
    source,
    op: PREDICATE_OPERATOR[predicate.op],
    negate: predicate.negate ? 1 : 0,
    nameOffset: name.offset,
    nameLength: name.length,
    valueOffset: value.offset,
    valueLength: value.length,
    dfa: predicate.op === 'regex' ? regexes.indexOf(predicate.value) : NONE,
  });
}

function addAction(compilation: Compilation, action: ActionConfig): Rows & { subset: number } {
  const { writer, clusters } = compilation;
  switch (action.kind) {
    case 'cluster':
      return { start: indexOf(clusters, action.cluster), count: 1, subset: compilation.subsetOf(action) };
    case 'weightedClusters': {
      const start = writer.count('WEIGHT');
      let cumulative = 0;
      for (const choice of action.clusters) {
        // The engine wants strictly rising sums: a cluster of weight 0 has no row.
        if (choice.weight === 0) continue;
        cumulative += choice.weight;
        const cluster = indexOf(clusters, choice.cluster);
        writer.add('WEIGHT', { cluster, subset: compilation.subsetOf(choice), cumulative });
      }
      return { start, count: writer.count('WEIGHT') - start, subset: NONE };
    }
    case 'redirect':
      return { start: addRedirect(compilation, action.redirect), count: 1, subset: NONE };
    case 'respond':
      return { start: addRespond(compilation.writer, action.respond), count: 1, subset: NONE };
  }
}

function addRedirect(compilation: Compilation, redirect: RedirectConfig): number {
  const scheme = compilation.writer.optionalString(redirect.scheme);
  const host = compilation.writer.optionalString(redirect.host);
  return compilation.writer.add('REDIRECT', {
    status: redirect.status,
    schemeOffset: scheme.offset,
    schemeLength: scheme.length,
    hostOffset: host.offset,
    hostLength: host.length,
    port: redirect.port,
    ...rewriteFields(compilation, redirect.rewrite),
    stripQuery: redirect.stripQuery ? 1 : 0,
  });
}

function rewriteFields({ writer }: Compilation, rewrite: RewriteConfig | null) {
  const value = rewrite === null ? NO_SLICE : writer.string(rewrite.value);
  return {
    rewrite: rewrite === null ? REWRITE.none : REWRITE[rewrite.kind],
    rewriteOffset: value.offset,
    rewriteLength: value.length,
  };
}

/** Rows in the order in which they are applied. */
function addEdits({ writer }: Compilation, edits: HeaderEdits): Rows {
  const start = writer.count('EDIT');
  const add = (op: number, header: string, content: string) => {
    const name = writer.string(header);
    const value = writer.string(content);
    writer.add('EDIT', {
      op,
      nameOffset: name.offset,
      nameLength: name.length,
      valueOffset: value.offset,
      valueLength: value.length,
    });
  };
  for (const header of edits.remove) add(EDIT_OPERATOR.remove, header, '');
  for (const [header, value] of edits.set) add(EDIT_OPERATOR.set, header, value);
  for (const [header, value] of edits.add) add(EDIT_OPERATOR.add, header, value);
  return { start, count: writer.count('EDIT') - start };
}
