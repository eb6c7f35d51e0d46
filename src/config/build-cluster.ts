import { buildBalancer } from './build-balancer.ts';
import { buildBreaker, buildFallback, buildOutlierDetection, buildRetryBudget } from './build-failover.ts';
import { buildHealthCheck } from './build-health.ts';
import { expandEndpoint, type Resolutions } from './endpoints.ts';
import { required, type ConfigFiles } from './files.ts';
import type { ParsedCluster } from './schema-cluster.ts';
import type { ClusterConfig, EndpointConfig } from './types.ts';

/** `zone`: that of the proxy. */
export function buildCluster(
  parsed: ParsedCluster,
  files: ConfigFiles,
  resolutions: Resolutions,
  zone: string | null,
): ClusterConfig {
  const { tls, pool, queue, subsets } = parsed;
  const identity =
    tls?.cert !== undefined && tls.key !== undefined ? required(files.certificate(tls.cert, tls.key)) : undefined;
  return {
    balancer: buildBalancer(parsed.balancer, zone),
    endpoints: parsed.endpoints.flatMap((entry) => buildEndpoints(entry, parsed.maxRequests, resolutions)),
    subsets: {
      selectors: subsets?.keys ?? [],
      fallback: subsets?.fallback ?? 'none',
      default: subsets?.default ?? null,
    },
    connectTimeoutMs: parsed.connectTimeout,
    queue: { max: queue.max, timeoutMs: queue.timeout },
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
            handshakeTimeoutMs: tls.handshakeTimeout,
          },
    healthCheck: buildHealthCheck(parsed.healthCheck),
    outlierDetection: buildOutlierDetection(parsed.outlierDetection),
    circuitBreaker: buildBreaker(parsed.circuitBreaker),
    fallback: buildFallback(parsed.fallback, files),
    limits: parsed.limits,
    retryBudget: buildRetryBudget(parsed.retryBudget),
  };
}

/** Of an endpoint that is written as an address alone. */
const PLAIN_ENDPOINT = { weight: 1, drain: false, priority: 0, backup: false, zone: null, metadata: {} };

function buildEndpoints(
  entry: ParsedCluster['endpoints'][number],
  maxRequests: number,
  resolutions: Resolutions,
): EndpointConfig[] {
  if ('kind' in entry)
    return expandEndpoint(entry, { ...PLAIN_ENDPOINT, maxRequests }, resolutions);
  const { address, weight, drain, priority, backup, zone = null, metadata } = entry;
  const settings = { weight, drain, priority, backup, zone, maxRequests: entry.maxRequests ?? maxRequests, metadata };
  return expandEndpoint(address, settings, resolutions);
}
