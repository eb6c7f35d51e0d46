import { expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

const answering = (body: string) => Origin.start({ answer: (_message, connection) => connection.send(ok(body)) });

async function shares(port: number, path: string, count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { status, text } = await request(port, path);
    const answer = status === 200 ? text : String(status);
    seen[answer] = (seen[answer] ?? 0) + 1;
  }
  return seen;
}

it('a route goes to the endpoints of its subset only', async () => {
  const [one, two, canary] = [await answering('one'), await answering('two'), await answering('canary')];
  const clusters = {
    up: {
      balancer: { policy: 'roundRobin' as const },
      endpoints: [
        { address: one.address, metadata: { version: 'v1' } },
        { address: two.address, metadata: { version: 'v1' } },
        { address: canary.address, metadata: { version: 'v2' } },
      ],
      subsets: { keys: [['version']], fallback: 'none' as const },
    },
  };
  const proxy = await Millrace.start({
    clusters,
    routes: {
      main: [
        {
          hosts: ['*'],
          routes: [
            { match: { pathPrefix: '/v1' }, cluster: 'up', subset: { version: 'v1' } },
            { match: { pathPrefix: '/v2' }, cluster: 'up', subset: { version: 'v2' } },
            { match: { pathPrefix: '/v3' }, cluster: 'up', subset: { version: 'v3' } },
            {
              match: { pathPrefix: '/split' },
              weightedClusters: [
                { cluster: 'up', weight: 1, subset: { version: 'v2' } },
                { cluster: 'up', weight: 1, subset: { version: 'v1' } },
              ],
            },
            { cluster: 'up' },
          ],
        },
      ],
    },
  });
  expect(await shares(proxy.port(), '/v1', 10)).toEqual({ one: 5, two: 5 });
  expect(await shares(proxy.port(), '/v2', 5)).toEqual({ canary: 5 });
  expect(await shares(proxy.port(), '/v3', 3)).toEqual({ 503: 3 });
  expect(await shares(proxy.port(), '/', 9)).toEqual({ one: 3, two: 3, canary: 3 });
  const split = await shares(proxy.port(), '/split', 80);
  expect(split['canary']).toBeGreaterThan(20);
  expect(split['canary']).toBeLessThan(60);
});
