/** What each path of the admin endpoint answers. */
import { dumpImage } from '../config/dump.ts';
import type { ControlView, RunningConfig } from '../control/view.ts';
import { CONTENT_TYPES } from './exposition.ts';
import { quantiles } from './histograms.ts';
import { metricsText } from './metrics.ts';

export interface AdminRequest {
  /** Of the request target. */
  query: URLSearchParams;
  accept: string;
}

export interface AdminAnswer {
  status: number;
  type: string;
  body: string;
}

interface Page {
  summary: string;
  answer: (view: ControlView, request: AdminRequest) => AdminAnswer;
}

export const PAGES: Readonly<Record<string, Page>> = {
  '/': { summary: 'this list', answer: () => text(200, indexText()) },
  '/ready': { summary: '200 when traffic should be sent here, else 503 with the reason', answer: ready },
  '/live': { summary: '200 while the process lives', answer: () => text(200, 'live\n') },
  '/metrics': { summary: 'Prometheus metrics (OpenMetrics when asked for by Accept)', answer: metrics },
  '/clusters': { summary: 'clusters and endpoints with their counters, JSON', answer: clusters },
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

function metrics(view: ControlView, { accept }: AdminRequest): AdminAnswer {
  const format = accept.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
  return { status: 200, type: CONTENT_TYPES[format], body: metricsText(view, format) };
}

function clusters({ running, stats }: ControlView): AdminAnswer {
  if (running === null) return text(503, 'no configuration is in service yet\n');
  let endpointIndex = 0;
  const rows = Object.entries(running.config.clusters).map(([name, cluster], index) => {
    const latency = stats.clusterHistogram(running.version, index, 'duration');
    return {
      name,
      policy: cluster.policy,
      tls: cluster.tls !== null,
      endpoints: cluster.endpoints.map((endpoint) => ({ address: endpoint.name, weight: endpoint.weight, ...stats.endpoint(running.version, endpointIndex++) })),
      stats: stats.cluster(running.version, index),
      latencyMs: latency === null ? null : quantiles(latency, 1000),
    };
  });
  return json(200, { version: running.version, clusters: rows });
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
