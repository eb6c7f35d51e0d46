import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NONE, RECORDS } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { hash32 } from '../../../src/config/hash.ts';
import { ImageReader } from '../../../src/config/image-reader.ts';
import { findVhost, lookUp } from '../../reference/image-lookup.ts';
import { matchRoute, type MatchRequest } from '../../reference/route-matcher.ts';
import { imageOf, routeWith, withHosts } from './support.ts';

const request = (host: string, path: string, more: Partial<MatchRequest> = {}): MatchRequest => ({
  method: 'GET',
  host,
  path,
  headers: [],
  query: '',
  ...more,
});

describe('the tables of an image', () => {
  it('find a host by exact name, then the longest suffix, then "*"', () => {
    const host = (name: string, ...hosts: string[]) => ({
      name,
      hosts,
      routes: [routeWith(name, {})],
    });
    const config = withHosts([
      host('any', '*'),
      host('com', '*.com'),
      host('ex', '*.example.com'),
      host('api', 'api.example.com', 'example.com'),
    ]);
    const read = imageOf(config);
    const find = (name: string) => lookUp(read, 0, request(name, '/'));
    expect(
      [
        'api.example.com',
        'example.com',
        'www.example.com',
        'a.b.example.com',
        'x.com',
        'com',
        'badexample.com',
        'example.org',
        '',
      ].map(find),
    ).toEqual(['api', 'api', 'ex', 'ex', 'com', 'any', 'com', 'any', 'any']);
    const table = read.row('ROUTE_TABLE', 0);
    expect([table.hostCapacity, table.wildCapacity, table.wildMaxLabels]).toEqual([4, 4, 2]);
    expect(
      findVhost(imageOf(withHosts([host('a', 'a')])), imageOf(withHosts([host('a', 'a')])).row('ROUTE_TABLE', 0), 'b'),
    ).toBe(NONE);
  });

  it('find a path: exact, regexes as declared, prefixes by length, equals as declared, and on when predicates fail', () => {
    const get = ['GET'];
    const config = withHosts([
      {
        name: 'h',
        hosts: ['*'],
        routes: [
          routeWith('all', { path: { kind: 'prefix', value: '/' } }),
          routeWith('v1', { path: { kind: 'prefix', value: '/v1' } }),
          routeWith('v1-below', { path: { kind: 'prefix', value: '/v1/' }, methods: get }),
          routeWith('regex-get', { path: { kind: 'regex', value: '/v1/[0-9]+' }, methods: get }),
          routeWith('regex-any', { path: { kind: 'regex', value: '/v1/[0-9a-f]+' } }),
          routeWith('exact-get', { path: { kind: 'exact', value: '/v1/7' }, methods: get }),
          routeWith('exact-head', { path: { kind: 'exact', value: '/v1/7' }, methods: ['HEAD'] }),
        ],
      },
    ]);
    const read = imageOf(config);
    const find = (path: string, method = 'GET') => lookUp(read, 0, request('x', path, { method }));
    expect([
      find('/v1/7'),
      find('/v1/7', 'HEAD'),
      find('/v1/7', 'PUT'),
      find('/v1/8'),
      find('/v1/ff'),
      find('/v1/zz'),
      find('/v1/zz', 'PUT'),
      find('/v1/'),
      find('/v1'),
      find('/v10'),
      find('/'),
    ]).toEqual([
      'exact-get',
      'exact-head',
      'regex-any',
      'regex-get',
      'regex-any',
      'v1-below',
      'v1',
      'v1-below',
      'v1',
      'all',
      'all',
    ]);
  });

  const segment = fc.constantFrom('a', 'b', 'ab', 'x'.repeat(40));
  const path = fc
    .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
    .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
  const label = fc.constantFrom('a', 'b', 'c');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const predicate = fc.record({
    name: fc.constantFrom('p', 'q'),
    op: fc.constantFrom(
      'present' as const,
      'exact' as const,
      'prefix' as const,
      'suffix' as const,
      'contains' as const,
      'regex' as const,
    ),
    value: fc.constantFrom('a', 'b', 'ab'),
    negate: fc.boolean(),
  });
  const match = fc.record({
    path: fc.oneof(
      fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: path }),
      fc.record({
        kind: fc.constant('regex' as const),
        value: fc.constantFrom('/a.*', '/(a|b)/?', '.*b', '/[^/]+/[^/]+'),
      }),
    ),
    methods: fc.subarray(['GET', 'POST', 'SEARCH']),
    headers: fc.array(predicate, { maxLength: 2 }),
    query: fc.array(predicate, { maxLength: 1 }),
  });
  const pairs = fc.array(fc.tuple(fc.constantFrom('p', 'q', 'r'), fc.constantFrom('a', 'b', 'ab', 'ba', '')), {
    maxLength: 3,
  });
  const anyRequest = fc.record({
    method: fc.constantFrom('GET', 'POST', 'SEARCH', 'BREW'),
    host: name,
    path,
    headers: pairs,
    query: pairs.map((list) => new URLSearchParams(list as [string, string][]).toString()),
  });

  it('agree with the written rules on any configuration and request', () => {
    const hosts = fc.array(
      fc.tuple(
        fc.oneof(
          name,
          name.map((text) => `*.${text}`),
          fc.constant('*'),
        ),
        fc.array(match, { minLength: 1, maxLength: 8 }),
      ),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(hosts, fc.array(anyRequest, { minLength: 10, maxLength: 10 }), (list, requests) => {
        const unique = [...new Map(list).entries()];
        const config = withHosts(
          unique.map(([pattern, matches], i) => ({
            name: `h${i}`,
            hosts: [pattern],
            routes: matches.map((one, j) => routeWith(`r${i}.${j}`, one)),
          })),
        );
        const read = imageOf(config);
        for (const one of requests)
          expect(lookUp(read, 0, one), JSON.stringify(one)).toBe(matchRoute(config, 't', one)?.name);
      }),
      { numRuns: 300 },
    );
  });

  it('keep long prefixes apart, which share a bit of the bitmap', () => {
    const long = (length: number) => `/${'y'.repeat(length - 1)}`;
    const config = withHosts([
      {
        name: 'h',
        hosts: ['*'],
        routes: [31, 32, 62, 63, 64, 200].map((length) =>
          routeWith(`p${length}`, { path: { kind: 'prefix', value: long(length) } }),
        ),
      },
    ]);
    const read = imageOf(config);
    expect([31, 32, 33, 62, 63, 64, 200].map((length) => lookUp(read, 0, request('x', `${long(length)}/z`)))).toEqual([
      'p31',
      'p32',
      undefined,
      'p62',
      'p63',
      'p64',
      'p200',
    ]);
    expect(read.row('VHOST', 0)).toMatchObject({ prefixLengthsLow: 0x8000_0000, prefixLengthsHigh: 0xc000_0001 });
  });

  it('hold every key at its hash, within a probe of its home slot', () => {
    const config = withHosts(
      Array.from({ length: 500 }, (_, i) => ({
        name: `h${i}`,
        hosts: [`h${i}.example.com`, `*.h${i}.example.com`],
        routes: [routeWith(`r${i}`, {})],
      })),
    );
    const read = imageOf(config);
    const table = read.row('ROUTE_TABLE', 0);
    const slots = read.rows('HOST', table.hostStart, table.hostCapacity);
    expect(slots.filter((slot) => slot.vhost !== NONE)).toHaveLength(500);
    expect(table.hostCapacity).toBe(1_024);
    for (const slot of slots)
      if (slot.vhost !== NONE) expect(slot.hash).toBe(hash32(read.slice(slot.keyOffset, slot.keyLength), 0));
    for (const slot of slots)
      if (slot.vhost === NONE) expect(slot).toEqual({ hash: NONE, keyOffset: NONE, keyLength: NONE, vhost: NONE });
  });

  it('for 10,000 hosts of 10 paths are made in seconds, and found', () => {
    const hosts = Array.from({ length: 10_000 }, (_, i) => ({
      name: `h${i}`,
      hosts: [`h${i}.example.com`],
      routes: Array.from({ length: 10 }, (_, j) =>
        routeWith(`r${i}.${j}`, { path: { kind: j < 5 ? 'exact' : 'prefix', value: `/path/${j}` } }),
      ),
    }));
    const started = performance.now();
    const { image } = compile(withHosts(hosts));
    expect(performance.now() - started).toBeLessThan(10_000);
    const read = new ImageReader(image);
    for (const i of [0, 1, 4_999, 9_999])
      expect([
        lookUp(read, 0, request(`h${i}.example.com`, '/path/3')),
        lookUp(read, 0, request(`h${i}.example.com`, '/path/7/x')),
      ]).toEqual([`r${i}.3`, `r${i}.7`]);
    expect(read.count('ROUTE')).toBe(100_000);
    expect(read.sectionBytes('ROUTE')).toBe(100_000 * RECORDS.ROUTE.length * 4);
  });
});
