import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { MINIMAL_CONFIG, loadGood, problemsOf, withRoutes } from './support.ts';

const MINIMAL = withRoutes(['{ cluster: a }'], '{ a: { endpoints: [127.0.0.1:1] } }');
describe('a loaded configuration', () => {
  it('has every default', async () => {
    expect(await loadGood(MINIMAL)).toEqual({
      ...MINIMAL_CONFIG,
      workers: Math.min(availableParallelism(), 64),
      admin: { host: '127.0.0.1', port: 9901, tokens: [] },
    });
  });

  it('has every key as it was written', async () => {
    const config = await loadGood(
      `
workers: 3
drainTimeout: 1m
log: { level: debug }
admin: false
limits: { maxConnections: 9, maxRequestHead: 4KiB, maxRequestTarget: 1KiB, maxRequestHeader: 2KiB, maxRequestHeaders: 50 }
listeners:
  - name: web
    address: "[::1]:8443"
    routes: t
    tls: { certificates: [{ cert: shop.pem, key: shop.key, hosts: [Api.Example.com] }] }
    forwarded: { headers: false, trust: [10.0.0.0/8] }
    requestId: false
    underscoresInHeaders: [X_Tenant, x_b, x_tenant]
    paths: { escapedSlashes: decode, backslashes: keep, mergeSlashes: false }
    allowTrace: true
    keepAliveAfterChunked: true
    maxRequestHead: 64KiB
routes:
  t:
    - name: host
      hosts: [A.example, "*.B.example"]
      routes:
        - name: one
          match:
            path: /a
            methods: [GET, POST, GET]
            headers: { X-A: v, x-b: { present: true }, x-c: { present: false }, x-d: { regex: a+, not: true }, x-e: { prefix: p }, x-f: { suffix: s } }
            query: { Q: { contains: c }, r: "" }
          weightedClusters: [{ cluster: a, weight: 90 }, { cluster: b, weight: 0 }]
          timeout: 0
          maxDuration: 2h
          idleTimeout: 250ms
          retry: { on: [], attempts: 0 }
          rewrite: { path: /fixed, host: "up:80" }
          requestHeaders: { set: { X-S: " v " }, add: { x-t: [a, b], x-u: c }, remove: [X-V] }
          responseHeaders: { set: { x-w: "1" } }
          maxRequestBody: 1MiB
          websocket: { maxMessage: 16KiB, idleTimeout: 0 }
          fault: { abort: { status: 500, percent: 2.5 } }
        - redirect: { status: 302, scheme: https, host: h.example, port: 444, prefix: /n, stripQuery: true }
        - { match: { pathRegex: ".*" }, respond: { status: 404, bodyFile: page.html, headers: { X-P: q } } }
clusters:
  a:
    balancer: { policy: roundRobin }
    endpoints: ["unix:/run/a.sock", { address: "one.test:80", weight: 7 }, "two.test:81", "[::1]:82"]
    connectTimeout: 2s
    pool: { idleTimeout: 1s, maxConnections: 2, maxPending: 3, maxRequestsPerConnection: 4 }
    tls: { serverName: s.example, ca: shop.pem, cert: other.pem, key: other.key }
  b: { endpoints: [127.0.0.1:1], tls: { insecureSkipVerify: true } }
`.replace('page.html', 'shop.pem'),
    );
    expect(config).toMatchObject({
      workers: 3,
      drainTimeoutMs: 60_000,
      log: { level: 'debug' },
      admin: null,
      limits: { maxConnections: 9, rateLimitKeys: 100_000 },
      accessLog: [],
    });
    expect(config.listeners[0]).toMatchObject({
      host: '::1',
      port: 8443,
      tls: { certificates: [{ hosts: ['api.example.com'] }] },
      forwarded: { headers: false, trust: [{ family: 'ipv4', prefixBits: 8, words: [0x0a00_0000, 0, 0, 0] }] },
      requestId: false,
      underscores: { rule: 'keep', names: ['x_tenant', 'x_b'] },
      paths: { escapedSlashes: 'slash', backslashes: 'keep', mergeSlashes: false },
      allowTrace: true,
      keepAliveAfterChunked: true,
      maxRequestHeadBytes: 65_536,
      maxRequestTargetBytes: 1_024,
      maxRequestHeaderBytes: 2_048,
      maxRequestHeaders: 50,
      rateLimits: [],
    });
    const host = config.routes['t']?.[0];
    expect(host).toMatchObject({ name: 'host', hosts: ['a.example', '*.b.example'] });
    expect(host?.routes[0]).toEqual({
      name: 'one',
      tracing: null,
      match: {
        path: { kind: 'exact', value: '/a' },
        methods: ['GET', 'POST'],
        headers: [
          { name: 'x-a', op: 'exact', value: 'v', negate: false },
          { name: 'x-b', op: 'present', value: '', negate: false },
          { name: 'x-c', op: 'present', value: '', negate: true },
          { name: 'x-d', op: 'regex', value: 'a+', negate: true },
          { name: 'x-e', op: 'prefix', value: 'p', negate: false },
          { name: 'x-f', op: 'suffix', value: 's', negate: false },
        ],
        query: [
          { name: 'Q', op: 'contains', value: 'c', negate: false },
          { name: 'r', op: 'exact', value: '', negate: false },
        ],
      },
      action: {
        kind: 'weightedClusters',
        clusters: [
          { cluster: 'a', subset: null, weight: 90 },
          { cluster: 'b', subset: null, weight: 0 },
        ],
      },
      timeoutMs: 0,
      maxDurationMs: 7_200_000,
      idleTimeoutMs: 250,
      requestTimeoutMs: 0,
      retry: {
        on: [],
        statuses: [],
        attempts: 0,
        perTryTimeoutMs: 0,
        backoff: { baseMs: 25, maxMs: 250 },
        maxRetryAfterMs: 0,
        bufferBytes: 65_536,
        nonIdempotent: false,
      },
      hedge: null,
      deadlineHeader: null,
      rewrite: { kind: 'path', value: '/fixed' },
      hostRewrite: 'up:80',
      requestHeaders: {
        remove: ['x-v'],
        set: [['x-s', 'v']],
        add: [
          ['x-t', 'a'],
          ['x-t', 'b'],
          ['x-u', 'c'],
        ],
      },
      responseHeaders: { remove: [], set: [['x-w', '1']], add: [] },
      maxRequestBodyBytes: 1_048_576,
      webSocket: { maxMessageBytes: 16_384, idleTimeoutMs: 0 },
      rateLimits: [],
      fault: { abort: { status: 500, perMillion: 25_000 }, delay: null },
    });
    expect(host?.routes[1]?.action).toEqual({
      kind: 'redirect',
      redirect: {
        status: 302,
        scheme: 'https',
        host: 'h.example',
        port: 444,
        rewrite: { kind: 'prefix', value: '/n' },
        stripQuery: true,
      },
    });
    expect(host?.routes[2]?.action).toMatchObject({
      kind: 'respond',
      respond: {
        status: 404,
        headers: [
          ['x-p', 'q'],
          ['content-type', 'application/octet-stream'],
        ],
      },
    });
    const { a, b } = config.clusters;
    expect(
      a?.endpoints.map(({ name, family, address, weight, serverName }) => [name, family, address, weight, serverName]),
    ).toEqual([
      ['unix:/run/a.sock', 'unix', '/run/a.sock', 1, ''],
      ['one.test:80', 'ipv4', '192.0.2.1', 7, 'one.test'],
      ['two.test:81@192.0.2.2', 'ipv4', '192.0.2.2', 1, 'two.test'],
      ['two.test:81@2001:db8::2', 'ipv6', '2001:db8::2', 1, 'two.test'],
      ['[::1]:82', 'ipv6', '::1', 1, '::1'],
    ]);
    expect(a).toMatchObject({
      balancer: { policy: 'roundRobin' },
      connectTimeoutMs: 2_000,
      pool: { idleTimeoutMs: 1_000, maxConnections: 2, maxPending: 3, maxRequestsPerConnection: 4 },
      tls: {
        serverName: 's.example',
        ca: expect.stringContaining('BEGIN CERTIFICATE') as string,
        key: expect.stringContaining('PRIVATE KEY') as string,
        insecureSkipVerify: false,
      },
    });
    expect(b?.tls).toEqual({ serverName: null, ca: null, cert: null, key: null, insecureSkipVerify: true, handshakeTimeoutMs: 0 });
  });

  it('understands anchors and merge keys, and places problems behind them', async () => {
    const text = withRoutes([
      '{ <<: &defaults { timeout: 3s }, cluster: a }',
      '{ <<: *defaults, match: { path: /b }, cluster: c }',
    ]);
    expect(await problemsOf(text)).toEqual([
      '7:58 routes.t[0].routes[1].cluster: there is no cluster "c" (did you mean "a"?)',
    ]);
    const config = await loadGood(text.replace('cluster: c', 'cluster: b'));
    expect(config.routes['t']?.[0]?.routes[1]?.timeoutMs).toBe(3_000);
  });

  it('may be JSON, indented with tabs', async () => {
    const json = JSON.stringify(
      {
        listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }],
        routes: { t: [{ hosts: ['*'], routes: [{ cluster: 'a' }] }] },
        clusters: { a: { endpoints: ['127.0.0.1:1'] } },
      },
      null,
      '\t',
    );
    expect(await loadGood(json, 'millrace.json')).toEqual(await loadGood(MINIMAL));
    expect(await problemsOf(json.replace('"cluster": "a"', '"cluster": "x"'), 'millrace.json')).toEqual([
      expect.stringMatching(/^\d+:\d+ routes\.t\[0\]\.routes\[0\]\.cluster: there is no cluster "x"/),
    ]);
  });
});
