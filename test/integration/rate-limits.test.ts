import { get } from 'node:http';
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

const statuses = async (port: number, count: number, path = '/', headers: Record<string, string> = {}) => {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await request(port, path, { headers })).status);
  return seen;
};
const times = (status: number, count: number) => Array.from({ length: count }, () => status);

describe.each(['slidingWindow', 'slidingLog', 'gcra', 'tokenBucket'] as const)('%s', (algorithm) => {
  it('lets as many requests through as it says, and tells the others when to come back', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { name: 'api', rateLimit: { requests: 5, window: '1h', algorithm, xHeaders: true } } }));
    expect(await statuses(proxy.port(), 7)).toEqual([...times(200, 5), 429, 429]);
    const refused = await request(proxy.port(), '/');
    expect(refused.status).toBe(429);
    expect(refused.reason).toBe('Too Many Requests');
    const retryAfter = Number(refused.header('retry-after'));
    expect(retryAfter).toBeGreaterThan({ slidingWindow: 0, slidingLog: 3500, gcra: 700, tokenBucket: 700 }[algorithm]);
    expect(retryAfter).toBeLessThanOrEqual(7200);
    expect(refused.header('ratelimit')).toMatch(/^"main\/0\/api";r=0;t=\d+$/);
    expect(refused.header('ratelimit-policy')).toBe('"main/0/api";q=5;w=3600');
    expect(refused.header('x-ratelimit-limit')).toBe('5');
    expect(refused.header('x-ratelimit-remaining')).toBe('0');
    expect(Number(refused.header('x-ratelimit-reset'))).toBeGreaterThan(0);
    expect(refused.text).toContain('rate limit');
    expect(origin.requests.length).toBe(5);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'RL' })).toBe(3);
    expect(await proxy.metric('millrace_rate_limit_requests_total', { limit: 'main/0/api', result: 'allowed' })).toBe(5);
    expect(await proxy.metric('millrace_rate_limit_requests_total', { limit: 'main/0/api', result: 'limited' })).toBe(3);
  });
});

it('two workers admit the limit together, not each', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { rateLimit: { requests: 40, window: '1h' } }, workers: 2 }));
  const answers = await Promise.all(Array.from({ length: 160 }, async () => (await request(proxy.port(), '/')).status));
  expect(answers.filter((status) => status === 200)).toHaveLength(40);
  expect(answers.filter((status) => status === 429)).toHaveLength(120);
});

it('clients are counted apart, by the address behind a trusted proxy', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start({
    ...proxyTo([origin.address], { route: { rateLimit: { requests: 2, window: '1h', key: [{ clientIp: { v4: 24, v6: 64 } }] } } }),
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', forwarded: { trust: ['127.0.0.1'] } }],
  });
  const from = (ip: string, count: number) => statuses(proxy.port(), count, '/', { 'x-forwarded-for': ip });
  expect(await from('192.0.2.1', 2)).toEqual([200, 200]);
  expect(await from('192.0.2.77', 1)).toEqual([429]); // the same /24
  expect(await from('192.0.3.1', 1)).toEqual([200]);
  expect(await from('2001:db8::1', 2)).toEqual([200, 200]);
  expect(await from('2001:db8::ffff:1', 1)).toEqual([429]); // the same /64
  expect(await from('2001:db8:0:1::1', 1)).toEqual([200]);
  // What an untrusted client writes before the proxy's own entry is not believed.
  expect(await from('203.0.113.5, 192.0.2.9', 1)).toEqual([429]);
});

it('an address that a stranger claims is not believed', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { rateLimit: { requests: 2, window: '1h' } } }));
  const claims = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  const seen: number[] = [];
  for (const ip of claims) seen.push(...(await statuses(proxy.port(), 1, '/', { 'x-forwarded-for': ip })));
  expect(seen).toEqual([200, 200, 429]);
});

it('several limits must all allow a request, and one that is refused counts in none', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(
    proxyTo([origin.address], {
      route: {
        name: 'r',
        rateLimit: [
          { name: 'tenant', requests: 3, window: '1h', key: [{ header: 'x-tenant' }] },
          { name: 'all', requests: 5, window: '1h', key: [] },
        ],
      },
    }),
  );
  const as = (tenant: string, count: number) => statuses(proxy.port(), count, '/', { 'x-tenant': tenant });
  expect(await as('a', 5)).toEqual([200, 200, 200, 429, 429]);
  expect(await as('b', 3)).toEqual([200, 200, 429]); // five altogether
  const refused = await request(proxy.port(), '/', { headers: { 'x-tenant': 'c' } });
  expect(refused.header('ratelimit')).toMatch(/^"all";r=0;t=\d+$/);
  expect(await proxy.metric('millrace_rate_limit_requests_total', { limit: 'all', result: 'allowed' })).toBe(5);
});

it('a virtual host has one counter for its routes, a listener one for everything, also for what matches nothing', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start({
    clusters: { up: { endpoints: [origin.address] } },
    listeners: [
      { name: 'web', address: '127.0.0.1:0', routes: 'main' },
      { name: 'small', address: '127.0.0.1:0', routes: 'main', rateLimit: { requests: 2, window: '1h' } },
    ],
    routes: {
      main: [
        {
          hosts: ['a.test'],
          rateLimit: { requests: 3, window: '1h' },
          routes: [{ match: { pathPrefix: '/a' }, cluster: 'up' }, { match: { pathPrefix: '/b' }, respond: { status: 200, body: 'b' } }],
        },
      ],
    },
  });
  expect(await statuses(proxy.port(), 2, '/a')).toEqual([200, 200]);
  expect(await statuses(proxy.port(), 2, '/b')).toEqual([200, 429]);
  expect(await statuses(proxy.port('small'), 3, '/nothing')).toEqual([404, 404, 429]);
});

it('a limit in shadow counts and refuses nothing', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { name: 'r', rateLimit: { requests: 2, window: '1h', shadow: true } } }));
  expect(await statuses(proxy.port(), 5)).toEqual(times(200, 5));
  expect(await proxy.metric('millrace_rate_limit_requests_total', { limit: 'main/0/r', result: 'shadowed' })).toBe(3);
});

it('a refusal says what the configuration wants it to say', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(
    proxyTo([origin.address], {
      route: { rateLimit: { requests: 1, window: '1m', status: 503, body: '{"error":"slow down"}', contentType: 'application/json', headers: 'never' } },
    }),
  );
  await request(proxy.port(), '/');
  const refused = await request(proxy.port(), '/');
  expect(refused.status).toBe(503);
  expect(refused.header('content-type')).toBe('application/json');
  expect(refused.text).toBe('{"error":"slow down"}');
  expect(refused.header('ratelimit')).toBeUndefined();
  const head = await request(proxy.port(), '/', { method: 'HEAD' });
  expect([head.status, head.text, head.header('content-length')]).toEqual([503, '', '21']);
});

it('every answer tells the tightest limit when asked to', async () => {
  const origin = await Origin.start({ answer: (_message, connection) => connection.send(ok('x', 'X-Own: 1\r\n')) });
  const proxy = await Millrace.start(
    proxyTo([origin.address], {
      route: {
        rateLimit: [
          { name: 'wide', requests: 100, window: '1h', headers: 'always' },
          { name: 'tight', requests: 3, window: '1h', headers: 'always' },
        ],
      },
    }),
  );
  for (const left of [2, 1, 0]) {
    const answer = await request(proxy.port(), '/');
    expect(answer.header('ratelimit')).toMatch(new RegExp(`^"tight";r=${left};t=\\d+$`));
    expect(answer.header('x-own')).toBe('1');
    expect(answer.text).toBe('x');
  }
});

it('a body that comes with a refused request does no harm to the next one', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { rateLimit: { requests: 1, window: '1h', key: [{ header: 'x-k' }] } } }));
  for (const expected of [200, 429]) {
    const { status } = await request(proxy.port(), '/', { method: 'POST', body: 'x'.repeat(200_000), headers: { 'x-k': 'a' } });
    expect(status).toBe(expected);
  }
  expect((await request(proxy.port(), '/', { headers: { 'x-k': 'b' } })).status).toBe(200);
});

it('counters outlive a reload, also one that changes the size of the table', async () => {
  const origin = await Origin.start();
  const config = (rateLimitKeys: number, requests: number) => ({
    ...proxyTo([origin.address], { route: { name: 'r', rateLimit: { requests, window: '1h' } } }),
    limits: { rateLimitKeys },
  });
  const proxy = await Millrace.start(config(4096, 3));
  expect(await statuses(proxy.port(), 4)).toEqual([200, 200, 200, 429]);
  await proxy.reload(config(65_536, 3));
  expect(await statuses(proxy.port(), 2)).toEqual([429, 429]);
  await proxy.reload(config(65_536, 5));
  expect(await statuses(proxy.port(), 3)).toEqual([200, 200, 429]);
});

it('a flood of other clients frees nobody from a limit', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start({
    ...proxyTo([origin.address], { route: { name: 'r', rateLimit: { requests: 2, window: '1h', key: [{ header: 'x-k' }] } } }),
    limits: { rateLimitKeys: 1024 },
  });
  const as = (key: string, count: number) => statuses(proxy.port(), count, '/', { 'x-k': key });
  expect(await as('victim', 3)).toEqual([200, 200, 429]);
  await Promise.all(Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; i < 400; i++) await as(`${lane}-${i}`, 1);
  }));
  expect(await as('victim', 1)).toEqual([429]);
  expect(await proxy.metric('millrace_rate_limit_keys')).toBeLessThanOrEqual(await proxy.metric('millrace_rate_limit_key_capacity'));
  expect(await proxy.metric('millrace_rate_limit_unplaced_total')).toBeGreaterThan(0);
});

it('a client address is known to a limit, also of a listener that forwards none', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(
    proxyTo([origin.address], {
      route: { rateLimit: { requests: 2, window: '1h' } },
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', forwarded: { headers: false } }],
    }),
  );
  const from = (localAddress: string): Promise<number> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: proxy.port(), localAddress, agent: false }, (res) => resolve(res.resume().statusCode ?? 0)).on('error', reject);
    });
  const statusesOf = async (address: string): Promise<number[]> => [await from(address), await from(address), await from(address)];
  expect(await statusesOf('127.0.0.1')).toEqual([200, 200, 429]);
  expect(await statusesOf('127.0.0.2')).toEqual([200, 200, 429]);
});
