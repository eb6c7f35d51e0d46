/** The histograms of the running proxy, as the admin endpoint shows them. */
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

interface Shown {
  count: number;
  mean: number;
  p50: number;
  p9999: number;
  max: number;
  seconds?: number;
}
type Histograms = Record<string, Record<'total' | 'last1m' | 'last10s', Shown> | undefined>;
interface Cluster {
  histograms: Histograms;
  endpoints: { address: string; histograms: Histograms }[];
}
interface Route {
  table: string;
  route: string;
  stats: Record<string, number>;
  histograms: Histograms;
}

const clusterOf = async (proxy: Millrace): Promise<Cluster> => (JSON.parse((await proxy.admin('/clusters')).text) as { clusters: [Cluster] }).clusters[0];
const routesOf = async (proxy: Millrace): Promise<Route[]> => (JSON.parse((await proxy.admin('/routes')).text) as { routes: Route[] }).routes;
const total = (histograms: Histograms | undefined, phase: string): Shown => histograms?.[phase]?.total ?? { count: 0, mean: 0, p50: 0, p9999: 0, max: 0 };

const DELAY_MS = 30;
/** Node's timers may fire a millisecond early, and a quantile may be 1/64 low. */
const AT_LEAST_MS = DELAY_MS * (1 - 1 / 64) - 1;
const late = (answer: Answer): Answer => (message, connection) => void setTimeout(() => answer(message, connection), DELAY_MS);

describe('quantiles', () => {
  it('cover the total, the last minute and the last ten seconds', async () => {
    const origin = await Origin.start({ answer: late((_request, connection) => connection.send(ok())) });
    const proxy = await Millrace.start({ ...proxyTo([origin.address]), workers: 2 });
    await Promise.all(Array.from({ length: 20 }, () => request(proxy.port(), '/')));
    const duration = (await clusterOf(proxy)).histograms.duration;
    for (const window of ['total', 'last1m', 'last10s'] as const) {
      const shown = duration?.[window];
      expect(shown?.count).toBe(20);
      expect(shown?.p50).toBeGreaterThanOrEqual(AT_LEAST_MS);
      expect(shown?.p9999).toBe(shown?.max); // the largest of twenty
      expect(shown?.max).toBeGreaterThanOrEqual(shown?.p50 ?? Infinity);
    }
    // The proxy is younger than the windows.
    expect(duration?.last10s.seconds).toBeGreaterThanOrEqual(DELAY_MS / 1000);
    expect(duration?.last10s.seconds).toBeLessThan(60);
    expect(duration?.total).not.toHaveProperty('seconds');
  });
});

describe('the phases of a request', () => {
  it('are told apart, for the cluster and for the endpoint', async () => {
    const origin = await Origin.start({
      answer: late((_request, connection) => {
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no');
        setTimeout(() => connection.send('k'), DELAY_MS);
      }),
    });
    const idle = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address, { address: idle.address, weight: 0 }]));
    for (let i = 0; i < 4; i++) expect((await request(proxy.port(), '/')).text).toBe('ok');
    const { histograms, endpoints } = await clusterOf(proxy);
    expect(endpoints[1]?.histograms).toEqual({});
    for (const of of [histograms, endpoints[0]?.histograms]) {
      expect(total(of, 'connect').count).toBe(origin.connections);
      expect(total(of, 'connect').max).toBeLessThan(DELAY_MS);
      expect(total(of, 'firstByte').count).toBe(4);
      expect(total(of, 'firstByte').p50).toBeGreaterThanOrEqual(AT_LEAST_MS);
      expect(total(of, 'upstream').count).toBe(4);
      expect(total(of, 'upstream').p50).toBeGreaterThanOrEqual(2 * AT_LEAST_MS);
      expect(total(of, 'upstream').mean).toBeGreaterThanOrEqual(total(of, 'firstByte').mean + AT_LEAST_MS);
    }
    expect(total(histograms, 'duration').mean).toBeGreaterThanOrEqual(total(histograms, 'upstream').mean);
    expect(histograms.queue).toBeUndefined(); // nobody waited
  });

  it('hold the wait for a connection, of those that waited', async () => {
    const origin = await Origin.start({ answer: late((_request, connection) => connection.send(ok())) });
    const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { pool: { maxConnections: 1 } } }));
    await Promise.all(Array.from({ length: 3 }, () => request(proxy.port(), '/')));
    const queue = total((await clusterOf(proxy)).histograms, 'queue');
    // One was let through at once, one waited for one answer, one for two.
    expect(queue.count).toBeGreaterThanOrEqual(2);
    expect(queue.max).toBeGreaterThanOrEqual(2 * AT_LEAST_MS);
  });

  it('that did not come about are not recorded', async () => {
    const origin = await Origin.start({ answer: (_request, connection) => connection.end('HTTP/1.1 200') });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    expect((await request(proxy.port(), '/')).status).toBe(502);
    const { histograms } = await clusterOf(proxy);
    expect(total(histograms, 'duration').count).toBe(1);
    expect(total(histograms, 'connect').count).toBe(origin.connections);
    expect(histograms.firstByte).toBeUndefined();
    expect(histograms.upstream).toBeUndefined();
  });
});

describe('routes', () => {
  const config = (address: string, extra: object[] = []): Parameters<typeof Millrace.start>[0] => ({
    workers: 2,
    routes: {
      main: [{
        hosts: ['*'],
        routes: [
          ...extra,
          { name: 'fixed', match: { path: '/fixed' }, respond: { status: 200, body: 'seven b' } },
          { name: 'unused', match: { path: '/unused' }, cluster: 'up' },
          { name: 'rest', match: { pathPrefix: '/' }, cluster: 'up' },
        ],
      }],
    },
    clusters: { up: { endpoints: [address] } },
  });

  it('have counters, durations and sizes of bodies once they took a request', async () => {
    const answer = 'x'.repeat(5678);
    const origin = await Origin.start({ answer: (_request, connection) => connection.send(ok(answer)) });
    const proxy = await Millrace.start(config(origin.address));
    expect(await routesOf(proxy)).toEqual([]);
    for (let i = 0; i < 3; i++) await request(proxy.port(), '/a', { method: 'POST', body: 'y'.repeat(1234) });
    await request(proxy.port(), '/a');
    await request(proxy.port(), '/fixed');
    const routes = await eventually(async () => {
      const found = await routesOf(proxy);
      return found.length === 2 && found;
    });
    expect(routes).toMatchObject([
      { table: 'main', route: 'fixed', stats: { requests: 1, responses2xx: 1 }, histograms: { responseBytes: { unit: 'bytes', total: { count: 1, max: 7 } } } },
      {
        table: 'main', route: 'rest', stats: { requests: 4, responses2xx: 4, responses5xx: 0 },
        histograms: {
          duration: { unit: 'ms', total: { count: 4 } },
          requestBytes: { total: { count: 4, max: 1234, mean: (3 * 1234) / 4 }, last10s: { count: 4, max: 1234 } },
          responseBytes: { total: { count: 4, max: 5678, mean: 5678 } },
        },
      },
    ]);
    expect(await proxy.metric('millrace_route_requests_total', { route: 'rest' })).toBe(4);
    expect(await proxy.metric('millrace_route_response_body_bytes_sum', { route: 'rest' })).toBe(4 * 5678);
    expect(await proxy.metric('millrace_route_request_body_bytes_bucket', { route: 'rest', le: '0' })).toBe(1);
  });

  it('keep their numbers when a reload puts them elsewhere', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(config(origin.address));
    for (let i = 0; i < 3; i++) await request(proxy.port(), '/a');
    await request(proxy.port(), '/fixed');
    await proxy.reload(config(origin.address, [{ name: 'new', match: { path: '/new' }, respond: { status: 204 } }]) as never);
    expect((await routesOf(proxy)).map(({ route, stats }) => [route, stats.requests])).toEqual([['fixed', 1], ['rest', 3]]);
    await request(proxy.port(), '/new');
    await request(proxy.port(), '/a');
    expect((await routesOf(proxy)).map(({ route, stats }) => [route, stats.requests])).toEqual([['new', 1], ['fixed', 1], ['rest', 4]]);
  });
});
