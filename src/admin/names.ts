import type { Config } from '../config/types.ts';

export interface RouteName {
  table: string;
  virtualHost: string;
  route: string;
}

/** The names of all routes in the order of the image: by table, virtual host and place, as configured. */
export function routeNames(config: Config): RouteName[] {
  return Object.entries(config.routes).flatMap(([table, hosts]) =>
    hosts.flatMap((host) => host.routes.map((route) => ({ table, virtualHost: host.name, route: route.name }))),
  );
}
