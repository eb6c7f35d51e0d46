/** The metrics of the running proxy: what Prometheus makes of them, and what asking for them costs. */
import { execFileSync } from 'node:child_process';
import { get } from 'node:http';
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, type ConfigInput } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { Prometheus, hasPrometheus } from '../support/prometheus.ts';
import { eventually } from '../support/wait.ts';

const SLOW_MS = 200;
/** Half of our bucket and one of theirs: src/telemetry/histograms.ts; timers may fire a millisecond early. */
const NATIVE_ERROR = 0.038;

/** "/slow" takes a while; two listeners, two routes, two clusters. */
async function start(): Promise<Millrace> {
  const origin = await Origin.start({
    answer: ({ target }, connection) => {
      if (target === '/a/slow') setTimeout(() => connection.send(ok()), SLOW_MS);
      else connection.send(ok());
    },
  });
  const other = await Origin.start();
  return Millrace.start({
    workers: 2,
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }, { name: 'inner', address: '127.0.0.1:0', routes: 'main' }],
    routes: { main: [{ hosts: ['*'], routes: [{ name: 'a', match: { pathPrefix: '/a' }, cluster: 'one' }, { name: 'b', match: { pathPrefix: '/b' }, cluster: 'two' }] }] },
    clusters: { one: { endpoints: [origin.address] }, two: { endpoints: [other.address] } },
  } as Partial<ConfigInput>);
}

async function timed(port: number, target: string): Promise<number> {
  const begin = performance.now();
  expect((await request(port, target)).status).toBe(200);
  return performance.now() - begin;
}

// Debian: apt-get install prometheus; .ci/run does.
describe.skipIf(!hasPrometheus())('Prometheus', () => {
  it.each([['native', ['native-histograms']], ['classic', []]] as const)('computes latencies and rates from %s histograms', async (form, features) => {
    const proxy = await start();
    // A rate is what was added since the first scrape, and a series begins with its first request.
    await timed(proxy.port(), '/a');
    await timed(proxy.port('inner'), '/b');
    const prometheus = await Prometheus.start({ port: proxy.adminPort, params: { endpoints: ['1'] } }, features);
    await prometheus.value('sum(millrace_route_requests_total)', (count) => count === 2);

    const slow = await Promise.all(Array.from({ length: 5 }, () => timed(proxy.port(), '/a/slow')));
    for (let i = 0; i < 55; i++) await timed(proxy.port(), '/a');
    for (let i = 0; i < 30; i++) await timed(proxy.port('inner'), '/b');
    await prometheus.value('sum(millrace_route_requests_total)', (count) => count === 92);

    // Five of sixty took long: so did the hundredth that takes longest.
    for (const [name, where, by] of [
      ['millrace_route_duration_seconds', 'route="a"', 'route'],
      ['millrace_listener_duration_seconds', 'listener="web"', 'listener'],
      ['millrace_request_duration_seconds', 'cluster="one"', 'cluster'],
      ['millrace_endpoint_request_duration_seconds', 'cluster="one"', 'endpoint'],
    ] as const) {
      const rate = form === 'native' ? `sum by (${by}) (rate(${name}{${where}}[1m]))` : `sum by (${by}, le) (rate(${name}_bucket{${where}}[1m]))`;
      const p99 = (await prometheus.value(`histogram_quantile(0.99, ${rate})`)) * 1000;
      const longest = Math.max(...slow);
      // A classic quantile is somewhere in the bucket of the sample.
      const bounds = [100, 250, 500, 1000, 2500, 5000, 10_000];
      const [least, most] = form === 'native' ? [(SLOW_MS - 1) * (1 - NATIVE_ERROR), longest * (1 + NATIVE_ERROR)] : [100, bounds.find((bound) => bound >= longest) ?? 0];
      expect(p99, name).toBeGreaterThanOrEqual(least);
      expect(p99, name).toBeLessThanOrEqual(most);
    }

    // Twice as many went to one as to the other, whichever way they are counted; rate() guesses at both ends of its window.
    for (const [name, by] of [
      ['millrace_route_requests_total', 'route'], ['millrace_listener_requests_total', 'listener'], ['millrace_requests_total', 'cluster'], ['millrace_endpoint_requests_total', 'cluster, endpoint'],
    ] as const) {
      const rates = (await prometheus.query(`sort_desc(sum by (${by}) (rate(${name}[1m])))`)).map(({ value }) => value);
      expect(rates, name).toHaveLength(2);
      expect((rates[0] ?? 0) / (rates[1] ?? 0), name).toBeGreaterThan(1.5);
      expect((rates[0] ?? 0) / (rates[1] ?? 0), name).toBeLessThan(2.5);
    }
    expect(await prometheus.value('sum(millrace_listener_active_requests)')).toBe(0);
    expect(await prometheus.value('sum(millrace_listener_outcomes_total{flag="none"})')).toBe(92);
  });

  it('finds nothing to complain of, whatever the names', async () => {
    const proxy = await Millrace.start({
      routes: { main: [{ hosts: ['*.a.test', '*'], routes: [{ match: { path: '/a' }, cluster: 'up.x-1_y' }, { match: { pathPrefix: '/' }, rateLimit: { requests: 1, window: '1h' }, cluster: 'up.x-1_y' }] }] },
      clusters: { 'up.x-1_y': { endpoints: ['unix:/tmp/"quoted" \\ back\\slash {brace} é 日本.sock', '[::1]:1'], circuitBreaker: { scope: 'both' }, outlierDetection: {}, healthCheck: { tcp: {} } } },
    } as Partial<ConfigInput>);
    for (const target of ['/a', '/b', '/c']) await request(proxy.port(), target);
    const { text } = await proxy.admin('/metrics?endpoints=1');
    expect(text).toContain('endpoint="unix:/tmp/\\"quoted\\" \\\\ back\\\\slash {brace}');
    const complaints = execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect(complaints).toBe('');
    // As Prometheus itself reads OpenMetrics and protobuf.
    for (const features of [[], ['native-histograms']]) {
      const prometheus = await Prometheus.start({ port: proxy.adminPort, params: { endpoints: ['1'] } }, features);
      await prometheus.value('up', (up) => up === 1);
      const found = await prometheus.query('millrace_endpoint_weight');
      expect(found.map(({ labels }) => labels.endpoint)).toContain('unix:/tmp/"quoted" \\ back\\slash {brace} é 日本.sock');
    }
  });
});

describe('asking for the metrics', () => {
  it('is answered to everybody who asks at once', async () => {
    const proxy = await start();
    await timed(proxy.port(), '/a');
    const before = proxy.rss;
    const page = (path: string): Promise<{ status: number; bytes: number }> =>
      new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port: proxy.adminPort, path, agent: false }, (response) => {
          let bytes = 0;
          response.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
        }).on('error', reject);
      });
    // As many as the admin endpoint has room for, and the proxy goes on beside them.
    const pages = await Promise.all([...Array.from({ length: 100 }, (_, i) => page(i % 2 === 0 ? '/metrics?endpoints=1' : '/stats')), timed(proxy.port(), '/a').then(() => ({ status: 200, bytes: 1 }))]);
    for (const { status, bytes } of pages) {
      expect(status).toBe(200);
      expect(bytes).toBeGreaterThan(0);
    }
    expect(proxy.rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('goes on through reloads', async () => {
    const proxy = await start();
    for (let i = 0; i < 3; i++) await timed(proxy.port(), '/a');
    const counted = (text: string): string | undefined => /^millrace_listener_requests_total\{listener="web"\} (\d+)$/m.exec(text)?.[1];
    const before = counted((await proxy.admin('/metrics')).text);
    expect(before).toBe('3');
    const config = JSON.parse(JSON.stringify({ listeners: [{ name: 'first', address: '127.0.0.1:0', routes: 'main' }, { name: 'web', address: `127.0.0.1:${proxy.port()}`, routes: 'main' }], routes: { main: [{ hosts: ['*'], routes: [{ respond: { status: 204 } }] }] } })) as Partial<ConfigInput>;
    await proxy.reload(config);
    await request(proxy.port(), '/a');
    const { text } = await proxy.admin('/metrics');
    expect(counted(text)).toBe('4');
    expect(text).toMatch(/^millrace_listener_requests_total\{listener="first"\} 0$/m);
    expect(text).not.toContain('listener="inner"');
  });

  it('counts connections by listener', async () => {
    const proxy = await start();
    await timed(proxy.port('inner'), '/b');
    await eventually(async () => (await proxy.metric('millrace_listener_connections', { listener: 'inner' })) === 0);
    expect(await proxy.metric('millrace_listener_connections_opened_total', { listener: 'inner' })).toBe(1);
    expect(await proxy.metric('millrace_listener_connections_opened_total', { listener: 'web' })).toBe(0);
  });
});
