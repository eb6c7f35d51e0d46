import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { AdminServer } from '../../../src/admin/server.ts';
import { refuseForeign } from '../../../src/admin/guard.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { adminServer, ask, runningConfig, view } from './support.ts';

describe('the admin endpoint', () => {
  it('answers ready and live', async () => {
    const server = await adminServer(await view());
    expect(await ask(server, '/ready')).toMatchObject({ status: 200, body: 'ready\n' });
    expect(await ask(server, '/live')).toMatchObject({ status: 200, body: 'live\n' });
  });

  it('is not ready while it drains, with the reason, and lives on', async () => {
    const server = await adminServer(await view({ readiness: () => ({ ready: false, reason: 'draining' }) }));
    expect(await ask(server, '/ready')).toMatchObject({ status: 503, body: 'not ready: draining\n' });
    expect((await ask(server, '/live')).status).toBe(200);
  });

  it('serves both metric formats under their own type', async () => {
    const server = await adminServer(await view());
    const plain = await ask(server, '/metrics');
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const open = await ask(server, '/metrics', { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } });
    expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(open.body.endsWith('# EOF\n')).toBe(true);
  });

  it('shows clusters with their endpoints in order', async () => {
    const { clusters } = JSON.parse((await ask(await adminServer(await view()), '/clusters')).body) as { clusters: { name: string; endpoints: unknown[]; latencyMs: unknown }[] };
    expect(clusters.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(clusters[1]?.endpoints[1]).toMatchObject({ address: '127.0.0.1:9003', weight: 0, requests: 1020, active: 1021 });
    expect(clusters[0]?.latencyMs).toMatchObject({ p50: 0.04 });
  });

  it('shows quantiles of clusters, endpoints and routes over the total and two windows', async () => {
    const server = await adminServer(await view());
    const { clusters } = JSON.parse((await ask(server, '/clusters')).body) as { clusters: { histograms: unknown; endpoints: { histograms: unknown }[] }[] };
    const value = { p50: 0.041, p90: 0.041, p99: 0.041, p999: 0.041, p9999: 0.041, max: 0.041, mean: 0.041, count: 3 };
    expect(clusters[0]?.histograms).toMatchObject({ connect: { unit: 'ms', total: value, last1m: { ...value, seconds: 62 }, last10s: { ...value, seconds: 12 } } });
    expect(clusters[0]?.endpoints[0]?.histograms).toMatchObject({ upstream: { unit: 'ms', total: { p99: 0.042, count: 5 } } });
    const { routes, configured } = JSON.parse((await ask(server, '/routes')).body) as { routes: unknown[]; configured: number };
    expect(configured).toBe(2);
    expect(JSON.parse((await ask(server, '/routes?limit=0')).body)).toMatchObject({ used: 1, routes: [] });
    for (const limit of ['', '-1', '1e9', '10000000']) expect((await ask(server, `/routes?limit=${limit}`)).status).toBe(400);
    expect(routes).toMatchObject([{
      table: 't', virtualHost: 't/0', route: 't/0/1', stats: { requests: 3100 },
      histograms: { duration: { unit: 'ms', total: { count: 8, p50: 0.04, max: (2 ** 40 - 1) / 1000 } }, responseBytes: { unit: 'bytes', total: { p50: 42 } } },
    }]);
  });

  it('serves metrics as protobuf when that is preferred', async () => {
    const server = await adminServer(await view());
    const answer = await ask(server, '/metrics', { headers: { accept: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.5' } });
    expect(answer.headers['content-type']).toBe('application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited');
    expect(answer.body).toContain('millrace_request_duration_seconds');
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(1000);
  });

  it('takes endpoints and routes of the metrics as 0 or 1, and nothing else', async () => {
    const server = await adminServer(await view());
    expect((await ask(server, '/metrics')).body).not.toContain('millrace_endpoint_request_duration_seconds');
    expect((await ask(server, '/metrics?endpoints=1')).body).toContain('millrace_endpoint_request_duration_seconds');
    expect((await ask(server, '/metrics?routes=0')).body).not.toContain('millrace_route_');
    expect((await ask(server, '/metrics?routes=1')).body).toContain('millrace_route_');
    for (const query of ['endpoints=yes', 'endpoints=', 'routes=2']) expect((await ask(server, `/metrics?${query}`)).status).toBe(400);
  });

  it('shows the configuration without private keys', async () => {
    const running = await runningConfig();
    const [listener] = running.config.listeners;
    if (listener !== undefined) listener.tls = { certificates: [{ certFile: 'c', keyFile: 'k', cert: 'CERT', key: 'SECRET-KEY', hosts: [], fingerprint: 'f', notAfterMs: 0 }] };
    const cluster = running.config.clusters.a;
    if (cluster !== undefined) cluster.tls = { serverName: null, ca: null, cert: 'CLIENT', key: 'SECRET-CLIENT-KEY', insecureSkipVerify: false, handshakeTimeoutMs: 0 };
    const server = await adminServer(await view({ running }));
    const answer = await ask(server, '/config');
    expect(answer.body).not.toContain('SECRET');
    const shown = JSON.parse(answer.body) as { version: number; loadedAt: string; config: { listeners: { tls: { certificates: { cert: string; key: string }[] } }[] } };
    expect(shown).toMatchObject({ version: 1, hash: 'abc', loadedAt: '2023-11-14T22:13:20.000Z' });
    expect(shown.config.listeners[0]?.tls.certificates[0]).toMatchObject({ cert: 'CERT', key: '<redacted>' });
    expect(answer.body).toContain('"body": "hello"');
  });

  it('shows the image, and refuses other formats', async () => {
    const server = await adminServer(await view());
    const image = await ask(server, '/config?format=image');
    expect(image.status).toBe(200);
    expect(JSON.stringify(JSON.parse(image.body))).toContain('127.0.0.1:9003');
    expect((await ask(server, '/config?format=xml')).status).toBe(400);
  });

  it('says so when there is no configuration yet', async () => {
    const server = await adminServer(await view({ running: null }));
    for (const path of ['/config', '/clusters', '/routes']) expect((await ask(server, path)).status).toBe(503);
  });

  it('lists its operations at /', async () => {
    const server = await adminServer(await view());
    expect((await ask(server, '/')).body).toMatch(/^GET {4}\/metrics +Prometheus metrics/m);
  });

  it('names the nearest path for what it does not know', async () => {
    const server = await adminServer(await view());
    for (const [path, near] of [['/ready/', '/ready'], ['/clsters', '/clusters'], ['/Config/Schema', '/config/schema']] as const) {
      const answer = await ask(server, path);
      expect(answer).toMatchObject({ status: 404, headers: { 'content-type': 'application/json; charset=utf-8' } });
      expect(JSON.parse(answer.body)).toEqual({ error: `there is nothing at ${JSON.stringify(path)}: did you mean ${near}? GET / lists everything` });
    }
    for (const path of ['/constructor', '/__proto__', '//', '/%2e%2e/etc']) expect((await ask(server, path)).status, path).toBe(404);
    expect((await ask(server, '/%ff')).status).toBe(400);
  });

  it('answers HEAD like GET without a body, OPTIONS with what is allowed, and nothing else', async () => {
    const server = await adminServer(await view());
    expect(await ask(server, '/ready', { method: 'HEAD' })).toMatchObject({ status: 200, body: '', headers: { 'content-length': '6' } });
    expect(await ask(server, '/ready', { method: 'OPTIONS' })).toMatchObject({ status: 204, body: '', headers: { allow: 'GET, HEAD, OPTIONS' } });
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const answer = await ask(server, '/ready', { method, body: method === 'POST' ? 'x' : '' });
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } });
    }
  });

  it('takes no body with GET', async () => {
    expect((await ask(await adminServer(await view()), '/ready', { headers: { 'content-length': '1' }, body: 'x' })).status).toBe(413);
  });

  it('is never cached', async () => {
    expect((await ask(await adminServer(await view()), '/ready')).headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  it('answers 500 for a defect of its own and goes on', async () => {
    const server = await adminServer(await view({ readiness: () => { throw new Error('oops'); } }));
    expect((await ask(server, '/ready')).status).toBe(500);
    expect((await ask(server, '/live')).status).toBe(200);
  });

  it('refuses a head that is too long', async () => {
    const server = await adminServer(await view());
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(server.port, '127.0.0.1', () => socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`));
      socket.on('data', (chunk) => (text += chunk.toString())).on('error', () => undefined).on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('tells an address that is taken in one line', async () => {
    const server = await adminServer(await view());
    await expect(AdminServer.open({ host: '127.0.0.1', port: server.port, tokens: [] }, await view(), silentLogger())).rejects.toThrow(`admin: 127.0.0.1:${server.port} is already in use`);
  });
});

describe('a browser', () => {
  it('with a name that was pointed at this machine is refused', async () => {
    const server = await adminServer(await view());
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '192.168.1.1', 'localhost:80:80', '[::1', 'local host']) {
      expect((await ask(server, '/config', { headers: { host } })).status, host).toBe(403);
    }
    for (const host of ['localhost', 'LOCALHOST:9901', 'localhost.', '127.0.0.1', '127.1.2.3:80', '[::1]', '[::1]:9901', `127.0.0.1:${server.port}`]) {
      expect((await ask(server, '/live', { headers: { host } })).status, host).toBe(200);
    }
  });

  it('on a page of another origin is refused', async () => {
    const server = await adminServer(await view());
    const own = `127.0.0.1:${server.port}`;
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: `http://localhost:${server.port}` }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }] as Record<string, string>[]) {
      expect((await ask(server, '/config', { headers: { host: own, ...headers } })).status, JSON.stringify(headers)).toBe(403);
    }
    for (const headers of [{ origin: `http://${own}` }, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }] as Record<string, string>[]) {
      expect((await ask(server, '/live', { headers: { host: own, ...headers } })).status, JSON.stringify(headers)).toBe(200);
    }
  });

  it('may use a name of the machine where the endpoint was opened to it: there are tokens then', () => {
    for (const host of ['10.0.0.7:9901', 'proxy.example:9901']) {
      expect(refuseForeign({ host }, '0.0.0.0')).toBeNull();
      expect(refuseForeign({ host }, '127.0.0.1')).toMatchObject({ status: 403 });
    }
    expect(refuseForeign({ host: 'proxy.example:9901', origin: 'http://other.example' }, '0.0.0.0')).toMatchObject({ status: 403 });
  });

  it('must name a host', () => {
    for (const headers of [{}, { host: '' }]) expect(refuseForeign(headers, '127.0.0.1')).toMatchObject({ status: 403 });
  });
});
