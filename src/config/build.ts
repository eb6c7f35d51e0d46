import { availableParallelism } from 'node:os';
import { LIMITS } from '../binding/abi.ts';
import { buildAdmin } from './build-admin.ts';
import { buildCluster } from './build-cluster.ts';
import { buildAccessLog } from './build-log.ts';
import { buildRateLimits } from './build-rate.ts';
import { buildVirtualHost } from './build-route.ts';
import { buildTracing } from './build-tracing.ts';
import type { Resolutions } from './endpoints.ts';
import { required, type ConfigFiles } from './files.ts';
import { rateOwnerOfListener } from './rate-names.ts';
import type { ParsedConfig, ParsedListener } from './schema.ts';
import type { Config, ListenerConfig } from './types.ts';

/** Puts together what the schema, the files and the resolver gave. All three must have been free of problems. */
export function buildConfig(
  parsed: ParsedConfig,
  files: ConfigFiles,
  resolutions: Resolutions,
  zone: string | null,
): Config {
  return {
    workers: parsed.workers ?? Math.min(availableParallelism(), LIMITS.maxWorkers),
    zone,
    drainTimeoutMs: parsed.drainTimeout,
    log: { level: parsed.log.level },
    admin: buildAdmin(parsed.admin, files),
    limits: { maxConnections: parsed.limits.maxConnections, rateLimitKeys: parsed.limits.rateLimitKeys },
    tracing: buildTracing(parsed.tracing),
    accessLog: buildAccessLog(parsed.accessLog, (path) => files.absolute(path)),
    listeners: parsed.listeners.map((listener) => buildListener(listener, parsed.limits, files)),
    routes: mapValues(parsed.routes, (hosts, table) =>
      hosts.map((host, index) => buildVirtualHost(host, table, index, files)),
    ),
    clusters: mapValues(parsed.clusters, (cluster) => buildCluster(cluster, files, resolutions, zone)),
  };
}

function mapValues<A, B>(record: Record<string, A>, convert: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, convert(value, key)]));
}

function buildListener(parsed: ParsedListener, limits: ParsedConfig['limits'], files: ConfigFiles): ListenerConfig {
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
    underscores: buildUnderscores(parsed.underscoresInHeaders),
    paths: { ...parsed.paths, escapedSlashes: parsed.paths.escapedSlashes === 'decode' ? 'slash' : parsed.paths.escapedSlashes },
    allowTrace: parsed.allowTrace,
    keepAliveAfterChunked: parsed.keepAliveAfterChunked,
    maxRequestHeadBytes: parsed.maxRequestHead ?? limits.maxRequestHead,
    maxRequestTargetBytes: limits.maxRequestTarget,
    maxRequestHeaderBytes: limits.maxRequestHeader,
    maxRequestHeaders: limits.maxRequestHeaders,
    rateLimits: buildRateLimits(parsed.rateLimit, rateOwnerOfListener(parsed.name)),
  };
}

function buildUnderscores(parsed: ParsedListener['underscoresInHeaders']): ListenerConfig['underscores'] {
  if (Array.isArray(parsed)) return { rule: 'keep', names: [...new Set(parsed)] };
  if (parsed === 'reject') return { rule: 'reject', names: [] };
  return { rule: parsed ? 'keep' : 'drop', names: [] };
}
