/** Changes of a running proxy through its admin endpoint: in effect at once on every worker, and nothing in flight notices. */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo, withDefaults } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

interface Reply {
  status: number;
  etag: string | undefined;
  body: Record<string, unknown> & { version?: number; error?: string };
}

function change(proxy: Millrace, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ host: '127.0.0.1', port: proxy.adminPort, path, method, agent: false, headers: { ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }), ...headers } }, (response) => {
      let got = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, etag: response.headers.etag, body: JSON.parse(got) as Reply['body'] }));
    });
    asked.on('error', reject).end(text);
  });
}

/** Statuses of requests one after the other. */
async function ask(proxy: Millrace, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) statuses.push((await request(proxy.port(), '/')).status);
  return statuses;
}

async function origins(count: number): Promise<Origin[]> {
  return Promise.all(Array.from({ length: count }, () => Origin.start({ answer: (_request, connection) => connection.send(ok()) })));
}

const answering = (body: string): object => ({ routes: { main: [{ hosts: ['*'], routes: [{ name: 'all', respond: { status: 200, body } }] }] } });

describe('a PATCH', () => {
  it('is in effect for the next request on connections of every worker when it is answered, with 1,000 routes', async () => {
    const routes = Array.from({ length: 1_000 }, (_, i) => ({ name: `r${i}`, match: { pathPrefix: `/r${i}` }, cluster: 'up', responseHeaders: { set: { 'x-round': '0' } } }));
    const [origin] = await origins(1);
    const proxy = await Millrace.start({ ...proxyTo([origin?.address ?? '']), workers: 2, routes: { main: [{ hosts: ['*'], routes }] } });
    // Enough that the kernel gives some to each worker.
    const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect({ port: proxy.port() })));
    const times: number[] = [];
    for (let round = 1; round <= 10; round++) {
      const began = performance.now();
      const reply = await change(proxy, 'PATCH', '/routes/r777', { responseHeaders: { set: { 'x-round': String(round) } } });
      times.push(performance.now() - began);
      expect(reply).toMatchObject({ status: 200, etag: `"${round + 1}"`, body: { version: round + 1, diff: [{ path: 'routes.main[0].routes[777].responseHeaders.set.x-round', from: String(round - 1), to: String(round) }] } });
      for (const client of clients) client.send(requestBytes('/r777'));
      for (const client of clients) expect((await client.response()).header('x-round')).toBe(String(round));
    }
    const median = times.sort((a, b) => a - b)[5] ?? Infinity;
    console.log(`PATCH of one of 1,000 routes: ${times.map((time) => time.toFixed(0)).join(' ')} ms`);
    // The figure to hold is 100 ms on a machine that does nothing else; this one runs other tests.
    expect(median).toBeLessThan(1_000);
    for (const client of clients) await client.close();
  }, 60_000);

  it('disturbs nothing in flight, and a hundred of them fail no request', async () => {
    const [one, two] = await origins(2);
    const proxy = await Millrace.start({ ...proxyTo([one?.address ?? '', two?.address ?? '']), workers: 2 });
    let stop = false;
    const outcomes = new Map<number, number>();
    const load = Array.from({ length: 4 }, async () => {
      const client = await RawClient.connect({ port: proxy.port() });
      while (!stop) {
        client.send(requestBytes('/'));
        const { status } = await client.response();
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      }
      await client.close();
    });
    for (let i = 0; i < 100; i++) {
      const endpoint = encodeURIComponent((i % 2 === 0 ? one : two)?.address ?? '');
      expect(await change(proxy, 'PATCH', `/clusters/up/endpoints/${endpoint}`, { weight: 1 + (i % 7) })).toMatchObject({ status: 200 });
    }
    stop = true;
    await Promise.all(load);
    expect([...outcomes.keys()]).toEqual([200]);
    expect(outcomes.get(200)).toBeGreaterThan(100);
    expect((await change(proxy, 'GET', '/config/history')).body['history']).toHaveLength(20);
  }, 60_000);

  it('is refused to the second of two operators who saw the same version', async () => {
    const proxy = await Millrace.start(answering('one'));
    const saw = { 'if-match': '"1"' };
    const replies = await Promise.all([change(proxy, 'PATCH', '/routes/all', { timeout: '7s' }, saw), change(proxy, 'PATCH', '/routes/all', { timeout: '8s' }, saw)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it('with what the schema refuses is answered with the path in the words of the file', async () => {
    const proxy = await Millrace.start(answering('one'));
    expect(await change(proxy, 'PATCH', '/routes/all', { timeout: 'soon' })).toMatchObject({ status: 422, body: { problems: [{ path: 'routes.main[0].routes[0].timeout' }] } });
    expect(await change(proxy, 'PATCH', '/routes/al', { timeout: '1s' })).toMatchObject({ status: 404, body: { error: expect.stringContaining('did you mean "all"?') as string } });
  });
});

describe('a drained endpoint', () => {
  it.each(['roundRobin', 'maglev', 'ringHash', 'leastRequest'])('gets no new request (%s), keeps its weight, and comes back', async (policy) => {
    const [one, two] = await origins(2);
    const proxy = await Millrace.start(proxyTo([one?.address ?? '', two?.address ?? ''], { cluster: { balancer: { policy, ...(policy === 'maglev' || policy === 'ringHash' ? { hashOn: [{ header: 'x-key' }] } : {}) } } }));
    const path = `/clusters/up/endpoints/${encodeURIComponent(one?.address ?? '')}`;
    const spread = async (): Promise<number> => {
      const before = one?.requests.length ?? 0;
      for (let i = 0; i < 40; i++) expect((await request(proxy.port(), '/', { headers: { 'x-key': `k${i}` } })).status).toBe(200);
      return (one?.requests.length ?? 0) - before;
    };
    expect(await spread()).toBeGreaterThan(0);
    expect((await change(proxy, 'PATCH', path, { drain: true })).status).toBe(200);
    expect(await spread()).toBe(0);
    const { clusters } = (await change(proxy, 'GET', '/clusters')).body as unknown as { clusters: { endpoints: object[] }[] };
    expect(clusters[0]?.endpoints).toMatchObject([{ drain: true, weight: 1, health: { reasons: ['drained'] } }, { drain: false, weight: 1, health: { reasons: [] } }]);
    expect(clusters[0]).toMatchObject({ overrides: [{ path: 'clusters.up.endpoints[0].drain', value: true }] });
    expect((await change(proxy, 'PATCH', path, { drain: null })).status).toBe(200);
    expect(await spread()).toBeGreaterThan(0);
  });

  it('is not tried again by a request that began before it was drained', async () => {
    const held: (() => void)[] = [];
    // Whichever is asked first lets the request wait; once the other is drained, it breaks off, and the retry has nowhere to go.
    const slow = (): Promise<Origin> => Origin.start({ answer: (_request, connection) => void held.push(() => connection.reset()) });
    const both = [await slow(), await slow()];
    const proxy = await Millrace.start(proxyTo(both.map(({ address }) => address), { route: { retry: { attempts: 2, on: ['reset'] } } }));
    const answer = request(proxy.port(), '/');
    await eventually(() => held.length === 1);
    const other = both.find(({ requests }) => requests.length === 0);
    expect((await change(proxy, 'PATCH', `/clusters/up/endpoints/${encodeURIComponent(other?.address ?? '')}`, { drain: true })).status).toBe(200);
    held[0]?.();
    // It goes to the first one again, which is better than to the drained one.
    await eventually(() => held.length === 2);
    held[1]?.();
    await eventually(() => held.length === 3);
    held[2]?.();
    expect((await answer).status).toBe(502);
    expect(other?.requests.length).toBe(0);
  });
});

describe('state', () => {
  it('goes on: what a rate limit has counted, what a breaker has seen', async () => {
    const [origin] = await origins(1);
    if (origin !== undefined) origin.answer = (_request, connection) => connection.send('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
    const cluster = { outlierDetection: false, circuitBreaker: { threshold: 0.5, minRequests: 100, interval: '1h', maxInterval: '1h' } };
    const proxy = await Millrace.start(proxyTo([origin?.address ?? ''], { workers: 2, cluster, route: { name: 'all', rateLimit: { requests: 100, window: '1h' } } }));
    const statuses = (count: number): Promise<number[]> => ask(proxy, count);
    expect(await statuses(6)).toEqual([500, 500, 500, 500, 500, 500]);
    // The seventh failure is enough for it now; the six before it were not forgotten.
    expect((await change(proxy, 'PATCH', '/clusters/up', { circuitBreaker: { minRequests: 7 } })).status).toBe(200);
    expect(await statuses(2)).toEqual([500, 503]);
    // Another threshold leaves it open.
    expect((await change(proxy, 'PATCH', '/clusters/up', { circuitBreaker: { threshold: 0.9 }, balancer: { policy: 'random' }, limits: { maxRequests: 50 } })).status).toBe(200);
    expect(await statuses(1)).toEqual([503]);
    // Nine were counted: of ten one is left.
    expect((await change(proxy, 'PATCH', '/routes/all', { rateLimit: { requests: 10 } })).status).toBe(200);
    expect(await statuses(2)).toEqual([503, 429]);
  });
});

describe('a configuration', () => {
  it('that is posted needs If-Match, is told apart on trial, and goes when the file changes', async () => {
    const proxy = await Millrace.start(answering('one'));
    const next = { ...withDefaults(answering('two')) };
    expect(await change(proxy, 'POST', '/config', next)).toMatchObject({ status: 428, etag: '"1"' });
    expect(await change(proxy, 'POST', '/config?dryRun=1', next)).toMatchObject({ status: 200, body: { version: 1, diff: [{ from: 'one', to: 'two' }] } });
    expect((await request(proxy.port(), '/')).text).toBe('one');
    expect(await change(proxy, 'POST', '/config', next, { 'if-match': '"1"' })).toMatchObject({ status: 200, body: { version: 2 } });
    expect((await request(proxy.port(), '/')).text).toBe('two');
    expect(await change(proxy, 'POST', '/config', 'routes: [', { 'if-match': '*', 'content-type': 'application/yaml' })).toMatchObject({ status: 422 });
    proxy.write(answering('three'));
    await eventually(async () => (await request(proxy.port(), '/')).text === 'three');
  });

  it('with a listener that cannot be opened leaves everything as it was', async () => {
    const [taken] = await origins(1);
    const proxy = await Millrace.start(answering('one'));
    const next = withDefaults({ ...answering('two'), listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }, { name: 'more', address: taken?.address ?? '', routes: 'main' }] });
    expect(await change(proxy, 'POST', '/config', next, { 'if-match': '*' })).toMatchObject({ status: 409, body: { error: expect.stringContaining('in use') as string } });
    expect((await request(proxy.port(), '/')).text).toBe('one');
    expect((await change(proxy, 'PATCH', '/routes/all', { timeout: '1s' }, { 'if-match': '"1"' })).status).toBe(200);
  });

  it('that fails requests is rolled back by its guard', async () => {
    const [origin] = await origins(1);
    const proxy = await Millrace.start(proxyTo([origin?.address ?? ''], { route: { name: 'all' } }));
    for (let i = 0; i < 20; i++) expect((await request(proxy.port(), '/')).status).toBe(200);
    const reply = await change(proxy, 'PATCH', '/routes/all?confirm=60s&minRequests=20', { fault: { abort: { status: 503, percent: 100 } } });
    expect(reply).toMatchObject({ status: 200, body: { confirm: { version: 2 } } });
    for (let i = 0; i < 30; i++) await request(proxy.port(), '/');
    await eventually(async () => (await request(proxy.port(), '/')).status === 200);
    const { audit } = (await change(proxy, 'GET', '/audit')).body as unknown as { audit: object[] };
    expect(audit[0]).toMatchObject({ who: 'guard', outcome: 'rolledBack' });
  });

  it('is saved into its file, and the reload of that changes nothing', async () => {
    const proxy = await Millrace.start(answering('one'));
    await change(proxy, 'PATCH', '/routes/all', { maxDuration: '9s' });
    expect(await change(proxy, 'POST', '/config/save')).toMatchObject({ status: 200, body: { written: true, version: 2 } });
    expect(readFileSync(proxy.file, 'utf8')).toContain('"maxDuration": "9s"');
    proxy.child.kill('SIGHUP');
    await proxy.logged('configuration unchanged');
    expect(await change(proxy, 'GET', '/config/overrides')).toMatchObject({ etag: '"2"', body: { overrides: [] } });
  });
});
