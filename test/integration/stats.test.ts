/** GET /stats of the running proxy: held against what was sent through it. */
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { statsSchema } from '../../src/admin/operations/stats.ts';
import { request } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, type ConfigInput } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const statsOf = async (proxy: Millrace, query = ''): Promise<z.output<typeof statsSchema>> => statsSchema.parse(JSON.parse((await proxy.admin(`/stats${query}`)).text));

describe('GET /stats', () => {
  it('counts what came in, where it went and how long it took', async () => {
    const held: (() => void)[] = [];
    const origin = await Origin.start({
      answer: ({ target }, connection) => {
        if (target === '/held') held.push(() => connection.send(ok('held')));
        else connection.send(ok('now'));
      },
    });
    const proxy = await Millrace.start({
      workers: 2,
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }, { name: 'inner', address: '127.0.0.1:0', routes: 'main' }],
      routes: { main: [{ name: 'all', hosts: ['*'], routes: [{ name: 'dead', match: { path: '/dead' }, cluster: 'dead' }, { name: 'rest', cluster: 'up' }] }] },
      clusters: { up: { endpoints: [{ address: origin.address, weight: 3 }] }, dead: { endpoints: [await closedAddress()] } },
    } as Partial<ConfigInput>);
    const began = performance.now();
    for (let i = 0; i < 10; i++) await request(proxy.port(), '/');
    expect((await request(proxy.port('inner'), '/dead')).status).toBe(502);
    const pending = request(proxy.port('inner'), '/held');
    await eventually(() => held.length === 1);

    const during = await statsOf(proxy);
    const named = <T extends { name: string }>(rows: readonly T[] | undefined, name: string): T => rows?.find((row) => row.name === name) ?? expect.fail(`no ${name}`);
    expect(named(during.listeners, 'web')).toMatchObject({ requests: 10, active: 0, responses: { '2xx': 10, '5xx': 0 }, latencyMs: { '10s': { count: 10 }, '1m': { count: 10 }, total: { count: 10 } } });
    expect(named(during.listeners, 'inner')).toMatchObject({ requests: 2, active: 1, responses: { '2xx': 0, '5xx': 1 } });
    expect(named(during.clusters, 'up')).toMatchObject({ requests: 11, active: 1, endpoints: [{ address: origin.address, weight: 3, active: 1, requests: 11, responses: 10, failures: 0 }] });
    expect(named(during.clusters, 'dead').endpoints?.[0]?.failures).toBeGreaterThanOrEqual(1);
    expect(during.process).toMatchObject({ requests: 12, flags: { UF: 1 } });
    expect(during.workers).toMatchObject([{ id: 0, state: 'running' }, { id: 1, state: 'running' }]);

    // The connections of the requests before have ended by now, or do so.
    await eventually(async () => {
      const { listeners, process: { connections } } = await statsOf(proxy);
      return connections === 1 && named(listeners, 'inner').connections === 1 && named(listeners, 'web').connections === 0;
    });
    held[0]?.();
    expect((await pending).text).toBe('held');
    const waitedMs = performance.now() - began;
    const after = await statsOf(proxy);
    expect(named(after.routes, 'rest')).toMatchObject({ table: 'main', host: 'all', requests: 11, responses: { '2xx': 11 } });
    const latency = named(after.listeners, 'inner').latencyMs?.['10s'];
    expect(latency?.max).toBeLessThanOrEqual(waitedMs);
    expect(latency?.p50).toBeLessThanOrEqual(latency?.p99 ?? 0);
    expect(latency?.mean).toBeLessThanOrEqual(latency?.max ?? 0);
    // A window is as long as it says.
    expect((latency?.perSecond ?? 0) * (latency?.seconds ?? 0)).toBeCloseTo(2, 1);
    expect(named(after.listeners, 'inner').active).toBe(0);
    expect(Object.keys(await statsOf(proxy, '?routes=0'))).not.toContain('routes');
  });

  it('says what /clusters says of latencies', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start({ routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up' }] }] }, clusters: { up: { endpoints: [origin.address] } } } as Partial<ConfigInput>);
    for (let i = 0; i < 50; i++) await request(proxy.port(), '/');
    const { clusters } = JSON.parse((await proxy.admin('/clusters')).text) as { clusters: { histograms: { duration: { total: Record<string, number>; last1m: Record<string, number> } } }[] };
    const [cluster] = (await statsOf(proxy)).clusters;
    for (const [window, of] of [['total', 'total'], ['1m', 'last1m']] as const) {
      for (const key of ['count', 'p50', 'p90', 'p99', 'p999', 'max'] as const) expect(cluster?.latencyMs?.[window]?.[key], `${window} ${key}`).toBe(clusters[0]?.histograms.duration[of][key]);
    }
  });
});
