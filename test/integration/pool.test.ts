import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

async function times(n: number, port: number): Promise<number[]> {
  const client = await RawClient.connect({ port });
  const statuses: number[] = [];
  for (let i = 0; i < n; i++) {
    client.send(requestBytes('/'));
    statuses.push((await client.response()).status);
  }
  return statuses;
}

describe('upstream connection', () => {
  it('is reused by one request after the other', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address]));
    await times(50, proxy.port());
    for (let i = 0; i < 5; i++) await request(proxy.port(), '/');
    expect([origin.requests.length, origin.connections]).toEqual([55, 1]);
    expect(await proxy.metric('millrace_upstream_connections', { state: 'idle' })).toBe(1);
  });

  it.each([
    ['says Connection: close', ok('ok', 'Connection: close\r\n')],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('is not reused when the upstream %s', async (_name, bytes) => {
    const origin = await Origin.start({ answer: (_message, connection) => connection.send(bytes) });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    await times(3, proxy.port());
    expect(origin.connections).toBe(3);
  });

  it('serves maxRequestsPerConnection requests', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { pool: { maxRequestsPerConnection: 3 } } }));
    await times(9, proxy.port());
    expect(origin.connections).toBe(3);
  });

  it('is closed by the proxy after idleTimeout', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { pool: { idleTimeout: '100ms' } } }));
    await times(2, proxy.port());
    await eventually(() => origin.open.size === 0);
    expect(await proxy.metric('millrace_upstream_connections')).toBe(0);
  });

  it('that is used last is used first', async () => {
    const held: OriginConnection[] = [];
    const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect({ port: proxy.port() })));
    for (const client of clients) client.send(requestBytes('/'));
    await eventually(() => held.length === 3);
    for (const connection of held) {
      connection.send(ok());
      await eventually(async () => (await proxy.metric('millrace_upstream_connections', { state: 'idle' })) === held.indexOf(connection) + 1);
    }
    origin.answer = (_message, connection) => connection.send(ok(`${connection.number}`));
    expect((await request(proxy.port(), '/')).text).toBe(`${held.at(-1)?.number}`);
  });

  it('of an endpoint that left the configuration is closed', async () => {
    const [one, two] = [await Origin.start(), await Origin.start()];
    const proxy = await Millrace.start(proxyTo([one.address]));
    await request(proxy.port(), '/');
    expect(one.open.size).toBe(1);
    await proxy.reload(proxyTo([two.address]));
    await request(proxy.port(), '/');
    await eventually(() => one.open.size === 0);
    expect(two.requests).toHaveLength(1);
  });
});

describe('maxConnections', () => {
  it('holds over all workers, and the requests above it wait', async () => {
    let peak = 0;
    const origin = await Origin.start({
      answer: (_message, connection) => {
        peak = Math.max(peak, origin.open.size);
        setTimeout(() => connection.send(ok()), 2);
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address], { workers: 2, cluster: { pool: { maxConnections: 2 } } }));
    const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.connect({ port: proxy.port() })));
    for (let round = 0; round < 4; round++) {
      for (const client of clients) client.send(requestBytes('/'));
      for (const client of clients) expect((await client.response()).status).toBe(200);
    }
    expect(peak).toBeLessThanOrEqual(2);
    expect(origin.requests).toHaveLength(96);
    expect(await proxy.metric('millrace_upstream_pending_requests')).toBe(0);
  });

  it('with maxPending requests waiting is 503 for the next one', async () => {
    const held: OriginConnection[] = [];
    const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
    const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { pool: { maxConnections: 1, maxPending: 2 } } }));
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect({ port: proxy.port() })));
    for (const client of clients) client.send(requestBytes('/'));
    await eventually(async () => (await proxy.metric('millrace_upstream_pending_requests')) === 2);
    expect((await request(proxy.port(), '/')).status).toBe(503);
    expect(await proxy.metric('millrace_upstream_pending_overflow_total')).toBe(1);
    origin.answer = (_message, connection) => connection.send(ok());
    held[0]?.send(ok());
    for (const client of clients) expect((await client.response()).status).toBe(200);
  });

  it('gives up its place in the queue with the client', async () => {
    const held: OriginConnection[] = [];
    const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
    const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { pool: { maxConnections: 1 } } }));
    const first = await RawClient.connect({ port: proxy.port() });
    const second = await RawClient.connect({ port: proxy.port() });
    first.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    second.send(requestBytes('/'));
    await eventually(async () => (await proxy.metric('millrace_upstream_pending_requests')) === 1);
    await second.close();
    await eventually(async () => (await proxy.metric('millrace_upstream_pending_requests')) === 0);
    held[0]?.send(ok());
    expect((await first.response()).status).toBe(200);
    expect(origin.requests).toHaveLength(1);
  });
});
