import { describe, expect, it } from 'vitest';
import { METHODS, NONE, SECTIONS } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { describe as describeConfig } from '../../../src/config/describe.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { ImageReader } from '../../../src/config/image-reader.ts';
import { imageOf, loadGood, MINIMAL_CONFIG, routeWith, withHosts, withRoutes } from './support.ts';

describe('the image', () => {
  it('has its sections where the header says, aligned, in order, and nothing else', () => {
    const { image, hash } = compile(MINIMAL_CONFIG);
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
    const { image } = compile(MINIMAL_CONFIG);
    for (const word of [0, 1, 2, 3]) {
      const broken = image.slice(0);
      new Uint32Array(broken)[word] = 77;
      expect(() => new ImageReader(broken)).toThrow();
    }
    expect(() => new ImageReader(image.slice(0, image.byteLength - 8))).toThrow();
    expect(() => new ImageReader(new ArrayBuffer(16))).toThrow();
  });

  it('is the same for the same configuration, which is left as it was', () => {
    const before = structuredClone(MINIMAL_CONFIG);
    const [first, second] = [compile(MINIMAL_CONFIG), compile(structuredClone(MINIMAL_CONFIG))];
    expect(MINIMAL_CONFIG).toEqual(before);
    expect(Buffer.compare(Buffer.from(first.image), Buffer.from(second.image))).toBe(0);
    expect(first.hash).toBe(second.hash);
    expect(first.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(
      compile({
        ...MINIMAL_CONFIG,
        clusters: { ...MINIMAL_CONFIG.clusters, c: { ...MINIMAL_CONFIG.clusters['a'], connectTimeoutMs: 7 } as never },
      }).hash,
    ).not.toBe(first.hash);
  });

  it('stores a string once', () => {
    const hosts = (count: number) =>
      withHosts(
        Array.from({ length: count }, (_, i) => ({
          name: 'same',
          hosts: [`h${i}`],
          routes: [
            routeWith('same', {
              headers: [{ name: 'x-long-header-name', op: 'exact', value: 'long value', negate: false }],
            }),
          ],
        })),
      );
    const [one, many] = [imageOf(hosts(1)), imageOf(hosts(10))];
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
    const read = imageOf(config);
    const text = (row: { nameOffset: number; nameLength: number }) => read.text(row.nameOffset, row.nameLength);
    expect(
      read.rows('LISTENER').map((row) => [text(row), row.routeTable, row.trustStart, row.trustCount, row.maxHeadBytes]),
    ).toEqual([
      ['y', 1, 0, 0, 16_384],
      ['x', 0, 0, 2, 16_384],
    ]);
    expect(read.rows('CIDR')).toEqual([
      { family: 4, prefixBits: 8, word0: 0x0a00_0000, word1: 0, word2: 0, word3: 0 },
      { family: 6, prefixBits: 8, word0: 0xfd00_0000, word1: 0, word2: 0, word3: 0 },
    ]);
    expect(read.rows('ROUTE_TABLE').map(text)).toEqual(['t', 'u']);
    expect(
      read
        .rows('CLUSTER')
        .map((row) => [text(row), read.rows('BALANCER')[row.balancer]?.policy, row.endpointStart, row.endpointCount, read.rows('SUBSET')[row.subsetStart]?.memberCount, row.tls]),
    ).toEqual([
      ['z', 1, 0, 3, 2, NONE],
      ['k', 2, 3, 1, 1, NONE],
      ['a', 2, 4, 1, 1, 0],
    ]);
    const [z] = read.rows('SUBSET');
    expect([...read.index.subarray(z?.memberStart, (z?.memberStart ?? 0) + 2)]).toEqual([0, 2]);
    expect(
      read
        .rows('ENDPOINT')
        .map((row) => [
          text(row),
          row.family,
          [...read.slice(row.addressOffset, row.addressLength)].length,
          row.port,
          row.weight,
          read.text(row.serverNameOffset, row.serverNameLength),
        ]),
    ).toEqual([
      ['127.0.0.1:1', 4, 4, 1, 1, '127.0.0.1'],
      ['127.0.0.1:2', 4, 4, 2, 0, '127.0.0.1'],
      ['[2001:db8::1]:3', 6, 16, 3, 3, '2001:db8::1'],
      ['unix:/run/k.sock', 1, 11, 0, 1, ''],
      ['one.test:4', 4, 4, 4, 1, 'one.test'],
    ]);
    expect(read.rows('WEIGHT')).toEqual([
      { cluster: 0, subset: 0, cumulative: 3 },
      { cluster: 2, subset: 2, cumulative: 4 },
    ]);
    expect(
      describeConfig(config).clusters.map(({ name, endpoints }) => [name, endpoints.map(({ index }) => index)]),
    ).toEqual([
      ['z', [0, 1, 2]],
      ['k', [3]],
      ['a', [4]],
    ]);
  });

  it('of a route holds what was written, and a dump shows it again', async () => {
    const config = await loadGood(
      withRoutes([
        `{ name: r, match: { path: /a, methods: [POST, SEARCH], headers: { x-a: v, x-r: { regex: "a|b", not: true } }, query: { q: { present: false } } },
          cluster: a, timeout: 1s, maxDuration: 2s, idleTimeout: 3s, retry: { on: [reset], attempts: 1 }, rewrite: { path: /f, host: h },
          requestHeaders: { set: { x-s: s }, add: { x-t: [t, u] }, remove: [x-v] }, maxRequestBody: 5GiB,
          websocket: { maxMessage: 64MiB, idleTimeout: 90s } }`,
        '{ match: { pathRegex: "/[ab]" }, redirect: { scheme: https, stripQuery: true, path: /r } }',
        '{ match: { pathPrefix: /p }, respond: { status: 503, body: "no", headers: { x-a: "1", content-type: text/html } } }',
        '{ match: { pathPrefix: /é }, cluster: a }'.replace('é', '%C3%A9'),
      ]),
    );
    const { image, hash } = compile(config);
    const read = new ImageReader(image);
    expect(read.row('ROUTE', 0)).toMatchObject({
      methods: (1 << METHODS.indexOf('POST')) | (1 << METHODS.indexOf('SEARCH')),
      predicateCount: 3,
      action: 1,
      actionStart: 0,
      actionCount: 1,
      timeoutMs: 1_000,
      maxDurationMs: 2_000,
      idleTimeoutMs: 3_000,
      retryOn: 2,
      retryAttempts: 1,
      pathKind: 1,
      rewrite: 2,
      requestEditCount: 4,
      responseEditCount: 0,
      maxBodyLow: 0x4000_0000,
      maxBodyHigh: 1,
      webSocketMaxMessage: 67_108_864,
      webSocketIdleMs: 90_000,
    });
    expect(read.row('ROUTE', 1)).toMatchObject({
      methods: 0,
      pathKind: 3,
      action: 3,
      hostOffset: NONE,
      hostLength: 0,
      maxBodyLow: NONE,
      maxBodyHigh: NONE,
      webSocketMaxMessage: 0,
      webSocketIdleMs: 0,
    });
    expect(read.rows('EDIT').map((row) => row.op)).toEqual([3, 1, 2, 2]);
    expect(read.count('DFA')).toBe(2);
    expect(dumpImage(image)).toMatchObject({
      hash,
      listeners: [{ name: 'web', routes: 't', tls: false, forwarded: { headers: true, trust: [] } }],
      routes: {
        t: [
          {
            name: 't/0',
            hosts: ['*'],
            routes: [
              {
                name: 'r',
                match: {
                  path: '/a',
                  methods: ['POST', 'SEARCH'],
                  headers: { 'x-a': { exact: 'v' }, 'x-r': { regex: 'a|b', not: true } },
                  query: { q: { present: true, not: true } },
                },
                cluster: 'a',
                timeoutMs: 1_000,
                retry: { on: ['reset'], attempts: 1 },
                rewrite: { path: '/f', host: 'h' },
                requestHeaders: { set: { 'x-s': 's' }, add: { 'x-t': ['t', 'u'] }, remove: ['x-v'] },
                maxRequestBody: 5 * 1024 ** 3,
              },
              {
                name: 't/0/1',
                match: { pathRegex: '/[ab]' },
                redirect: { status: 308, scheme: 'https', host: null, port: 0, path: '/r', stripQuery: true },
              },
              {
                name: 't/0/2',
                match: { pathPrefix: '/p' },
                respond: { status: 503, body: 'no', headers: { 'x-a': '1', 'content-type': 'text/html' } },
              },
              { name: 't/0/3', match: { pathPrefix: '/%C3%A9' } },
            ],
          },
        ],
      },
      clusters: {
        a: { balancer: { policy: 'leastRequest' }, endpoints: [{ name: '127.0.0.1:1', address: '127.0.0.1' }] },
      },
    });
  });

  it('never shows a private key in a dump or a description', async () => {
    const config = await loadGood(
      withRoutes(['{ cluster: a }'], '{ a: { endpoints: [127.0.0.1:1], tls: { cert: shop.pem, key: shop.key } } }'),
    );
    const { image } = compile(config);
    expect(Buffer.from(image).includes('PRIVATE KEY')).toBe(true); // the engine needs it
    expect(JSON.stringify(dumpImage(image))).toContain('"key":"<redacted>"');
    expect(JSON.stringify([dumpImage(image), describeConfig(config)])).not.toContain('PRIVATE KEY');
  });

  it('shows what a listener takes as it was written', () => {
    const listener = { ...MINIMAL_CONFIG.listeners[0]!, underscores: { rule: 'keep' as const, names: ['x_a', 'x_b'] }, paths: { escapedSlashes: 'slash' as const, backslashes: 'keep' as const, mergeSlashes: false }, allowTrace: true, keepAliveAfterChunked: true };
    const dumped = (change: object): unknown => (dumpImage(compile({ ...MINIMAL_CONFIG, listeners: [{ ...listener, ...change }] }).image) as { listeners: unknown[] }).listeners[0];
    expect(dumped({})).toMatchObject({
      underscoresInHeaders: ['x_a', 'x_b'], paths: { escapedSlashes: 'decode', backslashes: 'keep', mergeSlashes: false }, allowTrace: true, keepAliveAfterChunked: true,
      maxRequestHead: 16_384, maxRequestTarget: 8_192, maxRequestHeader: 8_192, maxRequestHeaders: 98,
    });
    for (const [rule, shown] of [['keep', true], ['drop', false], ['reject', 'reject']] as const)
      expect(dumped({ underscores: { rule, names: [] } })).toMatchObject({ underscoresInHeaders: shown });
  });
});
