/** A cluster of a real configuration as a scenario: what the proxy knows of it, and the usual policies beside its own. */
import { suggest } from '../config/nearest.ts';
import { mapping } from '../config/raw.ts';
import type { ClusterConfig, Config, EndpointConfig, PolicyName } from '../config/types.ts';
import { StartError } from '../core/errors.ts';

/** What a configuration does not say: how the endpoints do. */
export interface Endpoints {
  serviceTime: unknown;
  concurrency: number;
  /** Of all of them, the last ones. */
  slow: number;
  slowServiceTime: unknown;
}

const OTHERS: readonly PolicyName[] = ['roundRobin', 'leastRequest', 'peakEwma', 'leastTime'];
/** Keys of a cluster that a scenario has, too, with the same meaning. */
const SHARED = ['circuitBreaker', 'outlierDetection', 'retryBudget'] as const;

/**
 * A scenario as somebody would have written it, of the cluster as it was written (`root`: the whole configuration), so that it is checked
 * and can be printed like any other.
 */
export function scenarioOfCluster(config: Config, root: unknown, name: string | undefined, endpoints: Endpoints): Record<string, unknown> {
  const names = Object.keys(config.clusters);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined) throw new StartError('which cluster?', `--cluster with one of: ${names.join(', ')}`);
  const cluster = Object.hasOwn(config.clusters, chosen) ? config.clusters[chosen] : undefined;
  if (cluster === undefined) throw new StartError(`there is no cluster ${JSON.stringify(chosen)}`, suggest(chosen, names));
  const written = mapping(mapping(mapping(root)['clusters'])[chosen]);
  const balancer = { policy: cluster.balancer.policy, ...mapping(written['balancer']) };
  return {
    title: `cluster ${chosen}`.slice(0, 60),
    policies: [{ ...balancer, label: `${chosen} as it is (${cluster.balancer.policy})`.slice(0, 60) }, ...OTHERS.filter((policy) => policy !== cluster.balancer.policy || Object.keys(balancer).length > 1)],
    endpoints: groupsOf(cluster, endpoints),
    ...Object.fromEntries(SHARED.flatMap((key) => (written[key] === undefined ? [] : [[key, written[key]]]))),
  };
}

/** Endpoints that are alike are one group; those that get nothing are left out. */
function groupsOf(cluster: ClusterConfig, { serviceTime, concurrency, slow, slowServiceTime }: Endpoints): unknown[] {
  const used = cluster.endpoints.filter(({ weight, drain }) => weight > 0 && !drain);
  if (used.length === 0) throw new StartError('no endpoint of this cluster gets requests', 'all have weight 0 or are drained');
  if (slow > used.length) throw new StartError(`${slow} slow endpoints are more than the cluster has, ${used.length}`);
  const groups = new Map<string, { name: string; count: number; weight: number; priority: number; maxRequests: number; serviceTime: unknown; concurrency: number }>();
  for (const [index, { weight, priority, maxRequests }] of used.entries()) {
    const isSlow = index >= used.length - slow;
    const name = [isSlow ? 'slow' : 'good', ...differing(used, { weight, priority, maxRequests })].join(' ');
    const group = groups.get(name) ?? { name, count: 0, weight, priority, maxRequests, serviceTime: isSlow ? slowServiceTime : serviceTime, concurrency };
    group.count++;
    groups.set(name, group);
  }
  return [...groups.values()];
}

/** Only what tells some endpoints from others is worth a word. */
function differing(all: readonly EndpointConfig[], own: Pick<EndpointConfig, 'weight' | 'priority' | 'maxRequests'>): string[] {
  return (['weight', 'priority', 'maxRequests'] as const).flatMap((key) => (all.every((endpoint) => endpoint[key] === own[key]) ? [] : [`${key} ${own[key]}`]));
}
