/** Two answers of GET /stats, made into the rows that are shown: rates from counters. */
import type { StatsAnswer } from './top-client.ts';

type Latency = StatsAnswer['listeners'][number]['latencyMs'];
type Responses = StatsAnswer['listeners'][number]['responses'];
type Endpoint = NonNullable<StatsAnswer['clusters'][number]['endpoints']>[number];

/** Milliseconds over the last 10 s; null: no requests. */
export interface Quantiles {
  p50: number | null;
  p90: number | null;
  p99: number | null;
  p999: number | null;
}

interface Traffic extends Quantiles {
  name: string;
  /** Rates are per second; null: it was not there at the time before. */
  requests: number | null;
  clientErrors: number | null;
  /** 5xx, or no answer. */
  failed: number | null;
}

export interface ListenerRow extends Traffic {
  active: number;
  connections: number;
  bytesReceived: number | null;
  bytesSent: number | null;
}

export interface RouteRow extends Traffic {
  table: string;
  retries: number | null;
  total: number;
}

export interface ClusterRow extends Traffic {
  policy: string;
  active: number;
  pending: number;
  retries: number | null;
  available: number;
  endpoints: number;
  breaker: string | null;
}

export interface EndpointRow extends Quantiles {
  cluster: string;
  address: string;
  state: 'available' | 'draining' | 'unavailable';
  reasons: string[];
  since: string | null;
  until: string | null;
  weight: number;
  active: number;
  requests: number | null;
  /** Attempts that got no answer. */
  failures: number | null;
}

export interface Shown {
  at: string;
  version: number;
  uptimeMs: number;
  totals: Quantiles & {
    requests: number | null;
    failed: number | null;
    /** From 0 to 1. */
    failedShare: number | null;
    active: number;
    connections: number;
    bytesReceived: number | null;
    bytesSent: number | null;
    cpus: number | null;
    rssBytes: number;
    workers: number;
    workersRunning: number;
  };
  flags: { flag: string; perSecond: number | null; total: number }[];
  listeners: ListenerRow[];
  routes: RouteRow[];
  clusters: ClusterRow[];
  endpoints: EndpointRow[];
}

/** `before`: null for the first answer, or one of another process. */
export function shownOf(now: StatsAnswer, earlier: StatsAnswer | null): Shown {
  const seconds = earlier === null ? 0 : (Date.parse(now.at) - Date.parse(earlier.at)) / 1000;
  const before = earlier === null || seconds <= 0 || now.uptimeMs < earlier.uptimeMs ? null : earlier;
  const perSecond: PerSecond = (value, old) => (before === null || old === undefined || value < old ? null : (value - old) / seconds);

  const oldListeners = new Map(before?.listeners.map((row) => [row.name, row]));
  const listeners = now.listeners.map((row): ListenerRow => {
    const old = oldListeners.get(row.name);
    return {
      ...traffic(row.name, row, old, perSecond),
      active: row.active,
      connections: row.connections,
      bytesReceived: perSecond(row.bytesReceived, old?.bytesReceived),
      bytesSent: perSecond(row.bytesSent, old?.bytesSent),
    };
  });
  const routeKey = ({ table, host, name }: { table: string; host: string; name: string }): string => `${table}\n${host}\n${name}`;
  const oldRoutes = new Map(before?.routes?.map((row) => [routeKey(row), row]));
  const routes = (now.routes ?? []).map((row): RouteRow => {
    const old = oldRoutes.get(routeKey(row));
    return { ...traffic(row.name, row, old, perSecond), table: row.table, retries: perSecond(row.retries, old?.retries), total: row.requests };
  });
  const oldClusters = new Map(before?.clusters.map((row) => [row.name, row]));
  const clusters = now.clusters.map((row): ClusterRow => {
    const old = oldClusters.get(row.name);
    const endpoints = row.endpoints ?? [];
    return {
      ...traffic(row.name, row, old, perSecond),
      policy: row.policy,
      active: row.active,
      pending: row.pending,
      retries: perSecond(row.retries, old?.retries),
      available: endpoints.filter(({ health, drain }) => health.state === 'available' && !drain).length,
      endpoints: endpoints.length,
      breaker: row.breaker,
    };
  });
  const endpoints = now.clusters.flatMap((cluster) => {
    const old = new Map(oldClusters.get(cluster.name)?.endpoints?.map((row) => [row.address, row]));
    return (cluster.endpoints ?? []).map((row) => endpointRow(cluster.name, row, old.get(row.address), perSecond));
  });
  const requests = sum(listeners.map((row) => row.requests));
  const failed = sum(listeners.map((row) => row.failed));
  return {
    at: now.at,
    version: now.version,
    uptimeMs: now.uptimeMs,
    totals: {
      requests,
      failed,
      failedShare: requests === null || failed === null || requests === 0 ? null : failed / requests,
      // No quantile of all together is above the highest of theirs.
      p50: highest(listeners, 'p50'),
      p90: highest(listeners, 'p90'),
      p99: highest(listeners, 'p99'),
      p999: highest(listeners, 'p999'),
      active: now.listeners.reduce((all, { active }) => all + active, 0),
      connections: now.process.connections,
      bytesReceived: perSecond(now.process.bytesReceived, before?.process.bytesReceived),
      bytesSent: perSecond(now.process.bytesSent, before?.process.bytesSent),
      cpus: perSecond(now.process.cpuSeconds, before?.process.cpuSeconds),
      rssBytes: now.process.rssBytes,
      workers: now.workers.length,
      workersRunning: now.workers.filter(({ state }) => state === 'running').length,
    },
    flags: Object.entries(now.process.flags)
      .map(([flag, total]) => ({ flag, total, perSecond: perSecond(total, before?.process.flags[flag] ?? 0) }))
      .sort((a, b) => b.total - a.total),
    listeners,
    routes,
    clusters,
    endpoints,
  };
}

type PerSecond = (value: number, old: number | undefined) => number | null;
interface Counted {
  requests: number;
  responses: Responses;
  latencyMs?: Latency;
}

function traffic(name: string, now: Counted, old: Counted | undefined, perSecond: PerSecond): Traffic {
  const failures = ({ responses }: Counted): number => responses['5xx'] + responses.none;
  return {
    name,
    requests: perSecond(now.requests, old?.requests),
    clientErrors: perSecond(now.responses['4xx'], old?.responses['4xx']),
    failed: perSecond(failures(now), old === undefined ? undefined : failures(old)),
    ...quantiles(now.latencyMs),
  };
}

function endpointRow(cluster: string, now: Endpoint, old: Endpoint | undefined, perSecond: PerSecond): EndpointRow {
  const { address, health, weight, drain, active } = now;
  // That somebody drains it is not what is wrong with it.
  const reasons = health.reasons.filter((reason: string) => reason !== 'drained');
  return {
    cluster,
    address,
    state: health.state === 'unavailable' && (reasons.length > 0 || !drain) ? 'unavailable' : drain || weight === 0 ? 'draining' : 'available',
    reasons,
    since: health.since,
    until: health.until,
    weight,
    active,
    requests: perSecond(now.requests, old?.requests),
    failures: perSecond(now.failures, old?.failures),
    ...quantiles(now.latencyMs),
  };
}

function quantiles(latency: Latency): Quantiles {
  const window = latency?.['10s'] ?? null;
  return { p50: window?.p50 ?? null, p90: window?.p90 ?? null, p99: window?.p99 ?? null, p999: window?.p999 ?? null };
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}

function highest(rows: readonly Quantiles[], name: keyof Quantiles): number | null {
  const known = rows.map((row) => row[name]).filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
