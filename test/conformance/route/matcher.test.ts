import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createMatcher } from '../../../src/binding/matcher.ts';
import { compile } from '../../../src/config/compile.ts';
import { ImageReader } from '../../../src/config/image-reader.ts';
import { matchRoute } from '../../reference/route-matcher.ts';
import { routeWith, withHosts } from '../../unit/config/support.ts';

const path = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'ab', 'x'.repeat(40)), { maxLength: 4 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
const host = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const pattern = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
  fc.constant('*'),
);
const match = fc.record({
  path: fc.oneof(
    fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: path }),
    fc.record({ kind: fc.constant('regex' as const), value: fc.constantFrom('/a.*', '/(a|b)/?', '.*b') }),
  ),
  methods: fc.subarray(['GET', 'POST', 'SEARCH']),
  query: fc.array(
    fc.record({
      name: fc.constantFrom('p', 'q'),
      op: fc.constantFrom('present' as const, 'exact' as const),
      value: fc.constantFrom('a', 'b'),
      negate: fc.boolean(),
    }),
    { maxLength: 1 },
  ),
});
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'SEARCH', 'BREW'),
  host,
  path,
  query: fc.constantFrom('', 'p=a', 'q=b&p=b', 'r=a'),
});

it('the native matcher follows the written rules on any configuration and request', () => {
  const hosts = fc.array(fc.tuple(pattern, fc.array(match, { minLength: 1, maxLength: 8 })), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(hosts, fc.array(request, { minLength: 20, maxLength: 20 }), (list, requests) => {
      const config = withHosts(
        [...new Map(list)].map(([name, matches], i) => ({
          name: `h${i}`,
          hosts: [name],
          routes: matches.map((one, j) => routeWith(`r${i}.${j}`, one)),
        })),
      );
      const { image } = compile(config);
      const reader = new ImageReader(image);
      const matcher = createMatcher(image);
      const nameOf = (index: number) => {
        const row = index < 0 ? undefined : reader.row('ROUTE', index);
        return row === undefined ? undefined : reader.text(row.nameOffset, row.nameLength);
      };
      for (const one of requests) {
        const line = `${one.method} ${one.host} ${one.path}${one.query === '' ? '' : `?${one.query}`}`;
        expect(nameOf(matcher.match(line)), line).toBe(matchRoute(config, 't', { ...one, headers: [] })?.name);
      }
    }),
    { numRuns: 300 },
  );
});

it('the native matcher refuses what is no image, and a route table that is not there', () => {
  const { image } = compile(withHosts([]));
  expect(() => createMatcher(new ArrayBuffer(64))).toThrow(RangeError);
  expect(() => createMatcher(image, 1)).toThrow('no such route table');
  const matcher = createMatcher(image);
  expect(matcher.match('GET a /')).toBe(-1);
  expect(() => matcher.timeMatches(1, 1)).toThrow('no requests');
  expect(matcher.setRequests('GET a /\n\nGET b /x?y')).toBe(2);
  expect(matcher.timeMatches(1_000, 2)).toBeGreaterThan(0);
});
