import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { acceptance, RawWebSocketClient, RawWebSocketOrigin } from '../support/websocket-raw.ts';

const roundRobin = { balancer: { policy: 'roundRobin' as const } };
const answer = (status: number, body = '', headers = ''): string => `HTTP/1.1 ${status} Status\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
const always =
  (bytes: string): Answer =>
  (_message, connection) =>
    connection.send(bytes);
/** Says these, one request after the other, and then 200. */
const sequence = (...answers: string[]): Answer => {
  let next = 0;
  return (_message, connection) => connection.send(answers[next++] ?? ok('good'));
};

describe('a status that the route tries again', () => {
  it.each([
    [['5xx'], 500],
    [['gatewayError'], 503],
    [['retriable4xx'], 409],
    [['rateLimited'], 429],
    [[404], 404],
  ])('%j: %d goes to another endpoint, and the client hears nothing of it', async (on, status) => {
    const bad = await Origin.start({ answer: always(answer(status, 'no')) });
    const good = await Origin.start();
    const proxy = await Millrace.start(proxyTo([bad.address, good.address], { cluster: roundRobin, route: { retry: { on } } }));
    const client = await RawClient.connect({ port: proxy.port() });
    for (let i = 0; i < 6; i++) {
      client.send(requestBytes(`/${i}`));
      expect((await client.response()).status).toBe(200);
    }
    expect(bad.requests.length).toBeGreaterThan(1);
    // Its answers were whole: one connection was enough.
    expect(bad.connections).toBe(1);
    expect(await proxy.metric('millrace_upstream_retries_total')).toBe(bad.requests.length);
    expect(await proxy.metric('millrace_upstream_retry_successes_total')).toBe(bad.requests.length);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'none' })).toBe(6);
  });

  it('is what the client gets, as the upstream sent it, when attempts run out', async () => {
    const bad = await Promise.all([1, 2, 3, 4].map((n) => Origin.start({ answer: always(answer(503, `no ${n}`, `X-Who: ${n}\r\nRetry-After: 1\r\n`)) })));
    const proxy = await Millrace.start(proxyTo(bad.map(({ address }) => address), { route: { retry: { on: ['5xx'], attempts: 2 } } }));
    const { status, text, header } = await request(proxy.port(), '/').then((message) => ({ status: message.status, text: message.text, header: message.header('x-who') }));
    expect(status).toBe(503);
    expect(text).toBe(`no ${header}`);
    expect(bad.reduce((sum, { requests }) => sum + requests.length, 0)).toBe(3);
    // Each endpoint was asked once at most: those before are left out.
    expect(Math.max(...bad.map(({ requests }) => requests.length))).toBe(1);
    expect(bad.flatMap(({ requests }) => requests.map((message) => message.header('x-millrace-attempt'))).sort()).toEqual(['2', '3', undefined]);
  });

  it('is tried again at the same endpoint where there is no other', async () => {
    const origin = await Origin.start({ answer: sequence(answer(500), answer(502)) });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { on: ['5xx'] } } }));
    expect((await request(proxy.port(), '/', { headers: { 'X-Millrace-Attempt': '9' } })).text).toBe('good');
    expect(origin.requests.map((message) => message.header('x-millrace-attempt'))).toEqual([undefined, '2', '3']);
    expect(origin.connections).toBe(1);
  });

  it('is passed on for a method that may have had an effect, unless the route says so', async () => {
    const origin = await Origin.start({ answer: sequence(answer(503), answer(503)) });
    const config = (nonIdempotent: boolean) => proxyTo([origin.address], { route: { retry: { on: ['5xx'], nonIdempotent } } });
    const proxy = await Millrace.start(config(false));
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'once' })).status).toBe(503);
    expect(origin.requests).toHaveLength(1);
    await proxy.reload(config(true));
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'twice' })).status).toBe(200);
    expect(origin.requests.map(({ text }) => text)).toEqual(['once', 'twice', 'twice']);
  });

  it('waits as long as Retry-After says, within bounds', async () => {
    const origin = await Origin.start({ answer: sequence(answer(429, '', 'Retry-After: 1\r\n'), ok('waited'), answer(429, 'too long', 'Retry-After: 2\r\n')) });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { on: ['rateLimited'], maxRetryAfter: '1s' } } }));
    const before = performance.now();
    expect((await request(proxy.port(), '/')).text).toBe('waited');
    expect(performance.now() - before).toBeGreaterThanOrEqual(1000);
    expect((await request(proxy.port(), '/')).text).toBe('too long');
  });
});

it('the handshake of a WebSocket is tried again, and the messages flow', async () => {
  const origin = await RawWebSocketOrigin.start((connection) => connection.send(Buffer.from([0x81, 2, 0x68, 0x69])));
  let handshakes = 0;
  origin.accept = (message) => (++handshakes < 3 ? answer(503, 'busy', 'Connection: close\r\n') : acceptance(message));
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: {}, retry: { on: ['5xx'] } } }));
  const client = await RawWebSocketClient.open({ port: proxy.port() });
  expect((await client.frame(0)).payload.toString()).toBe('hi');
  expect(handshakes).toBe(3);
  expect(await proxy.metric('millrace_upstream_retry_successes_total')).toBe(1);
});

describe('the retry budget of a cluster', () => {
  it('bounds what an outage adds', async () => {
    const origin = await Origin.start({ answer: always(answer(500)) });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { on: ['5xx'], attempts: 1, backoff: { base: '1ms' } } }, cluster: { retryBudget: { percent: 10, minPerSecond: 1, window: '60s' } } }));
    const client = await RawClient.connect({ port: proxy.port() });
    for (let i = 0; i < 300; i++) {
      client.send(requestBytes('/'));
      expect((await client.response()).status).toBe(500);
    }
    // 60 of the floor, and one for every ten requests.
    expect(origin.requests).toHaveLength(300 + 60 + 30);
    expect(await proxy.metric('millrace_upstream_retries_refused_total', { reason: 'budget' })).toBe(300 - 90);
  });

  it('holds for all workers together', async () => {
    const origin = await Origin.start({ answer: always(answer(500)) });
    const proxy = await Millrace.start(proxyTo([origin.address], { workers: 2, route: { retry: { on: ['5xx'], attempts: 3, backoff: { base: '1ms' } } }, cluster: { retryBudget: { percent: 0, minPerSecond: 1, window: '50s' } } }));
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { status } = await request(proxy.port(), '/');
        return status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([500]));
    expect(origin.requests).toHaveLength(60 + 50);
  });

  it('can be switched off', async () => {
    const origin = await Origin.start({ answer: always(answer(500)) });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { on: ['5xx'], attempts: 10, backoff: { base: '0ms' } } }, cluster: { retryBudget: false } }));
    for (let i = 0; i < 20; i++) expect((await request(proxy.port(), '/')).status).toBe(500);
    expect(origin.requests).toHaveLength(220);
  });
});
