import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { lowerBound } from '../../../src/telemetry/histograms.ts';
import { AdminServer, type AdminServerOptions } from '../../../src/admin/server.ts';
import { CLUSTER_STATS, ENDPOINT_STATS, HISTOGRAM_BUCKETS, HISTOGRAM_MAX_BITS, DIGEST_FIELDS, DIGEST_WINDOWS_MS, LISTENER_STATS, PROCESS_STATS, ROUTE_STATS } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { AdminTokenConfig } from '../../../src/config/types.ts';
import type { Engine } from '../../../src/control/engine.ts';
import { Stats } from '../../../src/control/stats.ts';
import { Tuning } from '../../../src/control/tuning/tuning.ts';
import type { HistogramData } from '../../../src/telemetry/histograms.ts';
import { LogLevels } from '../../../src/control/log-levels.ts';
import type { ControlView, RunningConfig } from '../../../src/control/view.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { workDirectory } from '../control/support.ts';

export const CONFIG = `
listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ match: { path: /hi }, respond: { status: 200, body: "hello" } }, { cluster: b }] }] }
clusters:
  a: { endpoints: [127.0.0.1:9001] }
  b: { endpoints: [127.0.0.1:9002, { address: 127.0.0.1:9003, weight: 0 }] }
`;

/** Counters that tell where they come from: cluster i, field j = 100 i + j. */
export const countingEngine: Pick<
  Engine, 'listenerStats' | 'listenerHistogram' | 'listenerDigest' | 'clusterDigest' | 'endpointDigest' | 'routeDigest' | 'clusterStats' | 'endpointStats' | 'routeStats' | 'processStats' | 'clusterHistogram' | 'endpointHistogram' | 'routeHistogram' | 'usedRoutes'
> = {
  clusterStats: (version, index, out) => version === 1 && fill(out, CLUSTER_STATS.length, 100 * index),
  endpointStats: (version, index, out) => version === 1 && fill(out, ENDPOINT_STATS.length, 1000 + 10 * index),
  processStats: (out) => void fill(out, PROCESS_STATS.length, 5000),
  listenerStats: (version, index, out) => version === 1 && fill(out, LISTENER_STATS.length, 8000 + 100 * index),
  listenerHistogram: histogramOf(9),
  listenerDigest: digestOf(9),
  clusterDigest: digestOf(3),
  endpointDigest: digestOf(5),
  routeDigest: digestOf(7),
  routeStats: (version, index, out) => version === 1 && fill(out, ROUTE_STATS.length, 3000 + 100 * index),
  usedRoutes: (version) => Uint32Array.from(version === 1 ? [1] : []),
  clusterHistogram: histogramOf(3),
  endpointHistogram: histogramOf(5),
  routeHistogram: histogramOf(7),
};

/** `samples` of 40 + phase (microseconds or bytes), and one of the largest value per index. */
function histogramOf(samples: number): Engine['clusterHistogram'] {
  return ({ version, index, phase, windowMs }, out) => {
    const large = 2 ** HISTOGRAM_MAX_BITS - 1;
    const value = 40 + phase;
    const pairs = [value, samples, ...(index === 0 ? [] : [HISTOGRAM_BUCKETS - 1, index])];
    out.set([samples + index, value * samples + large * index, index === 0 ? value : large, windowMs === 0 ? 0 : windowMs + 2000, pairs.length / 2, ...pairs]);
    return version === 1;
  };
}

/** `samples` + index in every window, quantiles of 1000 (p50) and 2000 us; the ten seconds are empty for the first. */
function digestOf(samples: number): Engine['clusterDigest'] {
  return ({ version, index }, out) => {
    DIGEST_WINDOWS_MS.forEach((windowMs, i) => {
      const count = windowMs === 10_000 && index === 0 ? 0 : samples + index;
      const values = { samples: count, sum: count * 1500, max: 3000, spanMs: windowMs, p50: 1000, p90: 2000, p99: 2000, p999: 2000 };
      out.set(DIGEST_FIELDS.map((field) => (count === 0 && field !== 'spanMs' ? 0 : values[field])), i * DIGEST_FIELDS.length);
    });
    return version === 1;
  };
}

/** A histogram with these samples (native buckets). */
export function histogramData(counts: Readonly<Record<number, number>>, max = Infinity): HistogramData {
  const buckets = Uint32Array.from(Object.keys(counts).map(Number));
  const values = Float64Array.from(Object.values(counts));
  return { count: values.reduce((sum, count) => sum + count, 0), sum: values.reduce((sum, count, i) => sum + count * lowerBound(buckets[i] ?? 0), 0), max, spanMs: 0, buckets, counts: values };
}

function fill(out: Float64Array, length: number, from: number): boolean {
  for (let i = 0; i < length; i++) out[i] = from + i;
  return true;
}

export async function runningConfig(text = CONFIG): Promise<RunningConfig> {
  const file = join(workDirectory(), 'millrace.yaml');
  writeFileSync(file, text);
  const result = await loadConfig(file, { resolveHost: () => Promise.resolve({ error: 'no names here' }) });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return { config: result.config, file, hash: 'abc', version: 1, image: compile(result.config).image, loadedAtMs: 1_700_000_000_000 };
}

/** Of a proxy without a configuration: whatever is asked of it is refused. */
function idleTuning(): Tuning {
  const nothing = (): Promise<never> => Promise.reject(new Error('no configuration is loaded here'));
  const clock = { wallMs: () => 0, monotonicMs: () => 0 };
  return new Tuning({ source: { file: 'millrace.yaml', read: nothing, load: nothing }, apply: nothing, rehearse: nothing, watch: nothing, isServing: () => false, stats: new Stats(countingEngine as Engine, clock), log: silentLogger(), clock });
}

export async function view(changes: Partial<ControlView> = {}): Promise<ControlView> {
  return {
    phase: 'serving',
    readiness: () => ({ ready: true, reason: 'serving' }),
    running: await runningConfig(),
    reloads: { ok: 4, failed: 1, lastReloadSuccess: false, lastReloadAtMs: 1_700_000_001_000, lastProblems: ['a.yaml:1:1: no'] },
    listeners: [{ name: 'web', host: '127.0.0.1', port: 8080, tls: false }],
    workers: [{ index: 0, state: 'running', restarts: 2, startedAtMs: 0 }, { index: 1, state: 'starting', restarts: 3, startedAtMs: 0 }],
    stats: new Stats(countingEngine as Engine, { wallMs: () => 0, monotonicMs: () => 0 }),
    failover: { historyOf: () => [] },
    health: { endpoint: () => null, counts: new Map() },
    requests: { find: () => [] },
    tracing: { exported: 0, dropped: 0, failures: 0, waiting: 0 },
    engine: { explain: () => undefined },
    accessLog: { stats: () => [], waitingBytes: () => 0, reopen: () => Promise.resolve({ failed: [] }) },
    startedAtMs: 0,
    logLevels: new LogLevels(silentLogger(), () => Promise.resolve([])),
    drain: () => true,
    shutdown: () => Promise.resolve(true),
    stopNow: () => Promise.resolve(true),
    tuning: idleTuning(),
    audit: () => undefined,
    ...changes,
  };
}

export async function adminServer(shown: ControlView, host = '127.0.0.1', options: AdminServerOptions = {}, tokens: AdminTokenConfig[] = []): Promise<AdminServer> {
  const server = await AdminServer.open({ host, port: 0, tokens }, shown, silentLogger(), options);
  onTestFinished(() => server.close());
  return server;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A request with exactly these headers beside Host, which defaults to the address asked. */
export function ask(server: AdminServer, path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: server.port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    asked.on('error', reject).end(options.body);
  });
}
