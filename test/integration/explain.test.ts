/** What POST /explain says, held against what the very same request then gets. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explanation, type Explanation } from '../../src/control/explain/schema.ts';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

async function explain(proxy: Millrace, question: object): Promise<Explanation> {
  const answer = await proxy.adminCall('POST', '/explain', { host: `127.0.0.1:${proxy.port()}`, ...question });
  expect(answer.status, answer.text).toBe(200);
  return explanation.parse(JSON.parse(answer.text));
}

/** Origins that answer with their own address. */
const named = (count: number): Promise<Origin[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const origin: Origin = await Origin.start();
      origin.answer = (_request, connection) => connection.send(ok(origin.address));
      return origin;
    }),
  );
const addressesOf = (origins: readonly Origin[]): string[] => origins.map(({ address }) => address);
const station = ({ clusters }: Explanation, hop = 0) => clusters[0]?.chain[hop];

describe.each(['slidingWindow', 'slidingLog', 'gcra'] as const)('a rate limit by %s', (algorithm) => {
  it('is told as the next request meets it, and nothing is taken by telling', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { name: 'r', rateLimit: { requests: 4, window: '1h', algorithm, headers: 'always', key: [{ header: 'x-tenant' }] } } }));
    const headers = { 'x-tenant': 'a' };
    for (let left = 4; left >= 0; left--) {
      let told = await explain(proxy, { headers });
      for (let i = 0; i < 3; i++) told = await explain(proxy, { headers });
      const [limit] = told.route?.rateLimits?.limits ?? [];
      expect(limit).toMatchObject({ name: 'main/0/r', left, refuses: left === 0, counts: true, key: [{ kind: 'header', name: 'x-tenant', value: 'a' }] });
      const answer = await request(proxy.port(), '/', { headers });
      expect(told.outcome).toMatchObject(left === 0 ? { status: 429, flag: 'RL', routed: false } : { kind: 'forward', routed: true });
      expect(answer.status).toBe(left === 0 ? 429 : 200);
      const shown = /r=(\d+);t=(\d+)/.exec(answer.header('ratelimit') ?? '');
      if (left > 0) expect(Number(shown?.[1])).toBe(left - 1);
      // A second may pass between the two.
      else expect(Math.abs(Number(answer.header('retry-after')) - (told.route?.rateLimits?.refused?.retryAfterS ?? 0))).toBeLessThanOrEqual(1);
    }
    // Another client has its own counter, and one without the header shares that of all such.
    expect((await explain(proxy, { headers: { 'x-tenant': 'b' } })).route?.rateLimits?.limits[0]?.left).toBe(4);
    expect((await explain(proxy, {})).route?.rateLimits?.limits[0]).toMatchObject({ left: 4, key: [{ value: null }] });
    expect(origin.requests).toHaveLength(4);
  });
});

it('the limit of a listener comes first, and the limit that makes one wait longest is named', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start({
    ...proxyTo([origin.address], { route: { name: 'r', rateLimit: [{ name: 'short', requests: 1, window: '10s' }, { name: 'long', requests: 1, window: '1h' }] } }),
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', rateLimit: { name: 'door', requests: 2, window: '1h', key: [] } }],
  });
  expect((await explain(proxy, {})).listener.rateLimits?.limits[0]).toMatchObject({ name: 'door', left: 2 });
  expect((await request(proxy.port(), '/')).status).toBe(200);
  const second = await explain(proxy, {});
  expect(second.route?.rateLimits?.refused?.by).toBe('long');
  expect(second.outcome.text).toContain('long');
  expect((await request(proxy.port(), '/')).status).toBe(429);
  const third = await explain(proxy, {});
  expect(third.outcome).toMatchObject({ status: 429, text: 'the rate limit door is reached' });
  // What lies behind is told all the same.
  expect(third.match?.route).toBe('r');
});

describe.each(['ringHash', 'maglev', 'rendezvous'] as const)('%s', (policy) => {
  it('tells the endpoint that a request then gets, for any key, weights and a bound', async () => {
    const origins = await named(4);
    const endpoints = origins.map(({ address }, i) => ({ address, weight: 1 + (i % 2) }));
    const proxy = await Millrace.start(proxyTo(endpoints, { cluster: { balancer: { policy, hashOn: [{ header: 'x-user' }, { query: 'u' }], hashBalanceFactor: 125 } } }));
    const seen = new Set<string>();
    for (let user = 0; user < 40; user++) {
      const question = user % 2 === 0 ? { headers: { 'x-user': `user ${user}` }, path: '/' } : { path: `/?u=${user}` };
      const { pick, hash, candidates } = station(await explain(proxy, question)) ?? {};
      const { text } = await request(proxy.port(), question.path, { headers: question.headers ?? {} });
      expect(pick).toMatchObject({ result: 'picked', endpoint: text });
      expect(hash).toMatchObject({ present: true, madeUp: false, owner: text, bound: { overflow: false } });
      expect(candidates?.[0]).toMatchObject({ endpoint: text, share: 1 });
      seen.add(text);
    }
    expect(seen.size).toBe(4);
    // Without a hash it is drawn by weight.
    const drawn = station(await explain(proxy, {}));
    expect(drawn?.hash?.present).toBe(false);
    expect(drawn?.candidates.map(({ share, weight }) => [weight, Math.round((share ?? 0) * 6)])).toEqual([[2, 2], [2, 2], [1, 1], [1, 1]]);
  });
});

it('an owner above its bounded load is passed over, as the next request sees', async () => {
  const origins = await named(3);
  const proxy = await Millrace.start(proxyTo(addressesOf(origins), { cluster: { balancer: { policy: 'maglev', hashOn: [{ header: 'x-user' }], hashBalanceFactor: 100 } } }));
  const headers = { 'x-user': 'one' };
  const home = (await request(proxy.port(), '/', { headers })).text;
  const owner = origins.find(({ address }) => address === home);
  if (owner === undefined) throw new Error('nobody answered');
  owner.answer = () => undefined;
  const held = request(proxy.port(), '/held', { headers }).catch(() => null);
  await eventually(() => {
    if (!owner.requests.some(({ target }) => target === '/held')) throw new Error('not there yet');
    return Promise.resolve();
  });
  const { hash, pick, candidates } = station(await explain(proxy, { headers })) ?? {};
  expect(hash).toMatchObject({ owner: home, bound: { totalActive: 1, ownerActive: 1, ownerMost: 1, overflow: true } });
  expect(pick?.endpoint).not.toBe(home);
  expect(candidates?.find(({ endpoint }) => endpoint === home)).toMatchObject({ active: 1, why: 'owns the hash, but is above its bounded load' });
  expect((await request(proxy.port(), '/', { headers })).text).toBe(pick?.endpoint);
  for (const connection of owner.open) connection.send(ok());
  await held;
});

it('shares of a policy in turn are those of the requests', async () => {
  const origins = await named(3);
  const endpoints = origins.map(({ address }, i) => ({ address, weight: i + 1 }));
  const proxy = await Millrace.start(proxyTo(endpoints, { cluster: { balancer: { policy: 'roundRobin' } } }));
  const first = station(await explain(proxy, {}));
  expect(first?.pick).toMatchObject({ result: 'drawn', endpoint: null });
  const told = first?.candidates ?? [];
  for (let i = 0; i < 60; i++) await request(proxy.port(), '/');
  for (const [i, { address, requests }] of origins.entries()) {
    const share = told.find(({ endpoint }) => endpoint === address)?.share ?? 0;
    expect(share).toBeCloseTo((i + 1) / 6, 5);
    expect(Math.abs(requests.length - 60 * share)).toBeLessThanOrEqual(1);
  }
});

it('the head that is told is the head that goes upstream, and a rewrite with it', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(
    proxyTo([origin.address], {
      route: { match: { pathPrefix: '/v1' }, rewrite: { prefix: '/api', host: 'inner.test' }, propagateDeadline: true, requestHeaders: { set: { 'x-a': '1' }, remove: ['x-b'] } },
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', requestId: false }],
    }),
  );
  const headers = { 'x-b': 'gone', 'x-c': 'kept', connection: 'keep-alive' };
  const told = await explain(proxy, { host: 'a.test', path: '/v1//x/./y?q=1', headers });
  await request(proxy.port(), '/v1//x/./y?q=1', { headers });
  const { startLine: line = '', fields = [] } = origin.requests[0]?.head ?? {};
  expect(told.route?.upstream?.line).toBe(line);
  expect(line).toBe('GET /api/x/y?q=1 HTTP/1.1');
  // The deadline counts down from the timeout.
  const known = (lines: readonly (readonly string[])[]): string[] => lines.map(([name, value]) => (/deadline|timeout/.test(name ?? '') ? name : `${name}: ${value}`)).map(String);
  expect(known(told.route?.upstream?.headers ?? [])).toEqual(known(fields));
  expect(told.route?.deadline).toMatchObject({ askedMs: null, sentMs: 15_000 });
});

it('who would wait for an endpoint is told, and who finds the queue full', async () => {
  const origin = await Origin.start({ answer: () => undefined });
  const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { endpoints: [{ address: origin.address, maxRequests: 1 }], queue: { max: 1, timeout: '1m' } } }));
  expect((await explain(proxy, {})).outcome).toMatchObject({ kind: 'forward', text: 'goes to up' });
  const held = [request(proxy.port(), '/1').catch(() => null)];
  const outcome = async (text: string): Promise<void> =>
    void (await eventually(async () => {
      const told = await explain(proxy, {});
      if (told.outcome.text !== text) throw new Error(JSON.stringify(told.outcome));
    }));
  await outcome('waits for an endpoint of up');
  expect(station(await explain(proxy, {}))?.candidates[0]).toMatchObject({ active: 1, given: false, why: 'at its maxRequests (1)' });
  held.push(request(proxy.port(), '/2').catch(() => null));
  await outcome('every endpoint of up is at its limit of requests, and the queue is full');
  expect((await request(proxy.port(), '/3')).status).toBe(503);
  origin.answer = (_request, connection) => connection.send(ok());
  for (const connection of origin.open) connection.send(ok());
  await Promise.all(held);
});

it('nothing is counted, contacted or taken by asking', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { name: 'r', rateLimit: { requests: 9, window: '1h' } }, cluster: { circuitBreaker: { threshold: 0.5 } } }));
  const counters = async (): Promise<string[]> => {
    const { text } = await proxy.admin('/metrics');
    return text.split('\n').filter((one) => /^millrace_(request|cluster|endpoint|route|rate|listener|connections|downstream|upstream)/.test(one));
  };
  await request(proxy.port(), '/');
  const before = await counters();
  for (let i = 0; i < 50; i++) await explain(proxy, { path: `/${i}`, method: i % 2 === 0 ? 'GET' : 'POST' });
  expect(await counters()).toEqual(before);
  expect(origin.requests).toHaveLength(1);
  expect(origin.connections).toBe(1);
});

it('an open circuit breaker is told, and who stands in for the cluster', async () => {
  const bad = await Origin.start({ answer: (_request, connection) => connection.send('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n') });
  const good = await Origin.start();
  const proxy = await Millrace.start({
    routes: { main: [{ hosts: ['*'], routes: [{ name: 'r', cluster: 'first' }] }] },
    clusters: {
      first: { endpoints: [bad.address], circuitBreaker: { threshold: 0.5, minRequests: 4, interval: '1h', scope: 'cluster' }, fallback: { cluster: 'second' }, outlierDetection: false },
      second: { endpoints: [good.address] },
    },
  });
  expect(await explain(proxy, {})).toMatchObject({ outcome: { text: 'goes to first' }, clusters: [{ chain: [{ cluster: 'first', takes: true, breaker: { state: 'closed' } }] }] });
  for (let i = 0; i < 4; i++) await request(proxy.port(), '/');
  const told = await explain(proxy, {});
  expect(told.outcome).toMatchObject({ kind: 'forward', routed: true, text: 'goes to second, which stands in for first' });
  expect(station(told)).toMatchObject({ takes: false, breaker: { state: 'open' }, text: 'its circuit breaker is open, so its fallback is asked' });
  expect(station(told, 1)).toMatchObject({ cluster: 'second', takes: true });
  expect((await request(proxy.port(), '/')).status).toBe(200);
});

it('endpoints that are not available are told with what was seen', async () => {
  const origins = await named(2);
  const [up, down] = origins;
  if (up === undefined || down === undefined) throw new Error('two were asked for');
  const proxy = await Millrace.start(proxyTo(addressesOf(origins), { cluster: { healthCheck: { http: { path: '/healthz' }, interval: '100ms', timeout: '90ms', unhealthyThreshold: 1 }, balancer: { panicThreshold: 0 } } }));
  down.answer = (_request, connection) => connection.send('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n');
  const told = await eventually(async () => {
    const { candidates = [] } = station(await explain(proxy, {})) ?? {};
    const one = candidates.find(({ endpoint }) => endpoint === down.address);
    if (one?.health.includes('unhealthy') !== true) throw new Error(`still ${JSON.stringify(one)}`);
    return { one, other: candidates.find(({ endpoint }) => endpoint === up.address) };
  });
  expect(told.one).toMatchObject({ share: 0, given: false, why: 'not available: unhealthy' });
  expect(told.one.evidence).toMatch(/503/);
  expect(told.other).toMatchObject({ share: 1, given: true });
});

it('the command asks a running proxy, with the token that it is given', async () => {
  const origin = await Origin.start();
  const token = 'a-token-of-the-test';
  const proxy = await Millrace.start({ ...proxyTo([origin.address], { route: { name: 'r', rateLimit: { requests: 2, window: '1h' } } }), admin: { address: '127.0.0.1:0', tokens: [{ name: 'look', token, readOnly: true }] } });
  await request(proxy.port(), '/');
  const file = join(proxy.directory, 'token');
  writeFileSync(file, `${token}\n`);
  const ask = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const command = Millrace.command(['explain', '--admin', `http://127.0.0.1:${proxy.adminPort}`, '--path', '/x', ...args]);
    const { code } = await command.exited;
    return { code, stdout: command.stdout, stderr: command.stderr };
  };
  const told = await ask('--token-file', file);
  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout).toMatch(/limits +main\/0\/r: 2 per 1h.*: 1 left/s);
  expect(told.stdout).not.toContain('Nobody runs');
  const refused = await ask();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/answers 401: .*--token-file/);
});

it('refusals are told as they are answered', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { match: { pathPrefix: '/in' } } }));
  const cases: [object, number][] = [
    [{ path: '/in/%2f' }, 400],
    [{ path: '/out' }, 404],
    [{ path: '/in', method: 'TRACE' }, 405],
    [{ path: `/in/${'x'.repeat(9000)}` }, 414],
    [{ path: '/in', headers: { 'content-length': '1x' } }, 400],
    [{ path: '/in', headers: { 'x-a': 'a\nb' } }, 400],
    [{ path: '/in', headers: { expect: 'more' } }, 417],
  ];
  for (const [question, status] of cases) {
    const told = await explain(proxy, question);
    expect(told.outcome, JSON.stringify(question)).toMatchObject({ routed: false, status });
  }
  expect((await request(proxy.port(), '/in/%2f')).status).toBe(400);
  expect((await request(proxy.port(), '/out')).status).toBe(404);
});

it('hostile bodies get an error that says what is wrong, and hostile requests an explanation', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address]));
  const json = { 'content-type': 'application/json' };
  const bad: [string, number][] = [
    ['', 400], ['{', 400], ['[]', 422], ['{"path":1}', 422], ['{"headers":{"a":1}}', 422], ['{"clientIp":"localhost"}', 422], ['{"nope":1}', 422],
    ['{"url":"ftp://x/"}', 422], ['{"url":"http://a/","host":"b"}', 422], ['{"listener":"none"}', 422], ['{"tls":true}', 422],
    [`{"headers":${JSON.stringify(Array.from({ length: 300 }, () => ['a', 'b']))}}`, 422],
    [`{"path":"${'x'.repeat(600_000)}"}`, 413],
    [`{"headers":${'['.repeat(50_000)}`, 400],
  ];
  for (const [body, status] of bad) {
    const answer = await proxy.adminCall('POST', '/explain', body, json);
    expect(answer.status, body.slice(0, 80)).toBe(status);
    expect((JSON.parse(answer.text) as { error: string }).error).not.toBe('');
  }
  expect((await proxy.adminCall('GET', '/explain')).status).toBe(405);
  const good: object[] = [
    { path: '/\u0000\u001b[2J' }, { path: '/\ud800' }, { path: '' }, { path: 'x' }, { method: '' }, { method: 'G\r\nT' }, { host: '' }, { host: 'é.example' }, { headers: { '': '' } },
    { headers: [['__proto__', 'x'], ['constructor', 'y']] }, { headers: { 'a b': '1' } }, { clientIp: '::ffff:1.2.3.4' }, { headers: Array.from({ length: 200 }, (_, i) => [`x-${i}`, 'v']) },
    { path: `/${'%'.repeat(60_000)}` }, { url: 'http:///?' }, { url: 'HTTP://a?b' },
  ];
  for (const question of good) {
    const answer = await proxy.adminCall('POST', '/explain', question);
    expect(answer.status, JSON.stringify(question).slice(0, 80)).toBe(200);
    explanation.parse(JSON.parse(answer.text));
  }
  expect(origin.requests).toHaveLength(0);
});
