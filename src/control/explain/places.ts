import { rateLimitsOf } from '../../config/compile-rate.ts';
import type { ClusterConfig, Config, EndpointConfig, RateLimitConfig, RouteConfig, VirtualHostConfig } from '../../config/types.ts';

export interface RoutePlace {
  table: string;
  virtualHost: VirtualHostConfig;
  route: RouteConfig;
}

export interface EndpointPlace {
  cluster: string;
  endpoint: EndpointConfig;
}

/** What the indexes of an image stand for in the configuration that it was compiled of. */
export interface Places {
  config: Config;
  virtualHosts: VirtualHostConfig[];
  routes: RoutePlace[];
  clusters: { name: string; cluster: ClusterConfig; firstEndpoint: number }[];
  endpoints: EndpointPlace[];
  limits: RateLimitConfig[];
}

/** Of 100,000 routes they take milliseconds. */
const known = new WeakMap<Config, Places>();

/** `config` is never changed. */
export function placesOf(config: Config): Places {
  const places = known.get(config) ?? makePlaces(config);
  known.set(config, places);
  return places;
}

function makePlaces(config: Config): Places {
  const hosts = Object.entries(config.routes).flatMap(([table, list]) => list.map((virtualHost) => ({ table, virtualHost })));
  let firstEndpoint = 0;
  return {
    config,
    virtualHosts: hosts.map(({ virtualHost }) => virtualHost),
    routes: hosts.flatMap(({ table, virtualHost }) => virtualHost.routes.map((route) => ({ table, virtualHost, route }))),
    clusters: Object.entries(config.clusters).map(([name, cluster]) => {
      const first = firstEndpoint;
      firstEndpoint += cluster.endpoints.length;
      return { name, cluster, firstEndpoint: first };
    }),
    endpoints: Object.entries(config.clusters).flatMap(([cluster, { endpoints }]) => endpoints.map((endpoint) => ({ cluster, endpoint }))),
    limits: rateLimitsOf(config),
  };
}

/** An index that the engine gave for this very configuration. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`the engine names number ${index} of ${list.length}`);
  return found;
}
