import { availableParallelism } from 'node:os';
import { LIMITS } from '../binding/abi.ts';
import { buildRateLimits } from './build-rate.ts';
import { buildVirtualHost } from './build-route.ts';
import { expandEndpoint, type Resolutions } from './endpoints.ts';
import type { ConfigFiles } from './files.ts';
import { rateOwnerOfListener } from './rate-names.ts';
import type { ParsedCluster, ParsedConfig, ParsedListener } from './schema.ts';
import type { ClusterConfig, Config, ListenerConfig } from './types.ts';

/** Puts together what the schema, the files and the resolver gave. All three must have been free of problems. */
export function buildConfig(parsed: ParsedConfig, files: ConfigFiles, resolutions: Resolutions): Config {
  return {
    workers: parsed.workers ?? Math.min(availableParallelism(), LIMITS.maxWorkers),
    drainTimeoutMs: parsed.drainTimeout,
    log: { level: parsed.log.level },
    admin: parsed.admin === false ? null : parsed.admin.address,
    limits: parsed.limits,
    listeners: parsed.listeners.map((listener) => buildListener(listener, files)),
    routes: mapValues(parsed.routes, (hosts, table) =>
      hosts.map((host, index) => buildVirtualHost(host, table, index, files)),
    ),
    clusters: mapValues(parsed.clusters, (cluster) => buildCluster(cluster, files, resolutions)),
  };
}

function mapValues<A, B>(record: Record<string, A>, convert: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, convert(value, key)]));
}

function buildListener(parsed: ParsedListener, files: ConfigFiles): ListenerConfig {
  const certificates = parsed.tls?.certificates.map(({ cert, key, hosts }) => {
    const { names, ...pair } = required(files.certificate(cert, key));
    return { ...pair, hosts: hosts ?? names };
  });
  return {
    name: parsed.name,
    ...parsed.address,
    routes: parsed.routes,
    tls: certificates === undefined ? null : { certificates },
    forwarded: parsed.forwarded,
    requestId: parsed.requestId,
    underscoresInHeaders: parsed.underscoresInHeaders,
    maxRequestHeadBytes: parsed.maxRequestHead,
    rateLimits: buildRateLimits(parsed.rateLimit, rateOwnerOfListener(parsed.name)),
  };
}

function buildCluster(parsed: ParsedCluster, files: ConfigFiles, resolutions: Resolutions): ClusterConfig {
  const { tls, pool } = parsed;
  const identity =
    tls?.cert !== undefined && tls.key !== undefined ? required(files.certificate(tls.cert, tls.key)) : undefined;
  return {
    policy: parsed.balancer.policy,
    endpoints: parsed.endpoints.flatMap((entry) => {
      const { address, weight } = 'kind' in entry ? { address: entry, weight: 1 } : entry;
      return expandEndpoint(address, weight, resolutions);
    }),
    connectTimeoutMs: parsed.connectTimeout,
    pool: {
      idleTimeoutMs: pool.idleTimeout,
      maxConnections: pool.maxConnections,
      maxPending: pool.maxPending,
      maxRequestsPerConnection: pool.maxRequestsPerConnection,
    },
    tls:
      tls === undefined
        ? null
        : {
            serverName: tls.serverName ?? null,
            ca: tls.ca === undefined ? null : required(files.content(tls.ca)).toString('utf8'),
            cert: identity?.cert ?? null,
            key: identity?.key ?? null,
            insecureSkipVerify: tls.insecureSkipVerify,
          },
  };
}

/** What an earlier step has made certain. */
export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('configuration was built before it was checked');
  return value;
}
