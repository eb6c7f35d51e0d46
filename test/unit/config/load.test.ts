import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { brief, fakeResolver, loadGood, loadText, problemsOf, withRoutes, workDirectory } from './support.ts';

const MINIMAL = withRoutes(['{ cluster: a }'], '{ a: { endpoints: [127.0.0.1:1] } }');
const tls = (certificates: string) => `listeners: [{ name: web, address: 127.0.0.1:0, routes: t, tls: { certificates: ${certificates} } }]\nroutes: { t: [{ hosts: ["*"], routes: [{ respond: { status: 200 } }] }] }\n`;

describe('a loaded configuration', () => {
  it('has every default', async () => {
    expect(await loadGood(MINIMAL)).toEqual({
      workers: Math.min(availableParallelism(), 64),
      drainTimeoutMs: 30_000,
      log: { level: 'info' },
      admin: { host: '127.0.0.1', port: 9901 },
      limits: { maxConnections: 0 },
      listeners: [{
        name: 'web', host: '127.0.0.1', port: 0, routes: 't', tls: null, forwarded: { headers: true, trust: [] },
        requestId: true, underscoresInHeaders: false, maxRequestHeadBytes: 16_384,
      }],
      routes: {
        t: [{
          name: 't/0',
          hosts: ['*'],
          routes: [{
            name: 't/0/0',
            match: { path: { kind: 'prefix', value: '/' }, methods: [], headers: [], query: [] },
            action: { kind: 'cluster', cluster: 'a' },
            timeoutMs: 15_000, maxDurationMs: 0, idleTimeoutMs: 60_000,
            retry: { on: ['connectFailure', 'reset'], attempts: 2 },
            rewrite: null, hostRewrite: null,
            requestHeaders: { remove: [], set: [], add: [] }, responseHeaders: { remove: [], set: [], add: [] },
            maxRequestBodyBytes: 0,
          }],
        }],
      },
      clusters: {
        a: {
          policy: 'leastRequest',
          endpoints: [{ name: '127.0.0.1:1', family: 'ipv4', address: '127.0.0.1', port: 1, weight: 1, serverName: '127.0.0.1' }],
          connectTimeoutMs: 1_000,
          pool: { idleTimeoutMs: 4_000, maxConnections: 0, maxPending: 1_024, maxRequestsPerConnection: 0 },
          tls: null,
        },
      },
    });
  });

  it('has every key as it was written', async () => {
    const config = await loadGood(`
workers: 3
drainTimeout: 1m
log: { level: debug }
admin: false
limits: { maxConnections: 9 }
listeners:
  - name: web
    address: "[::1]:8443"
    routes: t
    tls: { certificates: [{ cert: shop.pem, key: shop.key, hosts: [Api.Example.com] }] }
    forwarded: { headers: false, trust: [10.0.0.0/8] }
    requestId: false
    underscoresInHeaders: true
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
`.replace('page.html', 'shop.pem'));
    expect(config).toMatchObject({ workers: 3, drainTimeoutMs: 60_000, log: { level: 'debug' }, admin: null, limits: { maxConnections: 9 } });
    expect(config.listeners[0]).toMatchObject({
      host: '::1', port: 8443, tls: { certificates: [{ hosts: ['api.example.com'] }] },
      forwarded: { headers: false, trust: [{ family: 'ipv4', prefixBits: 8, words: [0x0a00_0000, 0, 0, 0] }] },
      requestId: false, underscoresInHeaders: true, maxRequestHeadBytes: 65_536,
    });
    const host = config.routes['t']?.[0];
    expect(host).toMatchObject({ name: 'host', hosts: ['a.example', '*.b.example'] });
    expect(host?.routes[0]).toEqual({
      name: 'one',
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
        query: [{ name: 'Q', op: 'contains', value: 'c', negate: false }, { name: 'r', op: 'exact', value: '', negate: false }],
      },
      action: { kind: 'weightedClusters', clusters: [{ cluster: 'a', weight: 90 }, { cluster: 'b', weight: 0 }] },
      timeoutMs: 0, maxDurationMs: 7_200_000, idleTimeoutMs: 250,
      retry: { on: [], attempts: 0 },
      rewrite: { kind: 'path', value: '/fixed' }, hostRewrite: 'up:80',
      requestHeaders: { remove: ['x-v'], set: [['x-s', 'v']], add: [['x-t', 'a'], ['x-t', 'b'], ['x-u', 'c']] },
      responseHeaders: { remove: [], set: [['x-w', '1']], add: [] },
      maxRequestBodyBytes: 1_048_576,
    });
    expect(host?.routes[1]?.action).toEqual({
      kind: 'redirect',
      redirect: { status: 302, scheme: 'https', host: 'h.example', port: 444, rewrite: { kind: 'prefix', value: '/n' }, stripQuery: true },
    });
    expect(host?.routes[2]?.action).toMatchObject({ kind: 'respond', respond: { status: 404, headers: [['x-p', 'q'], ['content-type', 'application/octet-stream']] } });
    const { a, b } = config.clusters;
    expect(a?.endpoints.map(({ name, family, address, weight, serverName }) => [name, family, address, weight, serverName])).toEqual([
      ['unix:/run/a.sock', 'unix', '/run/a.sock', 1, ''],
      ['one.test:80', 'ipv4', '192.0.2.1', 7, 'one.test'],
      ['two.test:81@192.0.2.2', 'ipv4', '192.0.2.2', 1, 'two.test'],
      ['two.test:81@2001:db8::2', 'ipv6', '2001:db8::2', 1, 'two.test'],
      ['[::1]:82', 'ipv6', '::1', 1, '::1'],
    ]);
    expect(a).toMatchObject({
      policy: 'roundRobin', connectTimeoutMs: 2_000,
      pool: { idleTimeoutMs: 1_000, maxConnections: 2, maxPending: 3, maxRequestsPerConnection: 4 },
      tls: { serverName: 's.example', ca: expect.stringContaining('BEGIN CERTIFICATE') as string, key: expect.stringContaining('PRIVATE KEY') as string, insecureSkipVerify: false },
    });
    expect(b?.tls).toEqual({ serverName: null, ca: null, cert: null, key: null, insecureSkipVerify: true });
  });

  it('understands anchors and merge keys, and places problems behind them', async () => {
    const text = withRoutes(['{ <<: &defaults { timeout: 3s }, cluster: a }', '{ <<: *defaults, match: { path: /b }, cluster: c }']);
    expect(await problemsOf(text)).toEqual(['7:58 routes.t[0].routes[1].cluster: there is no cluster "c" (did you mean "a"?)']);
    const config = await loadGood(text.replace('cluster: c', 'cluster: b'));
    expect(config.routes['t']?.[0]?.routes[1]?.timeoutMs).toBe(3_000);
  });

  it('may be JSON, indented with tabs', async () => {
    const json = JSON.stringify({ listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }], routes: { t: [{ hosts: ['*'], routes: [{ cluster: 'a' }] }] }, clusters: { a: { endpoints: ['127.0.0.1:1'] } } }, null, '\t');
    expect(await loadGood(json, 'millrace.json')).toEqual(await loadGood(MINIMAL));
    expect(await problemsOf(json.replace('"cluster": "a"', '"cluster": "x"'), 'millrace.json')).toEqual([expect.stringMatching(/^\d+:\d+ routes\.t\[0\]\.routes\[0\]\.cluster: there is no cluster "x"/)]);
  });
});

describe('a TypeScript configuration', () => {
  const SCRIPT = `
import { defineConfig } from 'millrace';
import { port } from './port.ts';
const names: readonly string[] = ['a'];
export default defineConfig({
  listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }],
  routes: { t: [{ hosts: ['*'], routes: [{ cluster: names[0]!, timeout: undefined }] }] },
  clusters: Object.fromEntries(names.map((name) => [name, { endpoints: [\`127.0.0.1:\${port}\`] }])),
});
`;

  it('is run with defineConfig, and anew on every load', async () => {
    const directory = await workDirectory();
    const file = join(directory, 'millrace.config.ts');
    await writeFile(file, SCRIPT);
    for (const port of [1, 2]) {
      await writeFile(join(directory, 'port.ts'), `export const port: number = ${port};\n`);
      const result = await loadConfig(file, { resolveHost: fakeResolver });
      expect(result).toMatchObject({ ok: true, config: { clusters: { a: { endpoints: [{ port }] } } } });
      expect(result.watch).toEqual(expect.arrayContaining([file, join(directory, 'port.ts')]));
    }
  });

  it('may be a function, or a promise', async () => {
    const body = `({ listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }], routes: { t: [{ hosts: ['*'], routes: [{ respond: { status: 200 } }] }] } })`;
    expect((await loadText(`export default async () => ${body};`, 'a.config.mts')).ok).toBe(true);
    expect((await loadText(`export default Promise.resolve${body};`, 'a.config.js')).ok).toBe(true);
  });

  it('reports by path, without positions, what a file would', async () => {
    expect(await problemsOf('export default { listeners: [], rutes: {} };', 'a.ts')).toEqual([
      '0:0 listeners: expected at least 1 entry',
      '0:0 routes: required key "routes" is missing: expected a mapping',
      '0:0 rutes: unknown key "rutes" (did you mean "routes"?)',
    ]);
  });

  it('that fails says why, on one line', async () => {
    for (const [text, message] of [
      ['throw new Error("no luck\\nhere");', /failed: no luck$/],
      ['export const config = {};', /the default export is not a configuration|required key/],
      ['export default 5;', /the default export is not a configuration/],
      ['export default {', /failed: .+/],
      ['import "./none.ts"; export default {};', /failed: .*none/],
    ] as const) {
      const problems = await problemsOf(text, 'a.ts');
      expect(problems[0], text).toMatch(message);
    }
  });
});

describe('certificates', () => {
  it('bring their names, a fingerprint of both files and their end', async () => {
    const config = await loadGood(tls('[{ cert: shop.pem, key: shop.key }, { cert: other.pem, key: other.key }]'));
    const [shop, other] = config.listeners[0]?.tls?.certificates ?? [];
    expect(shop).toMatchObject({ hosts: ['shop.example.com', '*.shop.example.com'], certFile: expect.stringMatching(/^\/.*\/shop\.pem$/) as string });
    expect(shop?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(shop?.notAfterMs).toBeGreaterThan(Date.parse('2100-01-01'));
    expect(other?.hosts).toEqual(['other.example.com']); // no subjectAltName: the common name
  });

  it('are refused with the reason', async () => {
    expect(await problemsOf(tls('[{ cert: shop.pem, key: other.key }]'))).toEqual([
      '1:104 listeners[0].tls.certificates[0].key: other.key is not the key of the certificate shop.pem (the first certificate of the file must be the server\'s own)',
    ]);
    expect(await problemsOf(tls('[{ cert: shop.key, key: shop.pem }]'))).toEqual([
      '1:89 listeners[0].tls.certificates[0].cert: shop.key holds no PEM certificate (this file is a private key)',
      expect.stringMatching(/^1:104 .*shop\.pem is not a valid PEM private key: .* \(this file is a certificate\)$/),
    ]);
    expect(await problemsOf(tls('[{ cert: shop.pem, key: encrypted.key }]'))).toEqual([expect.stringContaining('encrypted.key is encrypted with a pass phrase')]);
    expect(await problemsOf(tls('[{ cert: none.pem, key: . }]'))).toEqual([expect.stringMatching(/cannot read .*none\.pem: there is no such file/), expect.stringMatching(/it is a directory/)]);
    expect(await problemsOf(tls('[{ cert: shop.pem }]'))).toEqual([expect.stringContaining('required key "key" is missing')]);
  });

  it('are refused when they have expired, and warned of when they are not valid yet', async () => {
    const expired = await loadText(tls('[{ cert: shop.pem, key: shop.key }]'), 'millrace.yaml', Date.parse('2300-01-01'));
    expect(expired.ok ? [] : brief(expired.problems)).toEqual([expect.stringMatching(/^1:89 .*shop\.pem expired on /)]);
    const early = await loadText(tls('[{ cert: shop.pem, key: shop.key }]'), 'millrace.yaml', Date.parse('2000-01-01'));
    expect([early.ok, brief(early.warnings)]).toEqual([true, [expect.stringMatching(/^1:89 .*shop\.pem is not valid before /)]]);
  });

  it('of one listener serve different hosts', async () => {
    expect(await problemsOf(tls('[{ cert: shop.pem, key: shop.key }, { cert: other.pem, key: other.key, hosts: [o.test, SHOP.example.com] }]'))).toEqual([
      '1:158 listeners[0].tls.certificates[1].hosts: the host "shop.example.com" already has certificates[0] (set hosts to keep them apart)',
    ]);
    expect(await problemsOf(tls('[{ cert: shop.pem, key: shop.key, hosts: ["*"] }]'))).toEqual([
      '1:122 listeners[0].tls.certificates[0].hosts[0]: "*" is no server name: the first certificate serves every other name',
    ]);
  });

  it('and every other file are watched, also when they are missing', async () => {
    const result = await loadText(tls('[{ cert: shop.pem, key: none.key }]').replace('status: 200', 'status: 200, bodyFile: other.pem'));
    expect(result.watch.map((file) => file.slice(result.directory.length + 1))).toEqual(['millrace.yaml', 'shop.pem', 'none.key', 'other.pem']);
  });

  it('that hold no certificate between their marks are refused', async () => {
    const directory = await workDirectory();
    await mkdir(join(directory, 'd'));
    await writeFile(join(directory, 'd/bad.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    await writeFile(join(directory, 'd/m.yaml'), tls('[{ cert: bad.pem, key: ../shop.key }]'));
    const result = await loadConfig(join(directory, 'd/m.yaml'), { resolveHost: fakeResolver });
    expect(result.ok ? [] : brief(result.problems)).toEqual([expect.stringMatching(/^1:89 .*bad\.pem is not a valid certificate: /)]);
  });
});

describe('warnings', () => {
  const warningsOf = async (text: string) => brief((await loadText(text)).warnings);

  it('name routes that are never reached', async () => {
    const clusters = '{ a: { endpoints: [127.0.0.1:1] } }';
    expect(await warningsOf(withRoutes(['{ match: { path: /a }, cluster: a }', '{ match: { path: /a, methods: [GET] }, cluster: a }'], clusters))).toEqual([
      '7:11 routes.t[0].routes[1]: this route is never reached: routes[0] before it has the same path and takes every such request',
    ]);
    expect(await warningsOf(withRoutes(['{ match: { headers: { a: b } }, cluster: a }', '{ match: { headers: { a: b, c: d } }, cluster: a }'], clusters))).toHaveLength(1);
    for (const [first, second] of [['methods: [GET]', 'methods: [GET, POST]'], ['headers: { a: b }', 'headers: { a: c }'], ['query: { a: b }', 'headers: { a: b }'], ['path: /a', 'pathPrefix: /a']]) {
      expect(await warningsOf(withRoutes([`{ match: { ${first} }, cluster: a }`, `{ match: { ${second} }, cluster: a }`], clusters))).toEqual([]);
    }
  });

  it('name what is unused, without effect, or unsafe', async () => {
    const text = withRoutes(['{ respond: { status: 200 }, retry: { attempts: 1 } }'], '{ a: { endpoints: [{ address: 127.0.0.1:1, weight: 0 }], tls: { insecureSkipVerify: true } } }').replace('routes:\n  t:', 'routes:\n  u: [{ hosts: ["*"], routes: [{ respond: { status: 200 } }] }]\n  t:');
    expect(await warningsOf(text)).toEqual([
      '3:3 routes.u: no listener uses this route table',
      '7:39 routes.t[0].routes[0].retry: "retry" has no effect beside "respond"',
      '8:13 clusters.a: no route uses this cluster',
      '8:29 clusters.a.endpoints: every endpoint has weight 0: requests to this cluster will fail',
      '8:95 clusters.a.tls.insecureSkipVerify: certificates of this cluster are not verified',
    ]);
  });
});
