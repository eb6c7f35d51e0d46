import { describe, expect, it } from 'vitest';
import { LIMITS, RATE_ALGORITHM, RATE_FLAG } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { describe as describeConfig } from '../../../src/config/describe.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { configJsonSchema } from '../../../src/config/json-schema.ts';
import type { ImageReader } from '../../../src/config/image-reader.ts';
import type { Config } from '../../../src/config/types.ts';
import { brief, imageOf, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const routeWithLimit = (limit: string) => withRoutes([`{ cluster: a, rateLimit: ${limit.replace(/\s+/g, ' ')} }`], '{ a: { endpoints: [127.0.0.1:1] } }');
const limitsOf = (config: Config) => config.routes['t']?.[0]?.routes[0]?.rateLimits ?? [];
const loadLimits = async (limit: string) => limitsOf(await loadGood(routeWithLimit(limit)));

const EVERYWHERE = `
listeners:
  - name: web
    address: 127.0.0.1:0
    routes: t
    rateLimit: { requests: 1000, window: 1s, key: [] }
routes:
  t:
    - hosts: [a.test]
      name: shop
      rateLimit: [{ requests: 100, window: 1s }, { requests: 5000, window: 1h }]
      routes:
        - { name: items, match: { path: /a }, cluster: a, rateLimit: { requests: 10, window: 1s, key: [route, host] } }
        - { match: { path: /b }, cluster: a }
        - { match: { path: /c }, cluster: a }
    - hosts: [b.test]
      routes: [{ cluster: a, rateLimit: [{ requests: 3, window: 1m }, { name: mine, requests: 3, window: 1m }, { requests: 4, window: 2m }] }]
clusters: { a: { endpoints: [127.0.0.1:1] } }
`;

/** Names of the limits of each route and listener, through their INDEX rows. */
function checkedBy(read: ImageReader): Record<string, string[]> {
  const names = read.rows('RATE_LIMIT').map((row) => read.text(row.nameOffset, row.nameLength) ?? '');
  return Object.fromEntries(
    [...read.rows('ROUTE'), ...read.rows('LISTENER')].map((row) => [
      read.text(row.nameOffset, row.nameLength) ?? '',
      [...read.index.subarray(row.limitStart, row.limitStart + row.limitCount)].map((index) => names[index] ?? '?'),
    ]),
  );
}

const tagsOf = async (limit: string) => imageOf(await loadGood(routeWithLimit(limit))).rows('RATE_LIMIT').map(({ tag }) => tag);

describe('rateLimit', () => {
  it('has its defaults', async () => {
    expect(await loadLimits('{ requests: 100, window: 1s }')).toEqual([
      {
        name: 't/0/0',
        algorithm: 'slidingWindow',
        requests: 100,
        windowMs: 1000,
        burst: 100,
        key: [{ kind: 'clientIp', name: '', v4Bits: 32, v6Bits: 64, missing: 'share' }],
        shadow: false,
        headers: 'limited',
        xHeaders: false,
        status: 429,
        body: null,
        contentType: 'text/plain; charset=utf-8',
      },
    ]);
    expect((await loadGood(routeWithLimit('{ requests: 1, window: 1s }'))).limits.rateLimitKeys).toBe(100_000);
  });

  it('takes every key', async () => {
    const [limit] = await loadLimits(
      `{ name: n, requests: 7, window: 1m, algorithm: tokenBucket, burst: 3, shadow: true, headers: always, xHeaders: true,
        status: 503, body: '{"slow":"down"}', contentType: application/json,
        key: [route, host, path, { clientIp: { v4: 24 }, missing: skip }, { header: X-Tenant }, { cookie: Sid, missing: skip }] }`,
    );
    const none = { name: '', v4Bits: 0, v6Bits: 0, missing: 'share' };
    expect(limit).toEqual({
      name: 'n',
      algorithm: 'gcra',
      requests: 7,
      windowMs: 60_000,
      burst: 3,
      key: [
        { ...none, kind: 'route' },
        { ...none, kind: 'host' },
        { ...none, kind: 'path' },
        { ...none, kind: 'clientIp', v4Bits: 24, v6Bits: 64, missing: 'skip' },
        { ...none, kind: 'header', name: 'x-tenant' },
        { ...none, kind: 'cookie', name: 'Sid', missing: 'skip' },
      ],
      shadow: true,
      headers: 'always',
      xHeaders: true,
      status: 503,
      body: '{"slow":"down"}',
      contentType: 'application/json',
    });
    expect((await loadLimits('{ requests: 7, window: 1s, algorithm: gcra }'))[0]?.burst).toBe(7);
    expect((await loadGood(`limits: { rateLimitKeys: 1024 }\n${routeWithLimit('{ requests: 7, window: 1s }')}`)).limits.rateLimitKeys).toBe(1024);
  });

  it('of a virtual host is one counter for all its routes, and comes before that of a route', async () => {
    const read = imageOf(await loadGood(EVERYWHERE));
    expect(checkedBy(read)).toEqual({
      items: ['t/shop', 't/shop#2', 't/shop/items'],
      't/0/1': ['t/shop', 't/shop#2'],
      't/0/2': ['t/shop', 't/shop#2'],
      't/1/0': ['t/1/0', 'mine', 't/1/0#3'],
      web: ['listener/web'],
    });
    expect(new Set(read.rows('RATE_LIMIT').map(({ tag }) => tag)).size).toBe(read.count('RATE_LIMIT'));
  });

  it('is described in the order of the image', async () => {
    const config = await loadGood(EVERYWHERE);
    const read = imageOf(config);
    expect(describeConfig(config).rateLimits.map(({ name }) => name)).toEqual(
      read.rows('RATE_LIMIT').map((row) => read.text(row.nameOffset, row.nameLength)),
    );
  });

  it('becomes words and names of the image, and is printed back', async () => {
    const text = `[{ name: one, requests: 7, window: 1m, algorithm: gcra, burst: 3, shadow: true, headers: always, xHeaders: true },
      { name: two, requests: 8, window: 2m, headers: never, status: 503, body: slow, key: [{ clientIp: { v4: 16, v6: 48 }, missing: skip }, { header: x-a }, { cookie: C }, path] },
      { name: three, requests: 128, window: 24h, algorithm: slidingLog, key: [] }]`;
    const config = await loadGood(routeWithLimit(text));
    const read = imageOf(config);
    expect(read.rows('RATE_LIMIT')).toMatchObject([
      { algorithm: RATE_ALGORITHM.gcra, limit: 7, burst: 3, flags: RATE_FLAG.shadow | RATE_FLAG.headersAlways | RATE_FLAG.xHeaders, keyCount: 1 },
      { algorithm: RATE_ALGORITHM.slidingWindow, limit: 8, burst: 8, flags: RATE_FLAG.headersNever, status: 503, keyCount: 4 },
      { algorithm: RATE_ALGORITHM.slidingLog, limit: 128, windowMs: 86_400_000, flags: 0, status: 429, keyCount: 0 },
    ]);
    const dump = dumpImage(compile(config).image) as { rateLimits: object; routes: { t: { routes: object[] }[] } };
    const defaults = { shadow: false, xHeaders: false, status: 429, body: null, contentType: null };
    expect(dump.rateLimits).toMatchObject({
      one: { ...defaults, algorithm: 'gcra', requests: 7, windowMs: 60_000, burst: 3, shadow: true, headers: 'always', xHeaders: true, key: [{ clientIp: { v4: 32, v6: 64 } }] },
      two: {
        ...defaults,
        algorithm: 'slidingWindow',
        headers: 'never',
        status: 503,
        body: 'slow',
        contentType: 'text/plain; charset=utf-8',
        key: [{ clientIp: { v4: 16, v6: 48 }, missing: 'skip' }, { header: 'x-a' }, { cookie: 'C' }, 'path'],
      },
      three: { ...defaults, algorithm: 'slidingLog', headers: 'limited', key: [] },
    });
    expect(dump.routes.t[0]?.routes[0]).toMatchObject({ rateLimit: ['one', 'two', 'three'] });
  });

  it('keeps its counters as long as they mean the same', async () => {
    const [tag] = await tagsOf('{ name: n, requests: 10, window: 1s, key: [path] }');
    for (const [limit, same] of [
      ['{ name: n, requests: 11, window: 1s, key: [path] }', true],
      ['{ name: n, requests: 10, window: 1000ms, key: [path], shadow: true, status: 503, headers: always }', true],
      ['{ name: m, requests: 10, window: 1s, key: [path] }', false],
      ['{ name: n, requests: 10, window: 2s, key: [path] }', false],
      ['{ name: n, requests: 10, window: 1s, key: [host] }', false],
      ['{ name: n, requests: 10, window: 1s, key: [path, host] }', false],
      ['{ name: n, requests: 10, window: 1s, key: [path], algorithm: gcra }', false],
    ] as const)
      expect((await tagsOf(limit))[0] === tag, limit).toBe(same);
    const log = (requests: number) => tagsOf(`{ name: n, requests: ${requests}, window: 1s, algorithm: slidingLog }`);
    expect(await log(10)).not.toEqual(await log(11));
    const grouped = (v6: number) => tagsOf(`{ name: n, requests: 1, window: 1s, key: [{ clientIp: { v6: ${v6} } }] }`);
    expect(await grouped(56)).not.toEqual(await grouped(64));
    expect(await grouped(64)).toEqual(await tagsOf('{ name: n, requests: 1, window: 1s }'));
  });
});

describe('problems of rate limits', () => {
  it.each([
    ['{ window: 1s }', ['required key "requests" is missing: expected a number']],
    ['{ requests: 0, window: 1s }', ['.requests: expected a number from 1, not 0']],
    ['{ requests: 1000001, window: 1s }', ['.requests: expected a number up to 1000000, not 1000001']],
    ['{ requests: 1, window: 25h }', ['.window: a rate limit counts over 24h at most']],
    ['{ requests: 1, window: 0 }', ['.window: the duration must be at least 1ms']],
    ['{ request: 1, requests: 1, window: 1s }', ['.request: unknown key "request" (did you mean "requests"?)']],
    [
      '{ requests: 1, window: 1s, algorithm: slidingwindow }',
      ['.algorithm: expected slidingWindow | slidingLog | gcra | tokenBucket, not "slidingwindow" (did you mean "slidingWindow"?)'],
    ],
    [
      '{ requests: 129, window: 1s, algorithm: slidingLog }',
      ['.requests: slidingLog remembers every request of the window, 128 at most (use slidingWindow, which estimates, or gcra, which is exact)'],
    ],
    ['{ requests: 9, window: 1s, burst: 3 }', ['.burst: "burst" needs algorithm: gcra or tokenBucket']],
    ['{ requests: 9, window: 1s, burst: 3, algorithm: slidingLog }', ['.burst: "burst" needs algorithm: gcra or tokenBucket']],
    [
      '{ requests: 1, window: 24h, burst: 8, algorithm: gcra }',
      ['.burst: it would take more than 7 days until a burst of 8 is possible again'],
    ],
    ['{ requests: 9, window: 1s, contentType: text/html }', ['.contentType: "contentType" needs "body" beside it']],
    [`{ requests: 9, window: 1s, body: b, contentType: ${'t'.repeat(257)} }`, ['.contentType: the content type has more than 256 bytes']],
    ['{ requests: 9, window: 1s, status: 200 }', ['.status: expected a number from 400, not 200']],
    [
      '{ requests: 9, window: 1s, key: [ip] }',
      ['.key[0]: expected clientIp, route, host, path, or a mapping with clientIp, header or cookie, not "ip"'],
    ],
    ['{ requests: 9, window: 1s, key: [{ missing: skip }] }', ['.key[0]: expected one of clientIp, header, cookie']],
    [
      '{ requests: 9, window: 1s, key: [{ header: a, cookie: b }] }',
      ['.key[0].cookie: "cookie" and "header" exclude each other (make it an entry of its own)'],
    ],
    ['{ requests: 9, window: 1s, key: [path, { header: X-A }, { header: x-a }, path] }', ['.key[2]: header x-a is listed twice', '.key[3]: path is listed twice']],
    ['{ requests: 9, window: 1s, key: [clientIp, { clientIp: { v4: 8 } }] }', ['.key[1]: clientIp is listed twice']],
    ['{ requests: 9, window: 1s, key: [{ clientIp: { v4: 33 } }] }', ['.key[0].clientIp.v4: expected a number up to 32, not 33']],
    ['{ requests: 9, window: 1s, key: [{ clientIp: { v6: 0 } }] }', ['.key[0].clientIp.v6: expected a number from 1, not 0']],
    ['{ requests: 9, window: 1s, key: [{ cookie: "a=b" }] }', ['.key[0].cookie: "a=b" is not a cookie name']],
    ['[]', [': expected at least 1 entry']],
    ['7', [': expected a mapping or a list, not 7']],
  ])('%s', async (limit, expected) => {
    const found = (await problemsOf(routeWithLimit(limit))).map((problem) =>
      problem.replace(/^\d+:\d+ routes\.t\[0\]\.routes\[0\]\.rateLimit(\.requests: required)?/, (_, rest?: string) => (rest === undefined ? '' : 'required')),
    );
    expect(found).toEqual(expected);
  });

  it('a listener has no route yet', async () => {
    const text = withRoutes(['{ cluster: a }']).replace('routes: t }', 'routes: t, rateLimit: { requests: 1, window: 1s, key: [route] } }');
    expect(await problemsOf(text)).toEqual([
      '1:103 listeners[0].rateLimit.key[0]: a listener counts requests before their route is known (set this limit on the virtual hosts or routes)',
    ]);
  });

  it('names are unique, given or not', async () => {
    expect(await problemsOf(withRoutes(['{ cluster: a, rateLimit: { name: n, requests: 1, window: 1s } }', '{ match: { path: /b }, cluster: b, rateLimit: [{ requests: 1, window: 1s }, { name: n, requests: 1, window: 1s }] }']))).toEqual([
      '7:95 routes.t[0].routes[1].rateLimit[1].name: the rate limit name "n" is already used by routes.t[0].routes[0].rateLimit.name',
    ]);
    // The second host stands where the first one's name says: the defaults would be the same.
    const hosts = ['{ name: "1", hosts: [a.test], rateLimit: LIMIT, routes: [{ cluster: a }] }', '{ hosts: [b.test], rateLimit: LIMIT, routes: [{ cluster: a }] }'];
    const text = `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]\nroutes:\n  t:\n${hosts.map((host) => `    - ${host}\n`).join('')}clusters: { a: { endpoints: [127.0.0.1:1] } }\n`;
    expect(await problemsOf(text.replaceAll('LIMIT', '{ requests: 1, window: 1s }'))).toEqual([
      '5:37 routes.t[1].rateLimit: the rate limit name "t/1" is already used by routes.t[0].rateLimit',
    ]);
  });

  it('one request is checked against sixteen at most', async () => {
    const limits = (count: number) => `[${Array.from({ length: count }, () => '{ requests: 1, window: 1s }').join(', ')}]`;
    expect(await problemsOf(routeWithLimit(limits(16)))).toEqual([]);
    expect(await problemsOf(routeWithLimit(limits(17)))).toEqual([expect.stringContaining('expected at most 16 entries') as string]);
    const both = (own: number) => routeWithLimit(limits(own)).replace('hosts: ["*"]', `hosts: ["*"]\n      rateLimit: ${limits(10)}`);
    expect(await problemsOf(both(6))).toEqual([]);
    expect(await problemsOf(both(7))).toEqual([expect.stringContaining('7 limits of the route and 10 of its virtual host are more than 16 for one request') as string]);
  });

  it('the table has bounds', async () => {
    for (const [value, message] of [[1023, 'from 1024'], [16_777_217, 'up to 16777216']] as const)
      expect(await problemsOf(`limits: { rateLimitKeys: ${value} }\n${withRoutes(['{ cluster: a }'])}`)).toEqual([expect.stringContaining(message) as string]);
  });

  it('what means nothing is warned of', async () => {
    const warnings = brief((await loadText(routeWithLimit('[{ name: n, requests: 1, window: 1s, headers: never, xHeaders: true }, { name: m, requests: 1, window: 1s, shadow: true, status: 503 }]'))).warnings);
    expect(warnings).toEqual([
      '6:36 routes.t[0].routes[0].rateLimit: the rate limit n has xHeaders: true, which means nothing with headers: never',
      '6:36 routes.t[0].routes[0].rateLimit: the rate limit m has an answer, and shadow: true, so that it refuses nothing',
    ]);
  });
});

describe('the JSON Schema', () => {
  it('has rate limits of listeners, virtual hosts and routes', () => {
    const text = JSON.stringify(configJsonSchema());
    expect(text.split('"slidingWindow"').length).toBeGreaterThan(3);
    expect(text).toContain(String(LIMITS.maxRateRequests));
  });
});
