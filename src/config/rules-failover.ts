import { LIMITS } from '../binding/abi.ts';
import { formatDuration } from '../core/duration.ts';
import { checkReference, durationOf, excluding, list, mapping, type Report } from './raw.ts';
import { checkRespond } from './rules-respond.ts';
import type { Path } from './source.ts';

type Mapping = Record<string, unknown>;

const isMapping = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Rules within one cluster about what it does when endpoints fail. */
export function checkFailover(path: Path, cluster: Mapping, clusters: readonly string[], report: Report): void {
  checkBackups([...path, 'endpoints'], list(cluster['endpoints']), report);
  const outlier = mapping(cluster['outlierDetection']);
  const breaker = mapping(cluster['circuitBreaker']);
  checkOrder([...path, 'outlierDetection'], outlier, 'baseEjectionTime', '30s', 'maxEjectionTime', report);
  checkOrder([...path, 'circuitBreaker'], breaker, 'interval', '5s', 'maxInterval', report);
  const { fallback } = cluster;
  if (!isMapping(fallback)) return;
  const at = [...path, 'fallback'];
  const kinds = excluding(at, mapping(fallback), ['cluster', 'respond'], report);
  if (kinds.length === 0)
    report(at, 'expected "cluster" or "respond"', 'such as cluster: other, or respond: { status: 503 }', 'key');
  checkReference('cluster', mapping(fallback)['cluster'], clusters, [...at, 'cluster'], report);
  checkRespond([...at, 'respond'], mapping(mapping(fallback)['respond']), report);
}

/** The longest of two times that grow from the first one. */
export function checkOrder(path: Path, value: Mapping, low: string, lowDefault: string, high: string, report: Report): void {
  const [least, most] = [durationOf(value[low] ?? lowDefault), durationOf(value[high])];
  if (least === undefined || most === undefined || most >= least) return;
  report(
    [...path, high],
    `${formatDuration(most)} is less than "${low}", ${formatDuration(least)}${value[low] === undefined ? ' by default' : ''}`,
  );
}

/** A backup stands behind every other endpoint, so that it has no place of its own among the priorities. */
function checkBackups(path: Path, endpoints: unknown[], report: Report): void {
  let backups = 0;
  for (const [index, value] of endpoints.entries()) {
    const { backup, priority } = mapping(value);
    if (backup !== true) continue;
    backups++;
    if (typeof priority === 'number' && priority > 0)
      report(
        [...path, index, 'backup'],
        `a backup is used after every priority level, so that priority: ${priority} means nothing to it`,
        'keep one of the two',
        'key',
      );
  }
  if (backups > 0 && backups === endpoints.length)
    report(path, 'every endpoint is a backup: there is nothing that they could stand in for', 'leave out "backup"');
}

/** Clusters that stand in for each other must come to an end. Each loop, and each chain that is too long, is told once. */
export function checkFallbackChains(clusters: Mapping, report: Report): void {
  const next = (name: string) => {
    const { cluster } = mapping(mapping(Object.hasOwn(clusters, name) ? clusters[name] : undefined)['fallback']);
    return typeof cluster === 'string' && Object.hasOwn(clusters, cluster) ? cluster : undefined;
  };
  const settled = new Set<string>();
  for (const start of Object.keys(clusters)) {
    const chain: string[] = [];
    let name: string | undefined = start;
    while (name !== undefined && !settled.has(name) && !chain.includes(name)) {
      chain.push(name);
      name = next(name);
    }
    if (name !== undefined && chain.includes(name)) {
      const loop = chain.slice(chain.indexOf(name));
      report(
        ['clusters', name, 'fallback', 'cluster'],
        loop.length === 1
          ? 'a cluster cannot be the fallback of itself'
          : `fallbacks go round in a circle: ${[...loop, name].join(' -> ')}`,
      );
    }
    for (const member of chain) settled.add(member);
  }
  checkLengths(clusters, next, report);
}

function checkLengths(clusters: Mapping, next: (name: string) => string | undefined, report: Report): void {
  const followed = new Set(Object.keys(clusters).map(next));
  for (const start of Object.keys(clusters)) {
    // A loop has no start: it is reported already.
    if (followed.has(start)) continue;
    const seen = new Set<string>();
    for (let name: string | undefined = start; name !== undefined && !seen.has(name); name = next(name)) seen.add(name);
    if (seen.size - 1 > LIMITS.maxFallbacks)
      report(
        ['clusters', start, 'fallback', 'cluster'],
        `${seen.size - 1} fallbacks in a row start here; at most ${LIMITS.maxFallbacks} are followed`,
      );
  }
}
