/** The objects of a raw configuration that can be tuned: how they are asked for, and how they are found again in another document. */
import { list, mapping } from '../../config/raw.ts';
import { suggest } from '../../config/nearest.ts';
import type { Path } from '../../config/source.ts';
import { isSame } from './tree.ts';

/** What somebody asks for, in the words of the admin endpoint. */
export type TargetName =
  | { kind: 'cluster'; cluster: string }
  | { kind: 'endpoint'; cluster: string; endpoint: string }
  | { kind: 'route'; route: string; table: string | null }
  | { kind: 'listener'; listener: string };

/**
 * An object, by what makes it the same one in another version of the document: names, never positions. A route without a
 * name has nothing but its position, so what it matches must be the same as well.
 */
export type Target =
  | { kind: 'cluster'; cluster: string }
  | { kind: 'endpoint'; cluster: string; address: string }
  | { kind: 'route'; table: string; route: string }
  | { kind: 'unnamedRoute'; table: string; host: number; index: number; hosts: unknown; match: unknown }
  | { kind: 'listener'; listener: string };

export interface Found {
  target: Target;
  path: Path;
}

export interface NotFound {
  status: 404 | 409;
  error: string;
}

export function findTarget(root: unknown, name: TargetName): Found | NotFound {
  switch (name.kind) {
    case 'cluster':
      return findCluster(root, name.cluster);
    case 'endpoint':
      return findEndpoint(root, name.cluster, name.endpoint);
    case 'route':
      return findRoute(root, name.route, name.table);
    case 'listener':
      return findListener(root, name.listener);
  }
}

/** Its place in a document; undefined: the object is gone. */
export function placeOf(root: unknown, target: Target): Path | undefined {
  const config = mapping(root);
  switch (target.kind) {
    case 'cluster':
      return Object.hasOwn(mapping(config['clusters']), target.cluster) ? ['clusters', target.cluster] : undefined;
    case 'endpoint': {
      const index = endpointsOf(root, target.cluster).findIndex((entry) => addressOf(entry) === target.address);
      return index < 0 ? undefined : ['clusters', target.cluster, 'endpoints', index];
    }
    case 'route':
      return routesOf(root).find(({ table, written }) => table === target.table && written === target.route)?.path;
    case 'unnamedRoute': {
      const { table, host, index, hosts, match } = target;
      const vhost = mapping(tableOf(root, table)[host]);
      const route = list(vhost['routes'])[index];
      if (route === undefined || mapping(route)['name'] !== undefined || !isSame(vhost['hosts'], hosts) || !isSame(mapping(route)['match'], match)) return undefined;
      return ['routes', table, host, 'routes', index];
    }
    case 'listener': {
      const index = list(config['listeners']).findIndex((entry) => mapping(entry)['name'] === target.listener);
      return index < 0 ? undefined : ['listeners', index];
    }
  }
}

/** Endpoints may be written as their address alone. */
export function addressOf(entry: unknown): unknown {
  return typeof entry === 'string' ? entry : mapping(entry)['address'];
}

function findCluster(root: unknown, cluster: string): Found | NotFound {
  const clusters = mapping(mapping(root)['clusters']);
  if (Object.hasOwn(clusters, cluster)) return { target: { kind: 'cluster', cluster }, path: ['clusters', cluster] };
  return missing('cluster', cluster, Object.keys(clusters));
}

function findEndpoint(root: unknown, cluster: string, endpoint: string): Found | NotFound {
  const found = findCluster(root, cluster);
  if ('error' in found) return found;
  const addresses = endpointsOf(root, cluster).map(addressOf).filter((address) => typeof address === 'string');
  const matching = addresses.filter((address) => address === endpoint);
  if (matching.length > 1) return { status: 409, error: `the cluster ${JSON.stringify(cluster)} lists ${endpoint} ${matching.length} times: which one is meant cannot be said; use POST /config` };
  const [address] = matching;
  if (address !== undefined) {
    const target: Target = { kind: 'endpoint', cluster, address };
    return { target, path: placeOf(root, target) ?? [] };
  }
  const name = endpoint.slice(0, endpoint.lastIndexOf('@'));
  if (endpoint.includes('@') && addresses.includes(name)) {
    return { status: 409, error: `${endpoint} is one of the addresses of the name ${name}, and they are tuned together: PATCH …/endpoints/${name}` };
  }
  return missing(`endpoint of the cluster ${JSON.stringify(cluster)}`, endpoint, addresses);
}

function findRoute(root: unknown, name: string, table: string | null): Found | NotFound {
  const all = routesOf(root);
  const tables = Object.keys(mapping(mapping(root)['routes']));
  if (table !== null && !tables.includes(table)) return missing('route table', table, tables);
  const found = all.filter((route) => route.name === name && (table === null || route.table === table));
  const [route, other] = found;
  if (route === undefined) return missing(table === null ? 'route' : `route of the table ${JSON.stringify(table)}`, name, all.filter((one) => table === null || one.table === table).map((one) => one.name));
  if (other !== undefined) {
    const where = [...new Set(found.map((one) => one.table))];
    return { status: 409, error: `there are ${found.length} routes ${JSON.stringify(name)}, in ${where.length === 1 ? 'the table' : 'the tables'} ${where.join(', ')}: ${where.length === 1 ? 'give them other names' : `say which one, as in ?table=${where[0] ?? ''}`}` };
  }
  return { target: route.target, path: route.path };
}

function findListener(root: unknown, listener: string): Found | NotFound {
  const target: Target = { kind: 'listener', listener };
  const path = placeOf(root, target);
  if (path !== undefined) return { target, path };
  return missing('listener', listener, list(mapping(root)['listeners']).map((entry) => String(mapping(entry)['name'])));
}

function missing(what: string, name: string, names: readonly string[]): NotFound {
  const hint = suggest(name, names);
  return { status: 404, error: `there is no ${what} ${JSON.stringify(name)}${hint === undefined ? '' : ` (${hint})`}` };
}

function endpointsOf(root: unknown, cluster: string): unknown[] {
  const clusters = mapping(mapping(root)['clusters']);
  return Object.hasOwn(clusters, cluster) ? list(mapping(clusters[cluster])['endpoints']) : [];
}

function tableOf(root: unknown, table: string): unknown[] {
  const tables = mapping(mapping(root)['routes']);
  return Object.hasOwn(tables, table) ? list(tables[table]) : [];
}

interface RoutePlace {
  table: string;
  /** As it is called everywhere. */
  name: string;
  /** Undefined: it has no name of its own. */
  written: unknown;
  target: Target;
  path: Path;
}

function routesOf(root: unknown): RoutePlace[] {
  return Object.keys(mapping(mapping(root)['routes'])).flatMap((table) =>
    tableOf(root, table).flatMap((entry, host) => {
      const vhost = mapping(entry);
      const prefix = typeof vhost['name'] === 'string' ? vhost['name'] : `${table}/${host}`;
      return list(vhost['routes']).map((value, index): RoutePlace => {
        const { name: written, match } = mapping(value);
        const path = ['routes', table, host, 'routes', index];
        return typeof written === 'string'
          ? { table, name: written, written, target: { kind: 'route', table, route: written }, path }
          : { table, name: `${prefix}/${index}`, written: undefined, target: { kind: 'unnamedRoute', table, host, index, hosts: vhost['hosts'], match }, path };
      });
    }),
  );
}
