/** What GET /stats shows: all that the dashboard and `millrace top` draw, in one answer that is cheap enough for every second. */
import { BREAKER_STATE, RESPONSE_FLAG } from '../binding/abi.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { ClusterStats, ListenerStats, RouteStats } from '../control/stats.ts';
import type { ControlView, RunningConfig } from '../control/view.ts';
import { systemClock } from '../core/clock.ts';
import { Turns } from '../core/turns.ts';
import { endpointHealth } from './endpoint-health.ts';
import { latencies } from './latency.ts';
import { routeNames } from './names.ts';

export interface StatsOptions {
  routes: boolean;
  endpoints: boolean;
  histograms: boolean;
}

/** Nothing else on the main thread waits longer for this page. */
const TURN_MS = 4;
/** The newest configuration is shown, unless they come so fast that none lasts for the time of an answer. */
const ATTEMPTS = 3;

const breakerNames = new Map<number, string>(Object.entries(BREAKER_STATE).map(([name, state]) => [state, name]));

export interface ShownStats {
  version: number;
  /** JSON, without line breaks: it is read by programs, every second. */
  text: string;
}

/** Null while no configuration is in service. Rows of a configuration that is replaced meanwhile are left out. */
export async function stats(view: ControlView, options: StatsOptions): Promise<ShownStats | null> {
  for (let attempt = 1; ; attempt++) {
    const { running } = view;
    if (running === null) return null;
    const text = await statsText(view, running, options);
    if (attempt === ATTEMPTS || view.running?.version === running.version) return { version: running.version, text };
  }
}

async function statsText(view: ControlView, running: RunningConfig, options: StatsOptions): Promise<string> {
  const turns = new Turns(systemClock, TURN_MS);
  const wallMs = systemClock.wallMs();
  const page: Page = { view, running, uptimeMs: Math.max(1, wallMs - view.startedAtMs), histograms: options.histograms };
  const head = {
    at: new Date(wallMs).toISOString(),
    version: running.version,
    uptimeMs: page.uptimeMs,
    process: processRow(view),
    workers: view.workers.map(({ index, state, restarts }) => ({ id: index, state, restarts })),
    listeners: running.config.listeners.flatMap(({ name }, index) => listenerRow(page, name, index)),
  };
  return withRows(head, { ...(options.routes ? { routes: await routeRows(page, turns) } : {}), clusters: await clusterRows(page, options.endpoints, turns) });
}

/** The text of an object with these lists of texts behind its own fields: the many rows are made into text one by one, in turns. */
function withRows(head: object, lists: Readonly<Record<string, readonly string[]>>): string {
  const texts = Object.entries(lists).map(([name, rows]) => `,"${name}":[${rows.join(',')}]`);
  return `${JSON.stringify(head).slice(0, -1)}${texts.join('')}}`;
}

interface Page {
  view: ControlView;
  running: RunningConfig;
  uptimeMs: number;
  histograms: boolean;
}

function processRow({ stats }: ControlView): Record<string, unknown> {
  const counted = stats.process();
  const { user, system } = process.cpuUsage();
  return {
    rssBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    connections: counted.downstreamConnections,
    requests: counted.downstreamRequests,
    bytesReceived: counted.downstreamBytesReceived,
    bytesSent: counted.downstreamBytesSent,
    flags: Object.fromEntries(RESPONSE_FLAG.slice(1).flatMap((flag) => (counted[`flag:${flag}`] === 0 ? [] : [[flag, counted[`flag:${flag}`]]]))),
    webSockets: counted.webSockets,
  };
}

function listenerRow({ view: { stats }, running: { version }, uptimeMs, histograms }: Page, name: string, index: number): object[] {
  const counted = stats.listener(version, index);
  if (counted === null) return [];
  return [{
    name,
    requests: counted.requests,
    active: counted.active,
    connections: counted.connections,
    responses: responses(counted),
    bytesReceived: counted.bytesReceived,
    bytesSent: counted.bytesSent,
    ...(histograms ? { latencyMs: latencies(stats.listenerDigests(version, index, 'duration'), uptimeMs) } : {}),
  }];
}

/** Those that were used: of the others there is nothing to tell. */
async function routeRows({ view: { stats }, running: { config, version }, uptimeMs, histograms }: Page, turns: Turns): Promise<string[]> {
  const rows: string[] = [];
  const names = routeNames(config);
  for (const index of stats.usedRoutes(version)) {
    const counted = stats.route(version, index);
    const name = names[index];
    if (counted === null || name === undefined) break;
    rows.push(JSON.stringify({
      name: name.route,
      table: name.table,
      host: name.virtualHost,
      requests: counted.requests,
      responses: responses(counted),
      retries: counted.retries,
      timeouts: counted.timeouts,
      rateLimited: counted.rateLimited,
      ...(histograms ? { latencyMs: latencies(stats.routeDigests(version, index, 'duration'), uptimeMs) } : {}),
    }));
    await turns.pause();
  }
  return rows;
}

async function clusterRows(page: Page, withEndpoints: boolean, turns: Turns): Promise<string[]> {
  const { view: { stats }, running: { config, version }, uptimeMs, histograms } = page;
  const rows: string[] = [];
  let firstEndpoint = 0;
  for (const [index, [name, cluster]] of Object.entries(config.clusters).entries()) {
    const counted = stats.cluster(version, index);
    if (counted === null) break;
    rows.push(withRows({
      name,
      policy: cluster.balancer.policy,
      requests: counted.requests,
      active: counted.active,
      pending: counted.pending + counted.queued,
      responses: responses(counted),
      retries: counted.retries,
      hedges: counted.hedges,
      breaker: breakerOf(cluster, counted),
      ...(histograms ? { latencyMs: latencies(stats.clusterDigests(version, index, 'duration'), uptimeMs) } : {}),
    }, withEndpoints ? { endpoints: await endpointRows(page, name, cluster, firstEndpoint, turns) } : {}));
    firstEndpoint += cluster.endpoints.length;
    await turns.pause();
  }
  return rows;
}

/** Null without a breaker of the whole cluster. */
function breakerOf({ circuitBreaker }: ClusterConfig, { breakerState }: ClusterStats): string | null {
  if (circuitBreaker === null || circuitBreaker.scope === 'endpoint') return null;
  return breakerNames.get(breakerState) ?? 'closed';
}

async function endpointRows({ view, running: { version }, uptimeMs, histograms }: Page, clusterName: string, cluster: ClusterConfig, first: number, turns: Turns): Promise<string[]> {
  const rows: string[] = [];
  for (const [place, endpoint] of cluster.endpoints.entries()) {
    const at = first + place;
    const counted = view.stats.endpoint(version, at);
    if (counted === null) break;
    rows.push(JSON.stringify({
      address: endpoint.name,
      weight: endpoint.weight,
      drain: endpoint.drain,
      priority: endpoint.priority,
      backup: endpoint.backup,
      zone: endpoint.zone,
      health: healthOf(view, counted.health, clusterName, endpoint.name, at),
      active: counted.active,
      requests: counted.requests,
      responses: counted.responses,
      failures: counted.failures,
      // An endpoint that was never used has nothing to show.
      ...(histograms && counted.requests !== 0 ? { latencyMs: latencies(view.stats.endpointDigests(version, at, 'upstream'), uptimeMs) } : {}),
    }));
    await turns.pause();
  }
  return rows;
}

/** `bits`: of HEALTH. */
function healthOf({ health, failover }: ControlView, bits: number, cluster: string, endpoint: string, at: number): object {
  const { state, reasons, since, until } = endpointHealth(bits, health.endpoint(at), failover.historyOf(cluster, endpoint));
  return { state, reasons, since, until };
}

function responses(counted: ListenerStats | RouteStats | ClusterStats): Record<string, number> {
  return {
    '1xx': counted.responses1xx,
    '2xx': counted.responses2xx,
    '3xx': counted.responses3xx,
    '4xx': counted.responses4xx,
    '5xx': counted.responses5xx,
    none: counted.responsesNone,
  };
}
