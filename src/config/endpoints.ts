import { LIMITS } from '../binding/abi.ts';
import { parseEndpointAddress, type EndpointAddress } from './address.ts';
import { isRefusal } from './parsing.ts';
import { list, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';
import type { EndpointConfig } from './types.ts';

export type HostResolution = { addresses: { address: string; family: 'ipv4' | 'ipv6' }[] } | { error: string };
/** How host names become addresses; `discovery/resolve.ts` has the one that asks the system. */
export type ResolveHost = (host: string) => Promise<HostResolution>;
export type Resolutions = ReadonlyMap<string, HostResolution>;

/**
 * Resolves every host name among the endpoints that `known` does not have, all at once, and reports each place that names an
 * unknown one.
 */
export async function resolveEndpoints(root: unknown, resolveHost: ResolveHost, report: Report, known?: Resolutions): Promise<Resolutions> {
  const places = new Map<string, Path[]>();
  for (const [name, cluster] of Object.entries(mapping(mapping(root)['clusters']))) {
    for (const [index, entry] of list(mapping(cluster)['endpoints']).entries()) {
      const text = typeof entry === 'string' ? entry : mapping(entry)['address'];
      const parsed = typeof text === 'string' ? parseEndpointAddress(text) : undefined;
      if (parsed === undefined || isRefusal(parsed) || parsed.kind !== 'name') continue;
      const path = ['clusters', name, 'endpoints', index, ...(typeof entry === 'string' ? [] : ['address'])];
      places.set(parsed.host, [...(places.get(parsed.host) ?? []), path]);
    }
  }
  const resolutions = new Map<string, HostResolution>();
  await Promise.all([...places.keys()].map(async (host) => resolutions.set(host, known?.get(host) ?? (await resolveHost(host)))));
  for (const [host, paths] of places) {
    const resolution = resolutions.get(host);
    if (resolution === undefined || !('error' in resolution)) continue;
    for (const path of paths) report(path, `cannot resolve ${JSON.stringify(host)}: ${resolution.error}`);
  }
  checkCounts(root, resolutions, report);
  return resolutions;
}

/** A few names may stand for more endpoints than a cluster can have. */
function checkCounts(root: unknown, resolutions: Resolutions, report: Report): void {
  for (const [name, cluster] of Object.entries(mapping(mapping(root)['clusters']))) {
    const count = list(mapping(cluster)['endpoints']).reduce<number>((sum, entry) => {
      const text = typeof entry === 'string' ? entry : mapping(entry)['address'];
      const parsed = typeof text === 'string' ? parseEndpointAddress(text) : undefined;
      if (parsed === undefined || isRefusal(parsed) || parsed.kind !== 'name') return sum + 1;
      const resolution = resolutions.get(parsed.host);
      return sum + (resolution !== undefined && 'addresses' in resolution ? resolution.addresses.length : 0);
    }, 0);
    if (count > LIMITS.maxEndpoints)
      report(
        ['clusters', name, 'endpoints'],
        `with every address of their names these are ${count} endpoints; a cluster has at most ${LIMITS.maxEndpoints}`,
      );
  }
}

/** What the endpoints of one configured address share. */
export type EndpointSettings = Pick<
  EndpointConfig,
  'weight' | 'drain' | 'priority' | 'backup' | 'zone' | 'maxRequests' | 'metadata'
>;

/** The endpoints of one configured address: several when its name has several addresses. */
export function expandEndpoint(
  configured: EndpointAddress,
  settings: EndpointSettings,
  resolutions: Resolutions,
): EndpointConfig[] {
  if (configured.kind === 'unix') {
    const { path } = configured;
    return [{ name: `unix:${path}`, family: 'unix', address: path, port: 0, ...settings, serverName: '' }];
  }
  const { host, port } = configured;
  if (configured.kind === 'ip') {
    const { family } = configured;
    const name = family === 'ipv6' ? `[${host}]:${port}` : `${host}:${port}`;
    return [{ name, family, address: host, port, ...settings, serverName: host }];
  }
  const resolution = resolutions.get(host);
  const addresses = resolution !== undefined && 'addresses' in resolution ? resolution.addresses : [];
  return addresses.map(({ address, family }) => ({
    name: addresses.length === 1 ? `${host}:${port}` : `${host}:${port}@${address}`,
    family,
    address,
    port,
    ...settings,
    serverName: host,
  }));
}
