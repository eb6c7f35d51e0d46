import { describe, expect, it } from 'vitest';
import { brief, loadText, withRoutes } from './support.ts';

describe('warnings', () => {
  const warningsOf = async (text: string) => brief((await loadText(text)).warnings);

  it('name routes that are never reached', async () => {
    const clusters = '{ a: { endpoints: [127.0.0.1:1] } }';
    expect(
      await warningsOf(
        withRoutes(
          ['{ match: { path: /a }, cluster: a }', '{ match: { path: /a, methods: [GET] }, cluster: a }'],
          clusters,
        ),
      ),
    ).toEqual([
      '7:11 routes.t[0].routes[1]: this route is never reached: routes[0] before it has the same path and takes every such request',
    ]);
    expect(
      await warningsOf(
        withRoutes(
          ['{ match: { headers: { a: b } }, cluster: a }', '{ match: { headers: { a: b, c: d } }, cluster: a }'],
          clusters,
        ),
      ),
    ).toHaveLength(1);
    for (const [first, second] of [
      ['methods: [GET]', 'methods: [GET, POST]'],
      ['headers: { a: b }', 'headers: { a: c }'],
      ['query: { a: b }', 'headers: { a: b }'],
      ['path: /a', 'pathPrefix: /a'],
    ]) {
      expect(
        await warningsOf(
          withRoutes([`{ match: { ${first} }, cluster: a }`, `{ match: { ${second} }, cluster: a }`], clusters),
        ),
      ).toEqual([]);
    }
  });

  it('name what is unused, without effect, or unsafe', async () => {
    const text = withRoutes(
      ['{ respond: { status: 200 }, retry: { attempts: 1 } }'],
      '{ a: { endpoints: [{ address: 127.0.0.1:1, weight: 0 }], tls: { insecureSkipVerify: true } } }',
    ).replace('routes:\n  t:', 'routes:\n  u: [{ hosts: ["*"], routes: [{ respond: { status: 200 } }] }]\n  t:');
    expect(await warningsOf(text)).toEqual([
      '3:3 routes.u: no listener uses this route table',
      '7:39 routes.t[0].routes[0].retry: "retry" has no effect beside "respond"',
      '8:13 clusters.a: no route uses this cluster',
      '8:29 clusters.a.endpoints: every endpoint has weight 0: requests to this cluster will fail',
      '8:95 clusters.a.tls.insecureSkipVerify: certificates of this cluster are not verified',
    ]);
  });

  it('name choices of a listener that do not go together', async () => {
    const listener = (more: string) => `listeners: [{ name: web, address: 127.0.0.1:0, routes: t, ${more} }]
routes: { t: [{ hosts: ["*"], routes: [{ cluster: a }] }] }
clusters: { a: { endpoints: [127.0.0.1:1] } }
`;
    expect(await warningsOf(listener('underscoresInHeaders: [x_a], keepAliveAfterChunked: true'))).toEqual([]);
    expect(await warningsOf(listener('underscoresInHeaders: true'))).toEqual([expect.stringContaining('underscoresInHeaders: every header name with "_" is forwarded')]);
    expect(await warningsOf(listener('forwarded: { trust: [10.0.0.0/8] }, keepAliveAfterChunked: true'))).toEqual([expect.stringContaining('they carry many users')]);
  });
});
