/** Clusters and their endpoints, as they are now. */
import * as z from 'zod';
import { CLUSTER_HISTOGRAMS, CLUSTER_STATS, ENDPOINT_HISTOGRAMS, ENDPOINT_STATS } from '../../binding/abi.ts';
import { formatPath } from '../../config/source.ts';
import { json, versionHeaders, type AdminAnswer } from '../answer.ts';
import { clusterBreaker, endpointHealth } from '../endpoint-health.ts';
import { quantiles } from '../../telemetry/histograms.ts';
import { operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';
import { SHOWN, summarizeAll } from '../summaries.ts';
import type { ControlView } from '../../control/view.ts';
import { NO_CONFIG, noConfig } from './no-config.ts';
import { breakerSchema, countersSchema, healthSchema, histogramsSchema, quantilesSchema } from './shown-schemas.ts';

const endpoint = z.looseObject({
  address: z.string(),
  weight: z.int(),
  drain: z.boolean(),
  priority: z.int(),
  backup: z.boolean(),
  zone: z.string().nullable(),
  maxRequests: z.int(),
  metadata: z.record(z.string(), z.string()),
  health: healthSchema,
  ...countersSchema(ENDPOINT_STATS.filter((name) => name !== 'health')).partial().shape,
  histograms: histogramsSchema(ENDPOINT_HISTOGRAMS),
});

const clustersSchema = z.object({
  version: z.int(),
  clusters: z.array(z.looseObject({
    name: z.string(),
    policy: z.string(),
    tls: z.boolean(),
    endpoints: z.array(endpoint),
    overrides: z.array(z.object({ path: z.string(), value: z.unknown().optional(), was: z.unknown().optional() })).describe('values that are not those of the file, in the words of the file'),
    breaker: breakerSchema.nullable().describe('of the whole cluster'),
    stats: countersSchema(CLUSTER_STATS).nullable(),
    latencyMs: quantilesSchema.nullable(),
    histograms: histogramsSchema(CLUSTER_HISTOGRAMS),
  })),
});

export const CLUSTERS = [
  operation({
    method: 'GET',
    path: '/clusters',
    summary: 'clusters and endpoints with their counters, their health and why, JSON',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'all clusters, in the order of the configuration', schema: clustersSchema }, NO_CONFIG],
    handle: ({ view }) => clusters(view),
  }),
];

function clusters({ running, stats, health: checks, failover, tuning }: ControlView): AdminAnswer {
  if (running === null) return noConfig();
  let endpointIndex = 0;
  const tuned = tuning.overrides.map(({ path, value, was }) => ({ path, value, was }));
  const rows = Object.entries(running.config.clusters).map(([name, cluster], index) => {
    const { version } = running;
    const latency = stats.clusterHistogram(version, index, 'duration');
    const counters = stats.cluster(version, index);
    const { circuitBreaker: breaker } = cluster;
    const place = formatPath(['clusters', name]);
    return {
      name,
      policy: cluster.balancer.policy,
      tls: cluster.tls !== null,
      endpoints: cluster.endpoints.map((endpoint) => {
        const at = endpointIndex++;
        const { health = 0, ...counted } = stats.endpoint(version, at) ?? {};
        return {
          address: endpoint.name,
          weight: endpoint.weight,
          drain: endpoint.drain,
          priority: endpoint.priority,
          backup: endpoint.backup,
          zone: endpoint.zone,
          maxRequests: endpoint.maxRequests,
          metadata: endpoint.metadata,
          health: endpointHealth(health, checks.endpoint(at), failover.historyOf(name, endpoint.name)),
          ...counted,
          histograms: summarizeAll(ENDPOINT_HISTOGRAMS, () => 'ms', (phase, windowMs) => stats.endpointHistogram(version, at, phase, windowMs)),
        };
      }),
      /** Values that are not those of the file. */
      overrides: tuned.filter(({ path }) => path.startsWith(`${place}.`) || path.startsWith(`${place}[`)),
      breaker: breaker === null || breaker.scope === 'endpoint' ? null : clusterBreaker(counters?.breakerState ?? 0, failover.historyOf(name, null)),
      stats: counters,
      latencyMs: latency === null ? null : quantiles(latency, SHOWN.ms),
      histograms: summarizeAll(CLUSTER_HISTOGRAMS, () => 'ms', (phase, windowMs) => stats.clusterHistogram(version, index, phase, windowMs)),
    };
  });
  return json(200, { version: running.version, clusters: rows }, versionHeaders(running.version));
}
