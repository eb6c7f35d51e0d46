import { describe, expect, it } from 'vitest';
import type { ShownRequest } from '../../src/control/recent-requests.ts';
import { makeCertificate } from '../support/certificates.ts';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

/** Answers nothing. */
const silent: Answer = () => undefined;
const no: Answer = (_message, connection) => connection.send('HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno');

async function recent(proxy: Millrace, query = ''): Promise<ShownRequest[]> {
  const answer = await proxy.admin(`/requests/recent${query}`);
  expect(answer.status).toBe(200);
  return (JSON.parse(answer.text) as { requests: ShownRequest[] }).requests;
}

/** What became of the one request to this target. */
async function of(proxy: Millrace, target: string): Promise<ShownRequest> {
  return eventually(async () => {
    const found = (await recent(proxy)).filter((request) => request.target === target);
    expect(found).toHaveLength(1);
    return found[0] as ShownRequest;
  });
}

const ends = ({ attempts }: ShownRequest): string[] => attempts.map(({ ended }) => ended);

describe('what became of a request', () => {
  it('is told of a plain one: who, what, where, when', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { name: 'main', match: { pathPrefix: '/v1' }, rewrite: { prefix: '/v2' } } }));
    expect((await request(proxy.port(), '/v1/items?token=a%20b', { headers: { 'x-request-id': 'mine' } })).status).toBe(200);
    const shown = await of(proxy, '/v1/items?token=a%20b');
    expect(shown).toMatchObject({
      listener: 'web', client: '127.0.0.1', tls: false, method: 'GET', authority: 'a.test', upstreamTarget: '/v2/items?token=a%20b', route: 'main', cluster: 'up',
      endpoint: origin.address, status: 200, flag: null, detail: null, aborted: false, local: false, fallback: false, webSocket: null, retries: 0, attemptCount: 1, version: 1,
      outcome: `answered 200 by ${origin.address} of cluster up`, bytes: { request: 0, response: 2 }, cut: false,
    });
    expect(shown.attempts).toMatchObject([{ cluster: 'up', endpoint: origin.address, reused: false, hedge: false, answered: true, status: 200, ended: 'answered 200' }]);
    const { chosen, connecting, connected, sent, firstByte, ended } = (shown.attempts[0] as ShownRequest['attempts'][0]).ms;
    const moments = [chosen, connecting, connected, sent, firstByte, ended, shown.ms.total].map(Number);
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(Date.parse(shown.endedAt) - Date.parse(shown.startedAt)).toBeLessThanOrEqual(shown.ms.total + 1);
    expect(Math.abs(Date.parse(shown.endedAt) - Date.now())).toBeLessThan(60_000);

    // By its own number, and by the id that the upstream saw: not the client's, who is not trusted.
    expect(shown.requestId).toBe(origin.requests[0]?.header('x-request-id'));
    for (const id of [shown.id, shown.requestId ?? '']) {
      const one = await proxy.admin(`/requests/${id}`);
      expect(one.status).toBe(200);
      expect(JSON.parse(one.text)).toMatchObject({ id: shown.id, target: shown.target, others: [] });
    }
    expect((await proxy.admin('/requests/mine')).status).toBe(404);
  });

  it('is told of retries: refused, answered badly, and too slow', async () => {
    const bad = await Origin.start({ answer: no });
    const slow = await Origin.start({ answer: silent });
    const good = await Origin.start();
    const endpoints = [await closedAddress(), bad.address, slow.address, good.address];
    const retry = { on: ['connectFailure', '5xx', 'timeout'], attempts: 3, perTryTimeout: '100ms', backoff: { base: '1ms', max: '2ms' } };
    const proxy = await Millrace.start(proxyTo(endpoints, { cluster: { balancer: { policy: 'roundRobin' } }, route: { retry } }));
    const wanted = ['no connection to the upstream could be made', 'answered 503, which was not passed on', 'the attempt was not answered in time (perTryTimeout)', 'answered 200'];
    const answer = await eventually(async () => {
      // Each request begins at another endpoint: one of four begins with the one that is not there.
      expect((await request(proxy.port(), '/')).status).toBe(200);
      const [shown] = await recent(proxy, '?limit=1');
      if (shown === undefined || ends(shown).join() !== wanted.join()) throw new Error(JSON.stringify(shown));
      return shown;
    });
    expect(answer.outcome).toBe(`answered 200 by ${good.address} of cluster up, after 4 attempts`);
    expect(answer.attempts.map(({ endpoint }) => endpoint)).toEqual(endpoints);
    expect(answer.retries).toBe(3);
    expect(answer.ms.total).toBeGreaterThanOrEqual(100);
  });

  it('is told of a second attempt beside a slow one', async () => {
    const slow = await Origin.start({ answer: silent });
    const fast = await Origin.start();
    const proxy = await Millrace.start(proxyTo([slow.address, fast.address], { route: { hedge: { quantile: 0, minDelay: '30ms', budget: 100 } } }));
    const shown = await eventually(async () => {
      await request(proxy.port(), '/');
      const found = (await recent(proxy)).find(({ attempts }) => attempts.length === 2);
      if (found === undefined) throw new Error('it began with the fast one');
      return found;
    });
    expect(ends(shown)).toEqual(['given up, as another attempt had answered', 'answered 200']);
    expect(shown.attempts[1]).toMatchObject({ hedge: true, answered: true, endpoint: fast.address });
    expect(shown.outcome).toContain('a second attempt beside a slow one');
  });

  it('is told of failures, which are found apart', async () => {
    const silentOrigin = await Origin.start({ answer: silent });
    const { cert, key } = makeCertificate(temporaryDirectory(), 'up.test');
    const tls = await Origin.start({ tls: { cert, key } });
    const proxy = await Millrace.start({
      routes: {
        main: [{ hosts: ['*'], routes: [
          { name: 'refused', match: { pathPrefix: '/refused' }, cluster: 'closed' },
          { name: 'silent', match: { pathPrefix: '/silent' }, cluster: 'silent', timeout: '100ms', retry: { attempts: 0 } },
          { name: 'left', match: { pathPrefix: '/left' }, cluster: 'silent' },
          { name: 'tls', match: { pathPrefix: '/tls' }, cluster: 'tls' },
          { name: 'limited', match: { pathPrefix: '/limited' }, respond: { status: 204 }, rateLimit: { name: 'one-an-hour', requests: 1, window: '1h' } },
          { name: 'moved', match: { pathPrefix: '/moved' }, redirect: { path: '/there' } },
        ] }],
      },
      clusters: {
        closed: { endpoints: [await closedAddress()] },
        silent: { endpoints: [silentOrigin.address] },
        tls: { endpoints: [tls.address], tls: { serverName: 'up.test' } },
      },
    });
    const status = async (target: string): Promise<number> => (await request(proxy.port(), target)).status;
    expect([await status('/refused'), await status('/silent'), await status('/tls'), await status('/limited'), await status('/limited?2'), await status('/moved'), await status('/nowhere')]).toEqual([502, 504, 502, 204, 429, 308, 404]);
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/left'));
    await eventually(() => silentOrigin.requests.length === 2);
    client.socket.destroy();

    expect(await of(proxy, '/refused')).toMatchObject({ status: 502, local: true, flag: { name: 'UF' }, detail: 'upstream connection failed: refused' });
    expect(await of(proxy, '/silent')).toMatchObject({ status: 504, flag: { name: 'UT' }, ms: { firstByte: null, queue: 0 }, attempts: [{ status: null, flag: { name: 'UT' }, ended: 'the upstream did not answer in time (timeout)' }] });
    expect(await of(proxy, '/tls')).toMatchObject({ status: 502, flag: { name: 'UTLS' } });
    expect(await of(proxy, '/limited?2')).toMatchObject({ status: 429, flag: { name: 'RL' }, detail: 'rate limit "one-an-hour"', route: 'limited', attempts: [], ms: { queue: null, connect: null, firstByte: null } });
    expect(await of(proxy, '/moved')).toMatchObject({ status: 308, flag: { name: 'DI' }, local: true });
    expect(await of(proxy, '/nowhere')).toMatchObject({ status: 404, flag: { name: 'NR' }, route: null });
    expect(await of(proxy, '/left')).toMatchObject({ status: null, aborted: true, flag: { name: 'DC' }, outcome: 'not answered: the client left' });

    const targets = async (query: string): Promise<string[]> => (await recent(proxy, query)).map(({ target }) => target).sort();
    expect(await targets('?failed=1')).toEqual(['/left', '/refused', '/silent', '/tls']);
    expect(await targets('?status=none')).toEqual(['/left']);
    expect(await targets('?status=5xx')).toEqual(['/refused', '/silent', '/tls']);
    expect(await targets('?status=404')).toEqual(['/nowhere']);
    expect(await targets('?flag=UT')).toEqual(['/silent']);
    expect(await targets('?cluster=silent')).toEqual(['/left', '/silent']);
    expect(await targets('?route=limited')).toEqual(['/limited', '/limited?2']);
    expect(await recent(proxy, '?limit=1')).toHaveLength(1);
    expect((await proxy.admin('/requests/recent?status=999')).status).toBe(400);
    expect((await proxy.admin('/requests/recent?flag=XX')).status).toBe(400);
  });

  it('survives whatever a client may send, and says it in JSON that no terminal acts on', async () => {
    const proxy = await Millrace.start(proxyTo([await closedAddress()]));
    const send = async (bytes: string): Promise<void> => {
      const client = await RawClient.connect({ port: proxy.port() });
      client.send(Buffer.from(bytes, 'latin1'));
      await client.response().catch(() => undefined);
      await client.close();
    };
    await send('GET /a\x9b2J\x7f\xff"\\ HTTP/1.1\r\nHost: a\r\n\r\n');
    await send(`GET /${'x'.repeat(3000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await send('GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
    await request(proxy.port(), '/last');
    const answer = await proxy.admin('/requests/recent');
    // eslint-disable-next-line no-control-regex
    expect(answer.text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    const shown = (JSON.parse(answer.text) as { requests: ShownRequest[] }).requests;
    expect(shown.find(({ target }) => target === '/last')).toBeDefined();
    const long = shown.find(({ target }) => target.startsWith('/xxx'));
    expect(long?.cut).toBe(true);
    expect(long?.target.length).toBeGreaterThan(200);
    for (const id of ['%00', '..%2f..', 'x'.repeat(3000), '%22%0a', 'ffffffffffffffff']) expect((await proxy.admin(`/requests/${id}`)).status).toBe(404);
  });

  it('is kept for the last ones of each worker only, and longer for those that failed', async () => {
    const origin = await Origin.start({ answer: (message, connection) => connection.send(message.target === '/good' ? ok() : 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n') });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { attempts: 0 } } }));
    expect((await request(proxy.port(), '/good')).status).toBe(200);
    expect((await recent(proxy)).map(({ target }) => target)).toEqual(['/good']);
    // Of good ones not every one is kept when they come fast; of failed ones all are.
    const client = await RawClient.connect({ port: proxy.port() });
    for (let i = 0; i < 200; i++) {
      client.send(requestBytes(`/${i}`));
      expect((await client.response()).status).toBe(500);
    }
    await client.close();
    const failed = Array.from({ length: 200 }, (_, i) => `/${199 - i}`);
    const shown = await recent(proxy, '?limit=1000');
    expect(shown.map(({ target }) => target)).toEqual(failed);
    expect((await recent(proxy, '?failed=1&limit=1000')).map(({ target }) => target)).toEqual(failed);
    expect(shown[0]?.attempts[0]).toMatchObject({ reused: true, ms: { connecting: null, connected: null } });
    expect(shown[0]?.ms.connect).toBe(0);
  });
});
