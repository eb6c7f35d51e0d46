/** Policies that keep a client on its endpoint. */
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const POLICIES = ['ringHash', 'maglev', 'rendezvous'] as const;

/** Origins that answer with their own number. */
async function numbered(count: number): Promise<Origin[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => Origin.start({ answer: (_message, connection) => connection.send(ok(String(i))) })));
}

const addressesOf = (origins: Origin[]) => origins.map(({ address }) => address);

describe.each(POLICIES)('%s', (policy) => {
  it('keeps a key on its endpoint, on every worker and after a restart', async () => {
    const origins = await numbered(5);
    const config = proxyTo(addressesOf(origins), { cluster: { balancer: { policy, hashOn: [{ header: 'x-user' }] } }, workers: 2 });
    const homes: string[][] = [];
    for (let run = 0; run < 2; run++) {
      const proxy = await Millrace.start(config);
      const seen: string[] = [];
      for (let user = 0; user < 40; user++) {
        const answers = new Set<string>();
        for (let i = 0; i < 4; i++) answers.add((await request(proxy.port(), '/', { headers: { 'x-user': `user-${user}` } })).text);
        expect([...answers]).toHaveLength(1);
        seen.push(...answers);
      }
      homes.push(seen);
    }
    expect(homes[0]).toEqual(homes[1]);
    expect(new Set(homes[0]).size).toBe(5);
  });

  it('moves the keys of an endpoint that leaves, and few others', async () => {
    const origins = await numbered(6);
    const of = (some: Origin[]) => proxyTo(addressesOf(some), { cluster: { balancer: { policy, hashOn: ['path'] } } });
    const proxy = await Millrace.start(of(origins));
    const ask = async () => Promise.all(Array.from({ length: 120 }, async (_, i) => (await request(proxy.port(), `/k/${i}`)).text));
    const before = await ask();
    await proxy.reload(of(origins.slice(0, 5)));
    const after = await ask();
    expect(after).not.toContain('5');
    const moved = before.filter((home, i) => home !== '5' && home !== after[i]).length;
    // Maglev moves a few keys of the others, too; the others none.
    expect(moved).toBeLessThanOrEqual(policy === 'maglev' ? 12 : 0);
  });
});

it('a missing cookie is made up once, and leads back', async () => {
  const origins = await numbered(4);
  const proxy = await Millrace.start(
    proxyTo(addressesOf(origins), { cluster: { balancer: { policy: 'maglev', hashOn: [{ cookie: { name: 'mr', ttl: '1h', path: '/app' } }] } } }),
  );
  const homes = new Set<string>();
  for (let client = 0; client < 24; client++) {
    const first = await request(proxy.port(), '/app');
    const cookie = first.header('set-cookie') ?? '';
    expect(cookie).toMatch(/^mr=[0-9a-f]{16}; Path=\/app; Max-Age=3600; HttpOnly; SameSite=Lax$/);
    homes.add(first.text);
    for (let i = 0; i < 3; i++) {
      const next = await request(proxy.port(), '/app', { headers: { cookie: `other=1; ${cookie.split(';', 1)[0] ?? ''}` } });
      expect(next.text).toBe(first.text);
      expect(next.header('set-cookie')).toBeUndefined();
    }
  }
  expect(homes.size).toBe(4);
});

it('a hot key spills over to others when its endpoint has more than its share', async () => {
  const held: (() => void)[] = [];
  const origins = await Promise.all(
    [0, 1, 2, 3].map((i) => Origin.start({ answer: (_message, connection) => void held.push(() => connection.send(ok(String(i)))) })),
  );
  const proxy = await Millrace.start(
    proxyTo(addressesOf(origins), { cluster: { balancer: { policy: 'maglev', hashOn: ['path'], hashBalanceFactor: 125 } } }),
  );
  const answers = Array.from({ length: 40 }, () => request(proxy.port(), '/the-one'));
  await eventually(() => held.length === 40);
  // 125 % of a mean of ten, rounded up, and what the order of arrival adds.
  for (const { requests } of origins) expect(requests.length).toBeLessThanOrEqual(14);
  for (const answer of held) answer();
  for (const answer of answers) expect((await answer).status).toBe(200);
});

it('the bound goes by the load of the subset, not of the whole cluster', async () => {
  const held: (() => void)[] = [];
  const origins = await Promise.all([0, 1, 2, 3].map((i) => Origin.start({ answer: (_message, connection) => void held.push(() => connection.send(ok(String(i)))) })));
  const proxy = await Millrace.start({
    clusters: {
      up: {
        balancer: { policy: 'maglev', hashOn: ['path'], hashBalanceFactor: 100 },
        endpoints: origins.map(({ address }, i) => ({ address, metadata: { half: i < 2 ? 'a' : 'b' } })),
        subsets: { keys: [['half']] },
      },
    },
    routes: {
      main: [
        {
          hosts: ['*'],
          routes: [
            { match: { pathPrefix: '/a' }, cluster: 'up', subset: { half: 'a' } },
            { match: { pathPrefix: '/b' }, cluster: 'up', subset: { half: 'b' } },
          ],
        },
      ],
    },
  });
  const busy = Array.from({ length: 40 }, (_, i) => request(proxy.port(), `/a/${i}`));
  await eventually(() => held.length === 40);
  const few = Array.from({ length: 10 }, () => request(proxy.port(), '/b/the-one'));
  await eventually(() => held.length === 50);
  // A mean over all four would let one of them take all ten.
  expect(origins.slice(2).map(({ requests }) => requests.length)).toEqual([5, 5]);
  for (const answer of held) answer();
  for (const answer of [...busy, ...few]) expect((await answer).status).toBe(200);
});

it('a request without the key goes anywhere', async () => {
  const origins = await numbered(3);
  const proxy = await Millrace.start(proxyTo(addressesOf(origins), { cluster: { balancer: { policy: 'ringHash', hashOn: [{ header: 'x-user' }] } } }));
  const homes = new Set<string>();
  for (let i = 0; i < 60; i++) homes.add((await request(proxy.port(), '/')).text);
  expect(homes.size).toBe(3);
});

it('the client behind a trusted proxy is the key, not the proxy', async () => {
  const origins = await numbered(4);
  const proxy = await Millrace.start({
    ...proxyTo(addressesOf(origins), { cluster: { balancer: { policy: 'rendezvous', hashOn: ['clientIp'] } } }),
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', forwarded: { trust: ['127.0.0.1'] } }],
  });
  const home = async (ip: string) => (await request(proxy.port(), '/', { headers: { 'x-forwarded-for': ip } })).text;
  const homes = new Map<string, string>();
  for (let i = 0; i < 40; i++) homes.set(`192.0.2.${i}`, await home(`192.0.2.${i}`));
  expect(new Set(homes.values()).size).toBe(4);
  for (const [ip, was] of homes) expect(await home(`203.0.113.9, ${ip}`)).toBe(was);
});
