import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as engine from '../../../src/binding/addon.ts';
import { compile } from '../../../src/config/compile.ts';
import type { PredicateConfig } from '../../../src/config/types.ts';
import { install } from '../../../src/control/engine.ts';
import { explainRequest } from '../../../src/control/explain/explain.ts';
import { explainBody } from '../../../src/control/explain/input.ts';
import { explanation, type ExplainedStep } from '../../../src/control/explain/schema.ts';
import { attempts, findVirtualHost, matchRoute } from '../../reference/route-matcher.ts';
import { routeWith, withHosts } from '../../unit/config/support.ts';

const path = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'ab', 'x'.repeat(40)), { maxLength: 4 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
const host = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const pattern = fc.oneof(host, host.map((name) => `*.${name}`), fc.constant('*'));
const predicate = (name: string): fc.Arbitrary<PredicateConfig> =>
  fc.record({ name: fc.constantFrom(`${name}1`, `${name}2`), op: fc.constantFrom('present', 'exact', 'prefix', 'suffix', 'contains', 'regex'), value: fc.constantFrom('a', 'ab', 'b'), negate: fc.boolean() });
const match = fc.record({
  path: fc.oneof(
    fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: path }),
    fc.record({ kind: fc.constant('regex' as const), value: fc.constantFrom('/a.*', '/(a|b)/?', '.*b') }),
  ),
  methods: fc.subarray(['GET', 'POST', 'SEARCH']),
  headers: fc.array(predicate('x-'), { maxLength: 2 }),
  query: fc.array(predicate('q'), { maxLength: 2 }),
});
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'SEARCH', 'BREW'),
  host,
  path,
  query: fc.constantFrom('', 'q1=a', 'q2=b&q1=ab', 'r=a'),
  headers: fc.array(fc.tuple(fc.constantFrom('x-1', 'x-2'), fc.constantFrom('a', 'b', 'bab')), { maxLength: 3 }),
});

/** As the reference writes it. */
function stepOf({ route, failed }: ExplainedStep): [string, unknown] {
  if (failed === null || failed.kind === 'method') return [route, failed?.kind ?? null];
  const { name, op, expected, negate } = failed;
  return [route, { name, op, value: expected, negate }];
}

it('what is explained of any request is the route that it gets, and every near miss with its first reason', () => {
  const hosts = fc.array(fc.tuple(pattern, fc.array(match, { minLength: 1, maxLength: 8 })), { minLength: 1, maxLength: 8 });
  let explained = 0;
  fc.assert(
    fc.property(hosts, fc.array(request, { minLength: 20, maxLength: 20 }), (list, requests) => {
      const config = withHosts([...new Map(list)].map(([name, matches], i) => ({ name: `h${i}`, hosts: [name], routes: matches.map((one, j) => routeWith(`r${i}.${j}`, one)) })));
      const { image } = compile(config);
      const version = install(engine, config, image);
      for (const { method, host: name, path: raw, query, headers } of requests) {
        const target = query === '' ? raw : `${raw}?${query}`;
        const input = explainBody.parse({ method, host: name, path: target, headers });
        const answer = explainRequest({ config, version, engine, bound: [], live: false, evidence: () => ({ evidence: null, until: null }), nowMs: 0 }, input);
        const { match: told, route } = explanation.parse(answer);
        const asked = { method, host: name, path: raw, query, headers };
        const note = JSON.stringify(asked);
        expect(told?.route ?? undefined, note).toBe(matchRoute(config, 't', asked)?.name);
        expect(route?.name ?? null).toBe(told?.route);
        const virtualHost = findVirtualHost(config.routes['t'] ?? [], name);
        expect(told?.virtualHost?.name, note).toBe(virtualHost?.name);
        if (virtualHost === undefined) continue;
        const all = attempts(virtualHost, asked).map(({ route: one, failed }): [string, unknown] => [one.name, failed]);
        const end = all.findIndex(([, failed]) => failed === null) + 1;
        expect(told?.tried.map(stepOf), note).toEqual(end === 0 ? all : all.slice(0, end));
        // The same, in the order of the configuration.
        const declared = virtualHost.routes.map((one) => one.name);
        const rest = end === 0 ? [] : all.slice(end).sort(([a], [b]) => declared.indexOf(a) - declared.indexOf(b));
        expect(told?.notReached.map(stepOf), note).toEqual(rest);
        explained++;
      }
    }),
    { numRuns: 250 },
  );
  expect(explained).toBeGreaterThan(1000);
});
