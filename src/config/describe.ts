import { rateLimitsOf } from './compile-rate.ts';
import type { ClusterConfig, Config, ListenerConfig, RateLimitConfig } from './types.ts';

/** Names of the objects of a configuration in image order: index i here is index i there. */
export interface Description {
  listeners: { name: string; host: string; port: number; tls: boolean; routes: string }[];
  routeTables: { name: string; virtualHosts: { name: string; hosts: string[]; routes: string[] }[] }[];
  rateLimits: { name: string; algorithm: RateLimitConfig['algorithm']; shadow: boolean }[];
  clusters: {
    name: string;
    policy: ClusterConfig['policy'];
    tls: boolean;
    endpoints: { /** ENDPOINT index of the image. */ index: number; name: string; weight: number }[];
  }[];
}

/** What the admin endpoint and the metrics need to know of a configuration; holds no secrets. */
export function describe(config: Config): Description {
  let endpointIndex = 0;
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
      policy: cluster.policy,
      tls: cluster.tls !== null,
      endpoints: cluster.endpoints.map((endpoint) => ({
        index: endpointIndex++,
        name: endpoint.name,
        weight: endpoint.weight,
      })),
    })),
  };
}

function describeListener({ name, host, port, tls, routes }: ListenerConfig): Description['listeners'][number] {
  return { name, host, port, tls: tls !== null, routes };
}
