/** Peers that vanish, close or burst at the worst moment. Numbers as F01 are those of our list of faults. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';
import { canary, echo } from './lanes.ts';
import { descriptors, expectNothingLeft } from './state.ts';
import { Wire } from './wire.ts';

const LONG_MS = 60_000;
const GET = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

/** `each` for 0 .. n-1, this many at a time. */
async function times(n: number, atOnce: number, each: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let i = next++; i < n; i = next++) await each(i);
  }));
}

describe('a thousand clients that go away', () => {
  const COUNT = 1000;
  const AT_ONCE = 40;
  /** Targets that the upstream was asked for. */
  const asked = new Set<string>();
  let proxy: Millrace;
  let origin: Origin;
  let before: number;

  beforeAll(async () => {
    origin = await Origin.start({
      onConnection: (connection) => {
        let text = '';
        connection.socket.on('data', (bytes) => {
          text += bytes.toString('latin1');
          if (!text.includes('\r\n\r\n')) return;
          const target = text.split(' ')[1] ?? '';
          asked.add(target);
          if (target.startsWith('/canary-')) {
            text = '';
            echo(target, connection);
          } else if (target.startsWith('/half-')) {
            text = '';
            connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf of it');
          }
        });
      },
    });
    proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: '30s', retry: { attempts: 0 } } }));
    await canary(proxy.port());
    before = descriptors(proxy);
  });

  it.each([
    ['before the answer', 'never-get', (target: string): string => GET(target)],
    ['during the answer', 'half-get', (target: string): string => GET(target)],
    ['during the request', 'never-post', (target: string): string => `POST ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nhalf of it`],
    ['during the request and its answer', 'half-post', (target: string): string => `POST ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nhalf of it`],
    ['during a chunked request', 'never-chunked', (target: string): string => `POST ${target} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`],
    ['in the head', null, (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a.te`],
  ])('%s leave nothing behind, neither by reset nor in order (F07)', { timeout: LONG_MS }, async (_name, kind, bytes) => {
    await times(COUNT, AT_ONCE, async (i) => {
      const wire = await Wire.open(proxy.port());
      const target = `/${kind ?? 'head'}-${i}`;
      wire.send(bytes(target));
      // A fourth goes at once, whatever has been read by then.
      if (kind !== null && i % 4 !== 0) {
        await eventually(() => asked.has(target));
        if (kind === 'half-get') await wire.some();
      }
      if (i % 2 === 0) wire.reset();
      else wire.close();
    });
    if (kind !== null) expect([...asked].filter((target) => target.startsWith(`/${kind}-`)).length).toBeGreaterThanOrEqual((COUNT * 3) / 4);
    await expectNothingLeft(proxy, before);
    // The upstream was told of each.
    await eventually(() => origin.open.size <= 2);
    await canary(proxy.port());
  });

  it('with half of their connection are cancelled upstream, since the listener knows no half-closed clients (F06)', async () => {
    const wire = await Wire.open(proxy.port());
    wire.send(GET('/never'));
    await eventually(async () => (await proxy.metric('millrace_active_requests')) === 1);
    wire.end();
    expect((await wire.answer()).outcome).toBe('close');
    await expectNothingLeft(proxy, before);
  });
});

describe('an upstream that closes', () => {
  it.each(['reset', 'end'] as const)('each connection as it is used again costs no GET an answer, and no POST is sent twice (F01, %s)', { timeout: LONG_MS }, async (way) => {
    const posts: string[] = [];
    const origin = await Origin.start({
      answer: (request, connection) => {
        if (request.method === 'POST') posts.push(request.text);
        if (connection.requests === 2) connection[way]();
        else connection.send(ok());
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    await times(1000, 4, async () => {
      const wire = await Wire.open(proxy.port());
      wire.send(GET('/'));
      expect((await wire.answer()).outcome).toBe(200);
      wire.close();
    });
    let failed = 0;
    await times(400, 4, async (i) => {
      const wire = await Wire.open(proxy.port());
      const id = `post ${String(i).padStart(4, '0')}`;
      wire.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${id.length}\r\n\r\n${id}`);
      const { outcome } = await wire.answer();
      expect([200, 502]).toContain(outcome);
      if (outcome === 502) failed++;
      wire.close();
    });
    expect(posts.filter((id, i) => posts.indexOf(id) !== i), 'sent twice').toEqual([]);
    expect(failed).toBeGreaterThan(0);
  });

  it('its idle connections whenever it likes costs no GET an answer (F34)', { timeout: LONG_MS }, async () => {
    let n = 0;
    const origin = await Origin.start({
      answer: (_request, connection) => {
        connection.send(ok());
        // At once, in the same packet or a little later: into the moment of the next request.
        const later = n++ % 5;
        if (later === 0) connection.end();
        else if (later < 3) setImmediate(() => connection.end());
        else setTimeout(() => connection.end(), 1);
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const outcomes = new Map<unknown, number>();
    await times(8, 8, async () => {
      const wire = await Wire.open(proxy.port());
      for (let i = 0; i < 500; i++) {
        wire.send(GET('/'));
        const { outcome } = await wire.answer();
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (typeof outcome !== 'number') break;
      }
      wire.close();
    });
    expect(Object.fromEntries(outcomes)).toEqual({ 200: 4000 });
  });

  it('its half of the connection with an early answer is answered for, and not written to any more (F05)', async () => {
    let received = 0;
    const origin = await Origin.start({
      onHead: (_request, connection) => {
        connection.socket.on('data', (bytes) => (received += bytes.length));
        connection.end('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno');
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const before = descriptors(proxy);
    await times(20, 20, async () => {
      const wire = await Wire.open(proxy.port());
      wire.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10000000\r\n\r\n');
      wire.send('x'.repeat(100_000));
      // The rest of the body is waited for, for some seconds: the client may not look before it has sent it.
      const { outcome, message } = await wire.answer(10_000);
      expect([outcome, message?.text]).toEqual([413, 'no']);
      expect(await wire.ends()).toBe(true);
    });
    expect(origin.connections).toBe(20);
    expect(received).toBeLessThan(20 * 100_000 + 1);
    await expectNothingLeft(proxy, before);
  });

  it('in the middle of each of a thousand answers leaves nothing behind (F02, F03, F04)', { timeout: LONG_MS }, async () => {
    const heads = ['HTTP/1.1 200 OK\r\nContent-Le', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel'];
    let n = 0;
    const origin = await Origin.start({
      answer: ({ target }, connection) => {
        if (target.startsWith('/canary-')) {
          echo(target, connection);
          return;
        }
        connection.send(heads[n % heads.length] ?? '');
        if (n++ % 8 < 4) connection.end();
        else setImmediate(() => setImmediate(() => connection.reset()));
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { attempts: 0 } } }));
    await canary(proxy.port());
    const before = descriptors(proxy);
    await times(1000, 20, async () => {
      const wire = await Wire.open(proxy.port());
      wire.send(GET('/'));
      expect([502, 'abort', 'close']).toContain((await wire.answer(5000)).outcome);
      wire.close();
    });
    await expectNothingLeft(proxy, before);
    await canary(proxy.port());
  });
});

describe('ten thousand connections at once', () => {
  it('are all accepted and answered (F36)', { timeout: LONG_MS }, async () => {
    const CROWD = 10_000;
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { limits: { maxConnections: CROWD + 1000 }, cluster: { pool: { maxConnections: 64, maxPending: CROWD } }, route: { timeout: '50s' } }));
    const before = descriptors(proxy);
    const wires = await Promise.all(Array.from({ length: CROWD }, () => Wire.open(proxy.port())));
    for (const wire of wires) wire.send(GET('/'));
    const outcomes = new Map<unknown, number>();
    for (const wire of wires) {
      const { outcome } = await wire.answer(40_000);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(Object.fromEntries(outcomes)).toEqual({ 200: CROWD });
    for (const wire of wires) wire.close();
    await expectNothingLeft(proxy, before);
  });
});

describe('bytes on an idle upstream connection', () => {
  it('are never the answer to the next request', { timeout: LONG_MS }, async () => {
    const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON';
    const waiting: OriginConnection[] = [];
    const origin = await Origin.start({
      answer: (_request, connection) => {
        connection.send(ok('fine'));
        waiting.push(connection);
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    for (let i = 0; i < 100; i++) {
      const wire = await Wire.open(proxy.port());
      wire.send(GET('/'));
      expect((await wire.answer()).message?.text).toBe('fine');
      wire.close();
      const victim = waiting.splice(0)[0];
      victim?.send(POISON);
      await eventually(() => victim?.socket.destroyed === true || victim?.socket.readableEnded === true);
    }
  });
});
