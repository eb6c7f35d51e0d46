/** What each path of the admin endpoint answers. */
import { CLUSTER_HISTOGRAMS, ENDPOINT_HISTOGRAMS, ROUTE_HISTOGRAMS } from '../binding/abi.ts';
import { dumpImage } from '../config/dump.ts';
import type { ControlView, RunningConfig } from '../control/view.ts';
import { clusterBreaker, endpointHealth } from './endpoint-health.ts';
import { quantiles } from './histograms.ts';
import { MOST_ROUTES, metrics } from './metrics.ts';
import { routeNames } from './names.ts';
import { METRICS_TYPES, metricsFormat } from './negotiate.ts';
import { SHOWN, summarizeAll } from './summaries.ts';

export interface AdminRequest {
  /** Of the request target. */
  query: URLSearchParams;
  accept: string;
}

export interface AdminAnswer {
  status: number;
  type: string;
  body: string | Uint8Array;
}

interface Page {
  summary: string;
  answer: (view: ControlView, request: AdminRequest) => AdminAnswer;
}

/** As many are shown unless ?limit= says otherwise. */
const ROUTES_SHOWN = 1000;

export const PAGES: Readonly<Record<string, Page>> = {
  '/': { summary: 'this list', answer: () => text(200, indexText()) },
  '/ready': { summary: '200 when traffic should be sent here, else 503 with the reason', answer: ready },
  '/live': { summary: '200 while the process lives', answer: () => text(200, 'live\n') },
  '/metrics': { summary: 'Prometheus metrics (OpenMetrics or protobuf when asked for by Accept); ?endpoints=1 adds their histograms, ?routes=0 leaves routes out, ?routes=1 takes up to 10,000', answer: showMetrics },
  '/clusters': { summary: 'clusters and endpoints with their counters, their health and why, JSON', answer: clusters },
  '/routes': { summary: 'routes that have taken a request, with their counters, JSON; ?limit= (1000)', answer: routes },
  '/config': { summary: 'the configuration in service, JSON; ?format=image for the compiled tables', answer: config },
  '/listeners': { summary: 'addresses that are listened on, JSON', answer: (view) => json(200, { listeners: view.listeners }) },
};

export function text(status: number, body: string): AdminAnswer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

function json(status: number, value: unknown): AdminAnswer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, null, 2)}\n` };
}

export function indexText(): string {
  const width = Math.max(...Object.keys(PAGES).map((path) => path.length));
  return ['Millrace admin', '', ...Object.entries(PAGES).map(([path, { summary }]) => `${path.padEnd(width)}  ${summary}`), ''].join('\n');
}

function ready(view: ControlView): AdminAnswer {
  const { ready: isReady, reason } = view.readiness();
  return isReady ? text(200, 'ready\n') : text(503, `not ready: ${reason}\n`);
}

function showMetrics(view: ControlView, { accept, query }: AdminRequest): AdminAnswer {
  const endpoints = flag(query, 'endpoints') ?? false;
  const routes = flag(query, 'routes');
  if (endpoints === 'invalid' || routes === 'invalid') return text(400, 'endpoints and routes are 0 or 1\n');
  const format = metricsFormat(accept);
  return { status: 200, type: METRICS_TYPES[format], body: metrics(view, format, { endpoints, mostRoutes: routes === undefined ? MOST_ROUTES.unasked : routes ? MOST_ROUTES.asked : 0 }) };
}

/** Undefined when it is absent. */
function flag(query: URLSearchParams, name: string): boolean | 'invalid' | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  return value === '1' ? true : value === '0' ? false : 'invalid';
}

function clusters({ running, stats, health: checks, failover }: ControlView): AdminAnswer {
  if (running === null) return text(503, 'no configuration is in service yet\n');
  let endpointIndex = 0;
  const rows = Object.entries(running.config.clusters).map(([name, cluster], index) => {
    const { version } = running;
    const latency = stats.clusterHistogram(version, index, 'duration');
    const counters = stats.cluster(version, index);
    const { circuitBreaker: breaker } = cluster;
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
      breaker: breaker === null || breaker.scope === 'endpoint' ? null : clusterBreaker(counters?.breakerState ?? 0, failover.historyOf(name, null)),
      stats: counters,
      latencyMs: latency === null ? null : quantiles(latency, SHOWN.ms),
      histograms: summarizeAll(CLUSTER_HISTOGRAMS, () => 'ms', (phase, windowMs) => stats.clusterHistogram(version, index, phase, windowMs)),
    };
  });
  return json(200, { version: running.version, clusters: rows });
}

function routes({ running, stats }: ControlView, { query }: AdminRequest): AdminAnswer {
  if (running === null) return text(503, 'no configuration is in service yet\n');
  const limit = query.get('limit') ?? String(ROUTES_SHOWN);
  if (!/^\d{1,6}$/.test(limit)) return text(400, 'limit is a number of at most six digits\n');
  const { version } = running;
  const names = routeNames(running.config);
  const used = stats.usedRoutes(version);
  const rows = Array.from(used.subarray(0, Number(limit)), (index) => ({
    ...names[index],
    stats: stats.route(version, index),
    histograms: summarizeAll(ROUTE_HISTOGRAMS, (phase) => (phase === 'duration' ? 'ms' : 'bytes'), (phase, windowMs) => stats.routeHistogram(version, index, phase, windowMs)),
  }));
  return json(200, { version, configured: names.length, used: used.length, routes: rows });
}

function config({ running, reloads }: ControlView, { query }: AdminRequest): AdminAnswer {
  if (running === null) return text(503, 'no configuration is in service yet\n');
  const format = query.get('format');
  if (format === 'image') return json(200, dumpImage(running.image));
  if (format !== null && format !== 'json') return text(400, 'format is json or image\n');
  const { file, hash, version, loadedAtMs } = running;
  return json(200, {
    file,
    hash,
    version,
    loadedAt: new Date(loadedAtMs).toISOString(),
    reloads: { ...reloads, lastReloadAtMs: undefined, lastReloadAt: reloads.lastReloadAtMs === null ? null : new Date(reloads.lastReloadAtMs).toISOString() },
    config: shownConfig(running),
  });
}

/** Private keys never leave the process; bodies are shown as text, or in base64 when they are not text. */
function shownConfig(running: RunningConfig): unknown {
  return JSON.parse(
    JSON.stringify(running.config, (name, value: unknown) => {
      if (name === 'key' && typeof value === 'string') return '<redacted>';
      return value instanceof Uint8Array ? bytesText(value) : value;
    }),
  );
}

function bytesText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return `base64:${Buffer.from(bytes).toString('base64')}`;
  }
}
