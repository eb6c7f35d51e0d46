import { describe, expect, it } from 'vitest';
import { statsSchema } from '../../../src/admin/operations/stats.ts';
import { stats } from '../../../src/admin/stats.ts';
import { ENDPOINT_STATS, HEALTH, LISTENER_STATS, PROCESS_STATS } from '../../../src/binding/abi.ts';
import type { Engine } from '../../../src/control/engine.ts';
import { Stats } from '../../../src/control/stats.ts';
import type { ControlView } from '../../../src/control/view.ts';
import { CONFIG, adminServer, ask, countingEngine, runningConfig, view } from './support.ts';

const ALL = { routes: true, endpoints: true, histograms: true };
const clock = { wallMs: () => 0, monotonicMs: () => 0 };
const shownBy = async (of: ControlView, options = ALL): Promise<ReturnType<typeof statsSchema.parse>> => statsSchema.parse(JSON.parse((await stats(of, options))?.text ?? ''));

describe('GET /stats', () => {
  it('tells of every listener, used route, cluster and endpoint, each with its own numbers', async () => {
    const shown = await shownBy(await view());
    const listener = (name: (typeof LISTENER_STATS)[number]): number => 8000 + LISTENER_STATS.indexOf(name);
    expect(shown.listeners).toMatchObject([{
      name: 'web', requests: listener('requests'), active: listener('active'), connections: listener('connections'), bytesSent: listener('bytesSent'),
      responses: { '1xx': listener('responses1xx'), '5xx': listener('responses5xx'), none: listener('responsesNone') },
    }]);
    expect(shown.routes).toMatchObject([{ name: 't/0/1', table: 't', host: 't/0', requests: 3100 }]);
    expect(shown.clusters.map(({ name, requests }) => [name, requests])).toEqual([['a', 0], ['b', 100]]);
    expect(shown.clusters.map(({ endpoints }) => endpoints?.map(({ address, requests, weight }) => [address, requests, weight]))).toEqual([
      [['127.0.0.1:9001', 1000, 1]], [['127.0.0.1:9002', 1010, 1], ['127.0.0.1:9003', 1020, 0]],
    ]);
    const flag = PROCESS_STATS.indexOf('flag:UF');
    expect(shown.process.flags.UF).toBe(5000 + flag);
    expect(shown.process.flags).not.toHaveProperty('none');
    expect(shown.workers).toEqual([{ id: 0, state: 'running', restarts: 2 }, { id: 1, state: 'starting', restarts: 3 }]);
  });

  it('has quantiles in milliseconds, and null where nothing was recorded', async () => {
    const { clusters, listeners, routes } = await shownBy(await view());
    expect(clusters[1]?.latencyMs).toEqual({
      '10s': { count: 4, perSecond: 0.4, seconds: 10, p50: 1, p90: 2, p99: 2, p999: 2, max: 3, mean: 1.5 },
      '1m': expect.objectContaining({ count: 4, perSecond: 0.067, seconds: 60 }) as object,
      total: expect.objectContaining({ count: 4, p99: 2 }) as object,
    });
    expect(clusters[0]?.latencyMs?.['10s']).toBeNull();
    expect(clusters[0]?.latencyMs?.['1m']?.count).toBe(3);
    expect(listeners[0]?.latencyMs?.['1m']?.count).toBe(9);
    expect(routes?.[0]?.latencyMs?.['1m']?.count).toBe(8);
    expect(clusters[1]?.endpoints?.[1]?.latencyMs?.['1m']?.count).toBe(7);
  });

  it('says why an endpoint is out of service, and how the breaker of a cluster stands', async () => {
    const engine = { ...countingEngine, endpointStats: (version: number, index: number, out: Float64Array) => countingEngine.endpointStats(version, index, out) && (out[ENDPOINT_STATS.indexOf('health')] = [0, HEALTH.ejected | HEALTH.unhealthy, HEALTH.halfOpen][index] ?? 0) >= 0 } as Engine;
    const text = CONFIG.replace(/clusters:[^]*$/, 'clusters:\n  a: { endpoints: [127.0.0.1:9001], circuitBreaker: {} }\n  b: { endpoints: [127.0.0.1:9002, 127.0.0.1:9003], circuitBreaker: { scope: endpoint } }\n');
    const { clusters } = await shownBy(await view({
      stats: new Stats({ ...engine, clusterStats: (_version, index, out) => out.fill(index === 0 ? 2 : 1).length > 0 } as Engine, clock),
      running: await runningConfig(text),
      failover: { historyOf: (_cluster, endpoint) => (endpoint === '127.0.0.1:9002' ? [{ atMs: 1_700_000_000_000, kind: 'ejected', reason: 'consecutive5xx', text: 'ejected', untilMs: 1_700_000_030_000 }] : []) },
    }));
    expect(clusters.map(({ breaker }) => breaker)).toEqual(['halfOpen', null]);
    expect(clusters.flatMap(({ endpoints = [] }) => endpoints.map(({ health }) => health))).toEqual([
      { state: 'available', reasons: [], since: null, until: null },
      { state: 'unavailable', reasons: ['unhealthy', 'ejected'], since: '2023-11-14T22:13:20.000Z', until: '2023-11-14T22:13:50.000Z' },
      { state: 'available', reasons: ['halfOpen'], since: null, until: null },
    ]);
  });

  it('leaves out what was not asked for', async () => {
    const shown = await shownBy(await view(), { routes: false, endpoints: false, histograms: false });
    expect(shown).not.toHaveProperty('routes');
    expect(shown.clusters[1]).not.toHaveProperty('endpoints');
    for (const row of [...shown.listeners, ...shown.clusters]) expect(row).not.toHaveProperty('latencyMs');
    const server = await adminServer(await view());
    const asked = JSON.parse((await ask(server, '/stats?routes=0&endpoints=0&histograms=0')).body) as object;
    expect(Object.keys(asked)).toEqual(Object.keys(shown));
    expect((await ask(server, '/stats?routes=2')).status).toBe(400);
  });

  it('begins anew when another configuration comes into service meanwhile, and does not go on for ever', async () => {
    const first = await view();
    const running = await runningConfig();
    let reads = 0;
    const moving = (changes: number): ControlView => ({
      ...first,
      get running() {
        // The engine only knows version 1: until it is that one, there are no rows.
        return { ...running, version: ++reads > changes ? 1 : 1000 + reads };
      },
    });
    expect((await shownBy(moving(2))).clusters).toHaveLength(2);
    reads = 0;
    expect((await shownBy(moving(Infinity))).clusters).toEqual([]);
  });

  it('waits for the first configuration', async () => {
    const server = await adminServer(await view({ running: null }));
    expect((await ask(server, '/stats')).status).toBe(503);
  });
});
