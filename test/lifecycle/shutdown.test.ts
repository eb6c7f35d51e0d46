import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually, within } from '../support/wait.ts';

const SLOW_MS = 1500;

/** An origin that answers when it is told to. */
async function holding(): Promise<{ origin: Origin; held: OriginConnection[] }> {
  const held: OriginConnection[] = [];
  return { origin: await Origin.start({ answer: (_message, connection) => void held.push(connection) }), held };
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  it('lets what is in flight finish with Connection: close, accepts nothing new, and ends with code 0', async () => {
    const origin = await Origin.start({ answer: (_message, connection) => void setTimeout(() => connection.send(ok('late')), SLOW_MS) });
    const proxy = await Millrace.start({ ...proxyTo([origin.address]), workers: 2 });
    const port = proxy.port();
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect({ port })));
    for (const client of clients) client.send(requestBytes('/'));
    await eventually(() => origin.requests.length === 8);
    proxy.signal(signal);
    await proxy.logged('draining');
    await eventually(async () => {
      await expect(RawClient.connect({ port })).rejects.toThrow();
      return true;
    });
    for (const client of clients) {
      const answer = await client.response();
      expect([answer.status, answer.text, answer.header('connection')]).toEqual([200, 'late', 'close']);
      await client.end();
    }
    expect(await within(proxy.exited, 'the end')).toEqual({ code: 0, signal: null });
  });
});

describe('SIGTERM', () => {
  it('with nothing in flight ends at once, idle connections or not', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const idle = await RawClient.connect({ port: proxy.port() });
    idle.send(requestBytes('/'));
    await idle.response();
    const start = performance.now();
    proxy.signal('SIGTERM');
    expect(await proxy.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - start).toBeLessThan(2000);
    await idle.end();
  });

  it('says not ready on the admin endpoint while it drains', async () => {
    const { origin, held } = await holding();
    const proxy = await Millrace.start(proxyTo([origin.address]));
    expect((await proxy.admin('/ready')).status).toBe(200);
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    proxy.signal('SIGTERM');
    await proxy.logged('draining');
    const ready = await proxy.admin('/ready');
    expect([ready.status, ready.text]).toEqual([503, 'not ready: draining\n']);
    expect((await proxy.admin('/live')).status).toBe(200);
    held[0]?.send(ok());
    expect((await client.response()).status).toBe(200);
    expect((await proxy.exited).code).toBe(0);
  });

  it('cuts what is still in flight after drainTimeout, and ends in order', async () => {
    const { origin, held } = await holding();
    const proxy = await Millrace.start({ ...proxyTo([origin.address]), drainTimeout: '300ms' });
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    proxy.signal('SIGTERM');
    expect(await proxy.exited).toEqual({ code: 0, signal: null });
    expect(proxy.log.some(({ msg }) => msg === 'requests in flight are cut off')).toBe(true);
    await client.end();
  });

  it('a second time ends it at once', async () => {
    const { origin, held } = await holding();
    const proxy = await Millrace.start({ ...proxyTo([origin.address]), drainTimeout: '1h' });
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    proxy.signal('SIGTERM');
    await proxy.logged('draining');
    proxy.signal('SIGTERM');
    expect((await within(proxy.exited, 'the end')).signal).toBeNull();
    await client.end();
  });

  it('while a large answer is on its way lets it finish', async () => {
    const body = 'x'.repeat(20_000_000);
    const origin = await Origin.start({ answer: (_message, connection) => connection.send(ok(body)) });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const client = await RawClient.connect({ port: proxy.port() });
    client.socket.pause();
    client.send(requestBytes('/'));
    await eventually(() => origin.requests.length === 1);
    proxy.signal('SIGTERM');
    await proxy.logged('draining');
    client.socket.resume();
    expect((await client.response()).body.length).toBe(body.length);
    expect((await proxy.exited).code).toBe(0);
  });

  it('while it starts ends it in order', async () => {
    const proxy = Millrace.launch(proxyTo(['127.0.0.1:1']));
    await proxy.logged(/^admin on/);
    proxy.signal('SIGTERM');
    expect((await within(proxy.exited, 'the end')).signal).toBeNull();
  });
});

it('under load no client sees an error while it ends, but for refused connections', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start({ ...proxyTo([origin.address]), workers: 2 });
  const port = proxy.port();
  const failures: string[] = [];
  let answers = 0;
  const crowd = Array.from({ length: 8 }, async () => {
    for (;;) {
      let client: RawClient;
      try {
        client = await RawClient.connect({ port });
      } catch {
        return;
      }
      try {
        client.send(requestBytes('/', { headers: { Connection: 'close' } }));
        if ((await client.response()).status !== 200) failures.push('status');
        answers++;
      } catch (error) {
        failures.push(String(error));
      }
    }
  });
  await eventually(() => answers > 100);
  proxy.signal('SIGTERM');
  await Promise.all(crowd);
  expect((await proxy.exited).code).toBe(0);
  // A connection that the kernel had accepted and no worker had taken is reset when the socket closes.
  expect(failures.filter((failure) => !/ECONNRESET|in order/.test(failure))).toEqual([]);
});

it('requests after the proxy has gone are refused', async () => {
  const origin = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address]));
  const port = proxy.port();
  proxy.signal('SIGTERM');
  await proxy.exited;
  await expect(request(port, '/')).rejects.toThrow();
});
