import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METHODS, NONE, RECORDS, SECTIONS } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { describe as describeConfig } from '../../../src/config/describe.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { hash32 } from '../../../src/config/hash.ts';
import { ImageReader } from '../../../src/config/image-reader.ts';
import type { Config, MatchConfig, RouteConfig, VirtualHostConfig } from '../../../src/config/types.ts';
import { findVhost, lookUp } from '../../reference/image-lookup.ts';
import { matchRoute, type MatchRequest } from '../../reference/route-matcher.ts';
import { loadGood, MINIMAL_CONFIG, withRoutes } from './support.ts';

const BASE = MINIMAL_CONFIG;
const reader = (config: Config) => new ImageReader(compile(config).image);

function route(name: string, match: Partial<MatchConfig>): RouteConfig {
  const template = BASE.routes['t']?.[0]?.routes[0];
  if (template === undefined) throw new Error('no template');
  return { ...template, name, match: { ...template.match, ...match } };
}

const withHosts = (hosts: VirtualHostConfig[]): Config => ({ ...BASE, routes: { t: hosts } });
const request = (host: string, path: string, more: Partial<MatchRequest> = {}): MatchRequest => ({ method: 'GET', host, path, headers: [], query: '', ...more });

describe('the image', () => {
  it('has its sections where the header says, aligned, in order, and nothing else', () => {
    const { image, hash } = compile(BASE);
    const words = new Uint32Array(image);
    expect(words[2]).toBe(image.byteLength);
    expect(words[3]).toBe(SECTIONS.length);
    expect(new ImageReader(image).hash).toBe(hash);
    const read = new ImageReader(image);
    let end = (6 + 2 * SECTIONS.length) * 4;
    for (const [i, section] of SECTIONS.entries()) {
      const offset = words[6 + 2 * i] ?? 0;
      expect(offset % 8, section).toBe(0);
      expect(offset - end, section).toBeLessThan(8);
      expect(offset, section).toBeGreaterThanOrEqual(end);
      end = offset + read.sectionBytes(section);
    }
    expect(image.byteLength - end).toBeLessThan(8);
  });

  it('of another version or kind is not read', () => {
    const { image } = compile(BASE);
    for (const word of [0, 1, 2, 3]) {
      const broken = image.slice(0);
      new Uint32Array(broken)[word] = 77;
      expect(() => new ImageReader(broken)).toThrow();
    }
    expect(() => new ImageReader(image.slice(0, image.byteLength - 8))).toThrow();
    expect(() => new ImageReader(new ArrayBuffer(16))).toThrow();
  });

  it('is the same for the same configuration, which is left as it was', () => {
    const before = structuredClone(BASE);
    const [first, second] = [compile(BASE), compile(structuredClone(BASE))];
    expect(BASE).toEqual(before);
    expect(Buffer.compare(Buffer.from(first.image), Buffer.from(second.image))).toBe(0);
    expect(first.hash).toBe(second.hash);
    expect(first.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(compile({ ...BASE, clusters: { ...BASE.clusters, c: { ...BASE.clusters['a'], connectTimeoutMs: 7 } as never } }).hash).not.toBe(first.hash);
  });

  it('stores a string once', () => {
    const hosts = (count: number) => withHosts(Array.from({ length: count }, (_, i) => ({ name: 'same', hosts: [`h${i}`], routes: [route('same', { headers: [{ name: 'x-long-header-name', op: 'exact', value: 'long value', negate: false }] })] })));
    const [one, many] = [reader(hosts(1)), reader(hosts(10))];
    expect(many.bytes.length - one.bytes.length).toBe(9 * 2); // the host names alone
  });

  it('numbers listeners, route tables, clusters and endpoints in the order of the configuration', async () => {
    const config = await loadGood(`
listeners: [{ name: y, address: 127.0.0.1:0, routes: u }, { name: x, address: 127.0.0.1:0, routes: t, forwarded: { trust: [10.0.0.0/8, "fd00::/8"] } }]
routes: { t: [{ hosts: ["*"], routes: [{ cluster: z }] }], u: [{ hosts: ["*"], routes: [{ weightedClusters: [{ cluster: z, weight: 3 }, { cluster: k, weight: 0 }, { cluster: a, weight: 1 }] }] }] }
clusters:
  z: { endpoints: [127.0.0.1:1, { address: 127.0.0.1:2, weight: 0 }, { address: "[2001:db8::1]:3", weight: 3 }], balancer: { policy: roundRobin } }
  k: { endpoints: ["unix:/run/k.sock"] }
  a: { endpoints: ["one.test:4"], tls: { serverName: s.test, cert: shop.pem, key: shop.key } }
`);
    const read = reader(config);
    const text = (row: { nameOffset: number; nameLength: number }) => read.text(row.nameOffset, row.nameLength);
    expect(read.rows('LISTENER').map((row) => [text(row), row.routeTable, row.trustStart, row.trustCount, row.maxHeadBytes])).toEqual([['y', 1, 0, 0, 16_384], ['x', 0, 0, 2, 16_384]]);
    expect(read.rows('CIDR')).toEqual([
      { family: 4, prefixBits: 8, word0: 0x0a00_0000, word1: 0, word2: 0, word3: 0 },
      { family: 6, prefixBits: 8, word0: 0xfd00_0000, word1: 0, word2: 0, word3: 0 },
    ]);
    expect(read.rows('ROUTE_TABLE').map(text)).toEqual(['t', 'u']);
    expect(read.rows('CLUSTER').map((row) => [text(row), row.policy, row.endpointStart, row.endpointCount, row.pickCount, row.tls])).toEqual([['z', 1, 0, 3, 2, NONE], ['k', 2, 3, 1, 1, NONE], ['a', 2, 4, 1, 1, 0]]);
    const [z] = read.rows('CLUSTER');
    expect([...read.index.subarray(z?.pickStart, (z?.pickStart ?? 0) + 2)]).toEqual([0, 2]);
    expect([...read.u16.subarray(z?.strideStart, (z?.strideStart ?? 0) + 2)]).toEqual([21_845, 65_535]);
    expect(read.rows('ENDPOINT').map((row) => [text(row), row.family, [...read.slice(row.addressOffset, row.addressLength)].length, row.port, row.weight, read.text(row.serverNameOffset, row.serverNameLength)])).toEqual([
      ['127.0.0.1:1', 4, 4, 1, 1, '127.0.0.1'],
      ['127.0.0.1:2', 4, 4, 2, 0, '127.0.0.1'],
      ['[2001:db8::1]:3', 6, 16, 3, 3, '2001:db8::1'],
      ['unix:/run/k.sock', 1, 11, 0, 1, ''],
      ['one.test:4', 4, 4, 4, 1, 'one.test'],
    ]);
    expect(read.rows('WEIGHT')).toEqual([{ cluster: 0, cumulative: 3 }, { cluster: 2, cumulative: 4 }]);
    expect(describeConfig(config).clusters.map(({ name, endpoints }) => [name, endpoints.map(({ index }) => index)])).toEqual([['z', [0, 1, 2]], ['k', [3]], ['a', [4]]]);
  });

  it('of a route holds what was written, and a dump shows it again', async () => {
    const config = await loadGood(withRoutes([
      `{ name: r, match: { path: /a, methods: [POST, SEARCH], headers: { x-a: v, x-r: { regex: "a|b", not: true } }, query: { q: { present: false } } },
          cluster: a, timeout: 1s, maxDuration: 2s, idleTimeout: 3s, retry: { on: [reset], attempts: 1 }, rewrite: { path: /f, host: h },
          requestHeaders: { set: { x-s: s }, add: { x-t: [t, u] }, remove: [x-v] }, maxRequestBody: 5GiB }`,
      '{ match: { pathRegex: "/[ab]" }, redirect: { scheme: https, stripQuery: true, path: /r } }',
      '{ match: { pathPrefix: /p }, respond: { status: 503, body: "no", headers: { x-a: "1", content-type: text/html } } }',
      '{ match: { pathPrefix: /é }, cluster: a }'.replace('é', '%C3%A9'),
    ]));
    const { image, hash } = compile(config);
    const read = new ImageReader(image);
    expect(read.row('ROUTE', 0)).toMatchObject({
      methods: (1 << METHODS.indexOf('POST')) | (1 << METHODS.indexOf('SEARCH')), predicateCount: 3, action: 1, actionStart: 0, actionCount: 1,
      timeoutMs: 1_000, maxDurationMs: 2_000, idleTimeoutMs: 3_000, retryOn: 2, retryAttempts: 1, pathKind: 1, rewrite: 2, requestEditCount: 4, responseEditCount: 0,
      maxBodyLow: 0x4000_0000, maxBodyHigh: 1,
    });
    expect(read.row('ROUTE', 1)).toMatchObject({ methods: 0, pathKind: 3, action: 3, hostOffset: NONE, hostLength: 0, maxBodyLow: NONE, maxBodyHigh: NONE });
    expect(read.rows('EDIT').map((row) => row.op)).toEqual([3, 1, 2, 2]);
    expect(read.count('DFA')).toBe(2);
    expect(dumpImage(image)).toMatchObject({
      hash,
      listeners: [{ name: 'web', routes: 't', tls: false, forwarded: { headers: true, trust: [] } }],
      routes: {
        t: [{
          name: 't/0',
          hosts: ['*'],
          routes: [
            {
              name: 'r',
              match: { path: '/a', methods: ['POST', 'SEARCH'], headers: { 'x-a': { exact: 'v' }, 'x-r': { regex: 'a|b', not: true } }, query: { q: { present: true, not: true } } },
              cluster: 'a', timeoutMs: 1_000, retry: { on: ['reset'], attempts: 1 }, rewrite: { path: '/f', host: 'h' },
              requestHeaders: { set: { 'x-s': 's' }, add: { 'x-t': ['t', 'u'] }, remove: ['x-v'] }, maxRequestBody: 5 * 1024 ** 3,
            },
            { name: 't/0/1', match: { pathRegex: '/[ab]' }, redirect: { status: 308, scheme: 'https', host: null, port: 0, path: '/r', stripQuery: true } },
            { name: 't/0/2', match: { pathPrefix: '/p' }, respond: { status: 503, body: 'no', headers: { 'x-a': '1', 'content-type': 'text/html' } } },
            { name: 't/0/3', match: { pathPrefix: '/%C3%A9' } },
          ],
        }],
      },
      clusters: { a: { balancer: { policy: 'leastRequest' }, endpoints: [{ name: '127.0.0.1:1', address: '127.0.0.1' }] } },
    });
  });

  it('never shows a private key in a dump or a description', async () => {
    const config = await loadGood(withRoutes(['{ cluster: a }'], '{ a: { endpoints: [127.0.0.1:1], tls: { cert: shop.pem, key: shop.key } } }'));
    const { image } = compile(config);
    expect(Buffer.from(image).includes('PRIVATE KEY')).toBe(true); // the engine needs it
    expect(JSON.stringify(dumpImage(image))).toContain('"key":"<redacted>"');
    expect(JSON.stringify([dumpImage(image), describeConfig(config)])).not.toContain('PRIVATE KEY');
  });
});

describe('the tables of an image', () => {
  it('find a host by exact name, then the longest suffix, then "*"', () => {
    const host = (name: string, ...hosts: string[]): VirtualHostConfig => ({ name, hosts, routes: [route(name, {})] });
    const config = withHosts([host('any', '*'), host('com', '*.com'), host('ex', '*.example.com'), host('api', 'api.example.com', 'example.com')]);
    const read = reader(config);
    const find = (name: string) => lookUp(read, 0, request(name, '/'));
    expect(['api.example.com', 'example.com', 'www.example.com', 'a.b.example.com', 'x.com', 'com', 'badexample.com', 'example.org', ''].map(find)).toEqual([
      'api', 'api', 'ex', 'ex', 'com', 'any', 'com', 'any', 'any',
    ]);
    const table = read.row('ROUTE_TABLE', 0);
    expect([table.hostCapacity, table.wildCapacity, table.wildMaxLabels]).toEqual([4, 4, 2]);
    expect(findVhost(reader(withHosts([host('a', 'a')])), reader(withHosts([host('a', 'a')])).row('ROUTE_TABLE', 0), 'b')).toBe(NONE);
  });

  it('find a path: exact, regexes as declared, prefixes by length, equals as declared, and on when predicates fail', () => {
    const get = ['GET'];
    const config = withHosts([{
      name: 'h',
      hosts: ['*'],
      routes: [
        route('all', { path: { kind: 'prefix', value: '/' } }),
        route('v1', { path: { kind: 'prefix', value: '/v1' } }),
        route('v1-below', { path: { kind: 'prefix', value: '/v1/' }, methods: get }),
        route('regex-get', { path: { kind: 'regex', value: '/v1/[0-9]+' }, methods: get }),
        route('regex-any', { path: { kind: 'regex', value: '/v1/[0-9a-f]+' } }),
        route('exact-get', { path: { kind: 'exact', value: '/v1/7' }, methods: get }),
        route('exact-head', { path: { kind: 'exact', value: '/v1/7' }, methods: ['HEAD'] }),
      ],
    }]);
    const read = reader(config);
    const find = (path: string, method = 'GET') => lookUp(read, 0, request('x', path, { method }));
    expect([find('/v1/7'), find('/v1/7', 'HEAD'), find('/v1/7', 'PUT'), find('/v1/8'), find('/v1/ff'), find('/v1/zz'), find('/v1/zz', 'PUT'), find('/v1/'), find('/v1'), find('/v10'), find('/')]).toEqual([
      'exact-get', 'exact-head', 'regex-any', 'regex-get', 'regex-any', 'v1-below', 'v1', 'v1-below', 'v1', 'all', 'all',
    ]);
  });

  const segment = fc.constantFrom('a', 'b', 'ab', 'x'.repeat(40));
  const path = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.boolean()).map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
  const label = fc.constantFrom('a', 'b', 'c');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const predicate = fc.record({ name: fc.constantFrom('p', 'q'), op: fc.constantFrom('present' as const, 'exact' as const, 'prefix' as const, 'suffix' as const, 'contains' as const, 'regex' as const), value: fc.constantFrom('a', 'b', 'ab'), negate: fc.boolean() });
  const match = fc.record({
    path: fc.oneof(
      fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: path }),
      fc.record({ kind: fc.constant('regex' as const), value: fc.constantFrom('/a.*', '/(a|b)/?', '.*b', '/[^/]+/[^/]+') }),
    ),
    methods: fc.subarray(['GET', 'POST', 'SEARCH']),
    headers: fc.array(predicate, { maxLength: 2 }),
    query: fc.array(predicate, { maxLength: 1 }),
  });
  const pairs = fc.array(fc.tuple(fc.constantFrom('p', 'q', 'r'), fc.constantFrom('a', 'b', 'ab', 'ba', '')), { maxLength: 3 });
  const anyRequest = fc.record({
    method: fc.constantFrom('GET', 'POST', 'SEARCH', 'BREW'), host: name, path, headers: pairs,
    query: pairs.map((list) => new URLSearchParams(list as [string, string][]).toString()),
  });

  it('agree with the written rules on any configuration and request', () => {
    const hosts = fc.array(fc.tuple(fc.oneof(name, name.map((text) => `*.${text}`), fc.constant('*')), fc.array(match, { minLength: 1, maxLength: 8 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(hosts, fc.array(anyRequest, { minLength: 10, maxLength: 10 }), (list, requests) => {
        const unique = [...new Map(list).entries()];
        const config = withHosts(unique.map(([pattern, matches], i) => ({ name: `h${i}`, hosts: [pattern], routes: matches.map((one, j) => route(`r${i}.${j}`, one)) })));
        const read = reader(config);
        for (const one of requests) expect(lookUp(read, 0, one), JSON.stringify(one)).toBe(matchRoute(config, 't', one)?.name);
      }),
      { numRuns: 300 },
    );
  });

  it('keep long prefixes apart, which share a bit of the bitmap', () => {
    const long = (length: number) => `/${'y'.repeat(length - 1)}`;
    const config = withHosts([{ name: 'h', hosts: ['*'], routes: [31, 32, 62, 63, 64, 200].map((length) => route(`p${length}`, { path: { kind: 'prefix', value: long(length) } })) }]);
    const read = reader(config);
    expect([31, 32, 33, 62, 63, 64, 200].map((length) => lookUp(read, 0, request('x', `${long(length)}/z`)))).toEqual(['p31', 'p32', undefined, 'p62', 'p63', 'p64', 'p200']);
    expect(read.row('VHOST', 0)).toMatchObject({ prefixLengthsLow: 0x8000_0000, prefixLengthsHigh: 0xc000_0001 });
  });

  it('hold every key at its hash, within a probe of its home slot', () => {
    const config = withHosts(Array.from({ length: 500 }, (_, i) => ({ name: `h${i}`, hosts: [`h${i}.example.com`, `*.h${i}.example.com`], routes: [route(`r${i}`, {})] })));
    const read = reader(config);
    const table = read.row('ROUTE_TABLE', 0);
    const slots = read.rows('HOST', table.hostStart, table.hostCapacity);
    expect(slots.filter((slot) => slot.vhost !== NONE)).toHaveLength(500);
    expect(table.hostCapacity).toBe(1_024);
    for (const slot of slots) if (slot.vhost !== NONE) expect(slot.hash).toBe(hash32(read.slice(slot.keyOffset, slot.keyLength), 0));
    for (const slot of slots) if (slot.vhost === NONE) expect(slot).toEqual({ hash: NONE, keyOffset: NONE, keyLength: NONE, vhost: NONE });
  });

  it('for 10,000 hosts of 10 paths are made in seconds, and found', () => {
    const hosts = Array.from({ length: 10_000 }, (_, i): VirtualHostConfig => ({
      name: `h${i}`,
      hosts: [`h${i}.example.com`],
      routes: Array.from({ length: 10 }, (_, j) => route(`r${i}.${j}`, { path: { kind: j < 5 ? 'exact' : 'prefix', value: `/path/${j}` } })),
    }));
    const started = performance.now();
    const { image } = compile(withHosts(hosts));
    expect(performance.now() - started).toBeLessThan(10_000);
    const read = new ImageReader(image);
    for (const i of [0, 1, 4_999, 9_999]) expect([lookUp(read, 0, request(`h${i}.example.com`, '/path/3')), lookUp(read, 0, request(`h${i}.example.com`, '/path/7/x'))]).toEqual([`r${i}.3`, `r${i}.7`]);
    expect(read.count('ROUTE')).toBe(100_000);
    expect(read.sectionBytes('ROUTE')).toBe(100_000 * RECORDS.ROUTE.length * 4);
  });
});
