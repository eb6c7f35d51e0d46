import { checkReference, excluding, list, mapping, type Report } from './raw.ts';
import { checkFoldedKeys, checkRespond } from './rules-respond.ts';
import { checkRetry } from './rules-retry.ts';
import { unreachablePath, type KeptBytes } from './schema-scalars.ts';
import type { Path } from './source.ts';

const PATH_KEYS = ['path', 'pathPrefix', 'pathRegex'] as const;
const ACTION_KEYS = ['cluster', 'weightedClusters', 'redirect', 'respond'] as const;
const PREDICATE_KEYS = ['present', 'exact', 'prefix', 'suffix', 'contains', 'regex'] as const;

type Mapping = Record<string, unknown>;

/** Rules within one route: exactly one path, exactly one action, and what goes together with them. */
export function checkRoute(path: Path, route: Mapping, clusters: readonly string[], kept: KeptBytes, report: Report): void {
  const match = mapping(route['match']);
  for (const [key, names] of PATHS_OF_ROUTE) checkPaths([...path, key], mapping(route[key]), names, kept, report);
  const pathKeys = excluding([...path, 'match'], match, PATH_KEYS, report);
  const isPrefix = pathKeys.length === 0 || pathKeys.includes('pathPrefix');
  checkPredicates([...path, 'match', 'headers'], mapping(match['headers']), true, report);
  checkPredicates([...path, 'match', 'query'], mapping(match['query']), false, report);

  const actions = excluding(path, route, ACTION_KEYS, report);
  if (actions.length === 0) report(path, `the route does nothing: expected one of ${ACTION_KEYS.join(', ')}`);
  checkReference('cluster', route['cluster'], clusters, [...path, 'cluster'], report);
  checkWeights([...path, 'weightedClusters'], list(route['weightedClusters']), clusters, report);
  if (route['redirect'] !== undefined)
    checkRedirect([...path, 'redirect'], mapping(route['redirect']), isPrefix, report);
  checkRespond([...path, 'respond'], mapping(route['respond']), report);
  checkRewrite([...path, 'rewrite'], mapping(route['rewrite']), isPrefix, report);
  checkRetry(path, route, report);
  const { websocket } = route;
  if (websocket !== undefined && websocket !== false && (actions[0] === 'redirect' || actions[0] === 'respond'))
    report(
      [...path, 'websocket'],
      `a route that answers with "${actions[0]}" has no upstream to speak WebSocket to`,
      'give the route a cluster, or leave websocket out',
      'key',
    );
  for (const side of ['requestHeaders', 'responseHeaders']) checkEdits([...path, side], mapping(route[side]), report);
}

const PATHS_OF_ROUTE = [
  ['match', ['path', 'pathPrefix']],
  ['rewrite', ['path', 'prefix']],
  ['redirect', ['path', 'prefix']],
] as const;

/** Bytes that are let through by some listeners only. */
function checkPaths(path: Path, value: Mapping, names: readonly string[], kept: KeptBytes, report: Report): void {
  for (const name of names) {
    const text = value[name];
    const problem = typeof text === 'string' ? unreachablePath(text, kept) : undefined;
    if (problem !== undefined) report([...path, name], problem.refused, problem.hint);
  }
}

function checkPredicates(path: Path, predicates: Mapping, foldCase: boolean, report: Report): void {
  if (foldCase) checkFoldedKeys(path, predicates, report);
  for (const [name, value] of Object.entries(predicates)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    const operators = excluding([...path, name], mapping(value), PREDICATE_KEYS, report);
    if (operators.length === 0) report([...path, name], `expected one of ${PREDICATE_KEYS.join(', ')}`);
  }
}

function checkWeights(path: Path, weighted: unknown[], clusters: readonly string[], report: Report): void {
  const seen = new Set<string>();
  let sum = 0;
  for (const [index, value] of weighted.entries()) {
    const { cluster, weight, subset } = mapping(value);
    checkReference('cluster', cluster, clusters, [...path, index, 'cluster'], report);
    // The same cluster may stand there once for each of its subsets.
    const choice = JSON.stringify([cluster, Object.entries(mapping(subset)).sort()]);
    if (typeof cluster === 'string' && seen.has(choice))
      report([...path, index, 'cluster'], `the cluster ${JSON.stringify(cluster)} is listed twice`);
    seen.add(choice);
    sum += typeof weight === 'number' ? weight : 1;
  }
  if (weighted.length > 0 && sum === 0) report(path, 'all weights are 0: no cluster could be chosen');
}

function checkRedirect(path: Path, redirect: Mapping, isPrefix: boolean, report: Report): void {
  excluding(path, redirect, ['path', 'prefix'], report);
  checkPrefixRewrite([...path, 'prefix'], redirect['prefix'], isPrefix, report);
  if (['scheme', 'host', 'port', 'path', 'prefix'].every((key) => redirect[key] === undefined)) {
    report(path, 'the redirect leads to where it came from: expected scheme, host, port, path or prefix');
  }
}

function checkRewrite(path: Path, rewrite: Mapping, isPrefix: boolean, report: Report): void {
  excluding(path, rewrite, ['prefix', 'path'], report);
  checkPrefixRewrite([...path, 'prefix'], rewrite['prefix'], isPrefix, report);
}

function checkPrefixRewrite(path: Path, prefix: unknown, isPrefix: boolean, report: Report): void {
  if (prefix !== undefined && !isPrefix)
    report(
      path,
      '"prefix" replaces the matched prefix and needs match.pathPrefix',
      'use "path" to replace the whole path',
      'key',
    );
}

function checkEdits(path: Path, edits: Mapping, report: Report): void {
  checkFoldedKeys([...path, 'set'], mapping(edits['set']), report);
  checkFoldedKeys([...path, 'add'], mapping(edits['add']), report);
}
