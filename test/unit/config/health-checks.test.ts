import { describe, expect, it } from 'vitest';
import { CLUSTER_FLAG } from '../../../src/binding/abi.ts';
import { imageOf, loadGood, problemsOf, withRoutes } from './support.ts';

const withCheck = (check: string, endpoints = '[127.0.0.1:1]') =>
  withRoutes(['{ cluster: a }'], `{ a: { endpoints: ${endpoints}, healthCheck: ${check} } }`);
const checkOf = async (check: string) => (await loadGood(withCheck(check))).clusters['a']?.healthCheck;
const problemsOfCheck = async (check: string, endpoints?: string) =>
  (await problemsOf(withCheck(check, endpoints))).map((problem) => problem.replace(/^\d+:\d+ clusters\.a\.healthCheck\.?/, ''));

describe('healthCheck', () => {
  it('is off unless it is written, and marks its cluster in the image', async () => {
    const plain = await loadGood(withRoutes(['{ cluster: a }']));
    expect(plain.clusters['a']?.healthCheck).toBeNull();
    expect(imageOf(plain).row('CLUSTER', 0).flags).toBe(0);
    expect(imageOf(await loadGood(withCheck('{ tcp: {} }'))).row('CLUSTER', 0).flags).toBe(CLUSTER_FLAG.healthChecked);
  });

  it('has these defaults', async () => {
    expect(await checkOf('{ http: {} }')).toEqual({
      probe: { kind: 'http', method: 'GET', path: '/', host: null, headers: [], expectedStatuses: [{ from: 200, to: 399 }], body: null },
      intervalMs: 5_000,
      unhealthyIntervalMs: 5_000,
      edgeIntervalMs: 1_000,
      timeoutMs: 1_000,
      jitterPercent: 10,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
      port: 0,
      reuseConnection: true,
    });
    expect((await checkOf('{ tcp: {} }'))?.probe).toEqual({ kind: 'tcp', send: new Uint8Array(), receive: new Uint8Array() });
    expect((await checkOf('{ grpc: {} }'))?.probe).toEqual({ kind: 'grpc', service: '', host: null });
  });

  it('takes every key', async () => {
    expect(
      await checkOf(`{ http: { method: POST, path: "/up?deep=1", host: "h.test:81", headers: { X-A: " b " }, expectedStatuses: [204, 300-302, "429"], body: { contains: ok } },
        interval: 10s, unhealthyInterval: 2s, edgeInterval: 700ms, timeout: 500ms, jitter: 25%, healthyThreshold: 1, unhealthyThreshold: 5, port: 8081, reuseConnection: false }`),
    ).toEqual({
      probe: {
        kind: 'http',
        method: 'POST',
        path: '/up?deep=1',
        host: 'h.test:81',
        headers: [['x-a', 'b']],
        expectedStatuses: [{ from: 204, to: 204 }, { from: 300, to: 302 }, { from: 429, to: 429 }],
        body: { kind: 'contains', value: 'ok' },
      },
      intervalMs: 10_000,
      unhealthyIntervalMs: 2_000,
      edgeIntervalMs: 700,
      timeoutMs: 500,
      jitterPercent: 25,
      healthyThreshold: 1,
      unhealthyThreshold: 5,
      port: 8_081,
      reuseConnection: false,
    });
    expect((await checkOf('{ http: { body: { regex: "[^]*ok[^]*" } } }'))?.probe).toMatchObject({ body: { kind: 'regex', value: '[^]*ok[^]*' } });
    expect((await checkOf('{ tcp: { send: "PING\\r\\n", receive: { hex: "2b 50 4F" } } }'))?.probe).toEqual({
      kind: 'tcp',
      send: Uint8Array.from(Buffer.from('PING\r\n')),
      receive: Uint8Array.of(0x2b, 0x50, 0x4f),
    });
    expect((await checkOf('{ grpc: { service: shop.v1.Cart, host: cart.test } }'))?.probe).toEqual({ kind: 'grpc', service: 'shop.v1.Cart', host: 'cart.test' });
  });

  it('checks at the edge as fast as that makes sense', async () => {
    expect(await checkOf('{ tcp: {}, timeout: 3s }')).toMatchObject({ timeoutMs: 3_000, edgeIntervalMs: 1_000 });
    expect(await checkOf('{ tcp: {}, edgeInterval: 100ms, unhealthyInterval: 200ms }')).toMatchObject({ edgeIntervalMs: 100, unhealthyIntervalMs: 200, timeoutMs: 1_000 });
    expect(await checkOf('{ tcp: {}, interval: 200ms, timeout: 100ms }')).toMatchObject({ edgeIntervalMs: 200, unhealthyIntervalMs: 200 });
  });

  it.each([
    ['{}', [': expected one of http, tcp, grpc (such as http: { path: /healthz }, or tcp: {} to connect only)']],
    ['{ http: {}, tcp: {} }', ['tcp: "tcp" and "http" exclude each other (keep one of http, tcp, grpc)']],
    ['{ tcp: {}, timeout: 6s }', ['timeout: the timeout of a check, 6s, is longer than its interval, 5s (a check ends before the next one is due)']],
    ['{ tcp: {}, interval: 500ms }', ['interval: the timeout of a check, 1s by default, is longer than its interval, 500ms (write a timeout of at most 500ms)']],
    ['{ tcp: {}, interval: 25h }', ['interval: the duration must be at most 24h']],
    ['{ tcp: {}, jitter: 10 }', ['jitter: the share must be from 0 to 1 (write 0.1 or 10%)']],
    ['{ http: { path: healthz } }', ['http.path: a path starts with "/" (write /healthz)']],
    ['{ http: { path: "/a b" } }', ['http.path: a path holds visible ASCII characters only (write /a%20b)']],
    ['{ http: { method: get } }', ['http.method: "get" is not a known method (did you mean "GET"?)']],
    ['{ http: { host: "a/b" } }', ['http.host: "a/b" is not a host name, with or without a port']],
    ['{ http: { headers: { Host: a } } }', ['http.headers.Host: host is written by the proxy and cannot be edited (use "host" beside "headers")']],
    ['{ http: { expectedStatuses: [399-200] } }', ['http.expectedStatuses[0]: the range 399-200 is empty (write 200-399)']],
    ['{ http: { expectedStatuses: [100] } }', ['http.expectedStatuses[0]: statuses are from 200 to 599']],
    ['{ http: { expectedStatuses: [2xx] } }', ['http.expectedStatuses[0]: expected a status such as 200, or a range such as 200-399, not "2xx"']],
    ['{ http: { expectedStatuses: [] } }', ['http.expectedStatuses: expected at least 1 entry']],
    ['{ http: { body: {} } }', ['http.body: expected "contains" or "regex"']],
    ['{ http: { body: { contains: a, regex: b } } }', ['http.body.regex: "regex" and "contains" exclude each other (keep one of contains, regex)']],
    ['{ http: { body: { regex: "([ab]+)\\\\1" } } }', ['http.body.regex: not a usable regex: backreferences are not supported']],
    ['{ http: { method: HEAD, body: { contains: a } } }', ['http.body: the answer to HEAD has no body (use method: GET)']],
    ['{ tcp: { receive: { hex: 0x } } }', ['tcp.receive: expected pairs of hexadecimal digits, such as "0d0a"']],
    ['{ tcp: { send: 1 } }', ['tcp.send: expected a text, or { hex: "…" }, not 1']],
    ['{ tcp: {}, healthyThreshold: 0 }', ['healthyThreshold: expected a number from 1, not 0']],
    ['{ tcp: {}, port: 0 }', ['port: expected a number from 1, not 0']],
    ['{ tcp: {}, healthyTreshold: 1 }', ['healthyTreshold: unknown key "healthyTreshold" (did you mean "healthyThreshold"?)']],
  ])('%s is refused', async (check, problems) => {
    expect(await problemsOfCheck(check)).toEqual(problems);
  });

  it('has no port of its own for a socket in the file system', async () => {
    expect(await problemsOfCheck('{ tcp: {}, port: 80 }', '[127.0.0.1:1, "unix:/run/a.sock"]')).toEqual([
      'port: endpoints[1] of this cluster is a socket in the file system, which has no ports (leave out "port", or give that endpoint a cluster of its own)',
    ]);
  });
});
