import { rateLimitsOf } from './compile-rate.ts';
import { resolveSubsets, selectionName } from './subsets.ts';
import type { Config, ListenerConfig, Metadata, PolicyName, RateLimitConfig } from './types.ts';

/** Names of the objects of a configuration in image order: index i here is index i there. */
export interface Description {
  listeners: { name: string; host: string; port: number; tls: boolean; routes: string }[];
  routeTables: { name: string; virtualHosts: { name: string; hosts: string[]; routes: string[] }[] }[];
  rateLimits: { name: string; algorithm: RateLimitConfig['algorithm']; shadow: boolean }[];
  clusters: {
    name: string;
    policy: PolicyName;
    tls: boolean;
    endpoints: {
      /** ENDPOINT index of the image. */
      index: number;
      name: string;
      weight: number;
      drain: boolean;
      priority: number;
      backup: boolean;
      zone: string | null;
      maxRequests: number;
      metadata: Metadata;
    }[];
    /** In image order; the first one, without a name, is every endpoint of weight > 0 that is not drained. */
    subsets: { /** SUBSET index of the image. */ index: number; name: string | null; endpoints: string[] }[];
  }[];
}

/** What the admin endpoint and the metrics need to know of a configuration; holds no secrets. */
export function describe(config: Config): Description {
  const subsets = resolveSubsets(config);
  let endpointIndex = 0;
  let subsetIndex = 0;
  return {
    listeners: config.listeners.map(describeListener),
    routeTables: Object.entries(config.routes).map(([name, hosts]) => ({
      name,
      virtualHosts: hosts.map((host) => ({
        name: host.name,
        hosts: host.hosts,
        routes: host.routes.map((route) => route.name),
      })),
    })),
    rateLimits: rateLimitsOf(config).map(({ name, algorithm, shadow }) => ({ name, algorithm, shadow })),
    clusters: Object.entries(config.clusters).map(([name, cluster]) => ({
      name,
      policy: cluster.balancer.policy,
      tls: cluster.tls !== null,
      endpoints: cluster.endpoints.map((endpoint) => ({
        index: endpointIndex++,
        name: endpoint.name,
        weight: endpoint.weight,
        drain: endpoint.drain,
        priority: endpoint.priority,
        backup: endpoint.backup,
        zone: endpoint.zone,
        maxRequests: endpoint.maxRequests,
        metadata: endpoint.metadata,
      })),
      subsets: (subsets.get(name)?.rows ?? []).map(({ selection, members }) => ({
        index: subsetIndex++,
        name: selection === null ? null : selectionName(selection),
        endpoints: members.map((position) => cluster.endpoints[position]?.name ?? ''),
      })),
    })),
  };
}

function describeListener({ name, host, port, tls, routes }: ListenerConfig): Description['listeners'][number] {
  return { name, host, port, tls: tls !== null, routes };
}
