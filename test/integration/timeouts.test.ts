import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { DeafListener } from '../support/deaf-listener.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually, turn } from '../support/wait.ts';

const SHORT = '150ms';
const SHORT_MS = 150;
/** Timers tick in coarse steps, and this machine may be busy. */
const MUCH_LATER_MS = 3000;

const silent = (): Promise<Origin> => Origin.start({ answer: () => undefined });

/** One request ended with that flag, as /metrics counts it and as the log tells it. */
async function expectFlag(proxy: Millrace, flag: string, line: { status?: number; msg: string; attempts?: number; method?: string }): Promise<void> {
  expect(await proxy.metric('millrace_request_outcomes_total', { flag })).toBe(1);
  const { status, reason, cluster, method, target, attempts, msg, endpoint } = await proxy.logged(/^request failed: /);
  expect({ status, reason, cluster, method, target, attempts, msg }).toEqual({ reason: flag, cluster: 'up', method: 'GET', target: '/', attempts: 1, ...line, status: line.status, msg: `request failed: ${line.msg}` });
  expect(endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(proxy.log.filter((entry) => entry.msg.startsWith('request failed'))).toHaveLength(1);
}

async function took<T>(work: () => Promise<T>): Promise<{ result: T; tookMs: number }> {
  const start = performance.now();
  const result = await work();
  return { result, tookMs: performance.now() - start };
}

describe('connectTimeout', () => {
  it('ends an attempt that nobody accepts', async () => {
    const deaf = await DeafListener.start();
    const proxy = await Millrace.start(proxyTo([`127.0.0.1:${deaf.port}`], { cluster: { connectTimeout: SHORT }, route: { retry: { attempts: 0 } } }));
    const { result, tookMs } = await took(() => request(proxy.port(), '/'));
    expect(result.status).toBe(504);
    expect(tookMs).toBeGreaterThan(SHORT_MS - 20);
    expect(tookMs).toBeLessThan(MUCH_LATER_MS);
    expect(await proxy.metric('millrace_upstream_connect_failures_total')).toBe(1);
    await expectFlag(proxy, 'UCT', { status: 504, msg: 'upstream connection failed: timed out' });
  });

  it('lets another endpoint be tried', async () => {
    const deaf = await DeafListener.start();
    const good = await Origin.start();
    const proxy = await Millrace.start(proxyTo([`127.0.0.1:${deaf.port}`, good.address], { cluster: { connectTimeout: SHORT, balancer: { policy: 'roundRobin' } } }));
    for (let i = 0; i < 3; i++) expect((await request(proxy.port(), '/')).status).toBe(200);
    expect(await proxy.metric('millrace_upstream_retries_total')).toBeGreaterThan(0);
  });
});

it('a TLS handshake that the upstream never takes up ends with the time to connect', async () => {
  const origin = await silent();
  const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { connectTimeout: SHORT, tls: { insecureSkipVerify: true } }, route: { retry: { attempts: 0 } } }));
  const { result, tookMs } = await took(() => request(proxy.port(), '/'));
  expect(result.status).toBe(504);
  expect(result.text).toBe('upstream TLS handshake timed out\n');
  expect(tookMs).toBeGreaterThan(SHORT_MS - 20);
  expect(tookMs).toBeLessThan(MUCH_LATER_MS);
  await expectFlag(proxy, 'UTT', { status: 504, msg: 'upstream TLS handshake timed out' });
});

it('tls.handshakeTimeout is counted from the connection made', async () => {
  const origin = await silent();
  const proxy = await Millrace.start(
    proxyTo([origin.address], { cluster: { connectTimeout: '20s', tls: { insecureSkipVerify: true, handshakeTimeout: SHORT } }, route: { retry: { attempts: 0 } } }),
  );
  const { result, tookMs } = await took(() => request(proxy.port(), '/'));
  expect(result.status).toBe(504);
  expect(tookMs).toBeLessThan(MUCH_LATER_MS);
  await expectFlag(proxy, 'UTT', { status: 504, msg: 'upstream TLS handshake timed out' });
});

describe('requestTimeout', () => {
  it('answers 408 when the request does not end in time, although it goes on', async () => {
    const origin = await silent();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { requestTimeout: SHORT } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n');
    const drip = setInterval(() => client.send('x'), SHORT_MS / 5);
    const answer = await client.response().finally(() => clearInterval(drip));
    expect(answer.status).toBe(408);
    expect(answer.text).toBe('request timed out: its end did not come in time\n');
    await client.end();
    await eventually(() => origin.open.size === 0);
    await expectFlag(proxy, 'DRT', { status: 408, method: 'POST', msg: 'request timed out: its end did not come in time' });
  });

  it('says nothing of the answer', async () => {
    const origin = await Origin.start({ answer: (_message, connection) => void setTimeout(() => connection.send(ok('late')), SHORT_MS * 3) });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { requestTimeout: SHORT } }));
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'all of it' })).text).toBe('late');
  });
});

describe('timeout', () => {
  it('answers 504 when the upstream does not answer, and ends its connection', async () => {
    const origin = await silent();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: SHORT } }));
    const { result, tookMs } = await took(() => request(proxy.port(), '/'));
    expect(result.status).toBe(504);
    expect(tookMs).toBeGreaterThan(SHORT_MS - 20);
    expect(tookMs).toBeLessThan(MUCH_LATER_MS);
    await eventually(() => origin.open.size === 0);
    expect(await proxy.metric('millrace_upstream_timeouts_total')).toBe(1);
    await expectFlag(proxy, 'UT', { status: 504, msg: 'upstream request timed out' });
  });

  it('leaves the client its connection', async () => {
    const origin = await silent();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: SHORT } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    expect((await client.response()).status).toBe(504);
    origin.answer = (_message, connection) => connection.send(ok('late'));
    client.send(requestBytes('/'));
    expect((await client.response()).text).toBe('late');
  });

  it('counts from the end of the request, not from its begin', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: SHORT } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n');
    for (const byte of 'slow') {
      await turn(SHORT_MS / 2);
      client.send(byte);
    }
    expect((await client.response()).status).toBe(200);
  });

  it('is over once the head of the answer has come', async () => {
    const origin = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n') });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: SHORT } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await client.until(() => client.received.includes('200 OK'), 'the head');
    await turn(SHORT_MS * 2);
    for (const { socket } of origin.open) socket.write('late');
    expect((await client.response()).text).toBe('late');
  });
});

describe('idleTimeout', () => {
  it('cuts an answer that stands still', async () => {
    const origin = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf') });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { idleTimeout: SHORT } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await client.end();
    expect(client.received.toString()).toMatch(/half$/);
    await expectFlag(proxy, 'SI', { msg: 'upstream request timed out: nothing moved for too long' });
  });

  it('answers 408 when the client stops sending', async () => {
    const origin = await silent();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { idleTimeout: SHORT } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhalf');
    expect((await client.response()).status).toBe(408);
    await client.end();
    await eventually(() => origin.open.size === 0);
  });

  it('leaves an answer alone that goes on, however slowly', async () => {
    const origin = await Origin.start({
      answer: (_message, connection) => {
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
        let sent = 0;
        const timer = setInterval(() => {
          connection.send('x');
          if (++sent === 5) clearInterval(timer);
        }, SHORT_MS / 2);
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { idleTimeout: SHORT } }));
    expect((await request(proxy.port(), '/')).text).toBe('xxxxx');
  });
});

it('perTryTimeout has a flag of its own when no other attempt is left', async () => {
  const origin = await silent();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { attempts: 0, perTryTimeout: SHORT } } }));
  expect((await request(proxy.port(), '/')).status).toBe(504);
  await expectFlag(proxy, 'UPT', { status: 504, msg: 'upstream request timed out: no answer within perTryTimeout' });
});

it('the time in a queue has a flag of its own', async () => {
  const origin = await silent();
  const proxy = await Millrace.start(proxyTo([], { cluster: { endpoints: [{ address: origin.address, maxRequests: 1 }], queue: { timeout: SHORT } } }));
  const first = await RawClient.connect({ port: proxy.port() });
  first.send(requestBytes('/'));
  await eventually(() => origin.requests.length === 1);
  expect((await request(proxy.port(), '/')).status).toBe(503);
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UQ' })).toBe(1);
  const line = await proxy.logged(/^request failed: every upstream endpoint stayed at its limit of requests$/);
  expect(line).toMatchObject({ reason: 'UQ', status: 503, cluster: 'up' });
  expect(Object.keys(line)).not.toContain('endpoint');
  await first.close();
});

it('maxDuration cuts an exchange that still moves', async () => {
  const origin = await Origin.start({
    answer: (_message, connection) => {
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
      const timer = setInterval(() => connection.send('x'), 20);
      connection.socket.on('close', () => clearInterval(timer));
    },
  });
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { maxDuration: SHORT } }));
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(requestBytes('/'));
  await client.end();
  expect(client.received.toString()).toMatch(/\r\n\r\nx+$/);
  await expectFlag(proxy, 'UMSDR', { msg: 'the longest duration of a request was reached' });
});
