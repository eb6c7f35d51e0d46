/**
 * The spike of bench/spike: the proxy with its plain listeners in the reactor. It answers as the shipped one does, and refuses what a
 * strict server refuses, also where the shipped listener is lenient. Runs where the spike is built (node bench/spike/main.mjs
 * --build): that takes minutes, and no user needs it.
 */
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, spikeMain } from '../../bench/spike/overlay.mjs';
import type { ClientCase } from '../hostile/cases/case.ts';
import { CLIENT_GROUPS } from '../hostile/cases/client.ts';
import { CHUNKED } from '../hostile/cases/client/chunked.ts';
import { FRAMING } from '../hostile/cases/client/framing.ts';
import { SYNTAX } from '../hostile/cases/client/syntax.ts';
import { Lanes, canary } from '../hostile/lanes.ts';
import { CLIENT_LANES, check, run, type Run } from '../hostile/requests.ts';
import { SPLITS } from '../hostile/splits.ts';
import { descriptors, expectNothingLeft } from '../hostile/state.ts';
import { RawClient } from '../support/client.ts';
import type { Message } from '../support/http-message.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually, still } from '../support/wait.ts';

const built = isBuilt();
const launch = built ? { main: spikeMain() } : {};
const MIB = 1024 * 1024;

/** What the target asks for. */
function scripted(request: Message, connection: OriginConnection): void {
  const size = Number(/size=(\d+)/.exec(request.target)?.[1] ?? 2);
  const body = Buffer.alloc(size, 'ab');
  if (request.target.startsWith('/chunked')) {
    connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n');
    for (let at = 0; at < size; at += 1000) connection.send(`${Math.min(1000, size - at).toString(16)}\r\n${body.toString('latin1', at, at + 1000)}\r\n`);
    connection.send('0\r\n\r\n');
  } else if (request.target.startsWith('/204')) connection.send('HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n');
  else if (request.target.startsWith('/304')) connection.send('HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: "a"\r\n\r\n');
  else if (request.target.startsWith('/cut')) connection.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
  else if (request.target.startsWith('/never')) return;
  else if (request.method === 'HEAD') connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
  else {
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nX-Got: ${request.body.length}\r\n\r\n`);
    connection.send(body);
  }
}

const routes = (cluster: string): object[] => [
  { match: { path: '/redirected' }, redirect: { path: '/elsewhere' } },
  { match: { path: '/local' }, respond: { status: 418, body: 'local' } },
  { match: { path: '/small' }, cluster, maxRequestBody: '1KiB' },
];

const request = (text: string, fields: readonly string[] = [], body = ''): string => `${text} HTTP/1.1\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`;

describe.skipIf(!built)('the listener in the reactor', () => {
  describe('answers as the shipped one', () => {
    let shipped: Lanes;
    let spike: Lanes;

    beforeAll(async () => {
      const options = { origin: () => ({ answer: scripted }), routes, count: 1, route: { timeout: '5s' } };
      [shipped, spike] = await Promise.all([Lanes.start(options), Lanes.start({ ...options, launch })]);
    });

    /** Status line, sorted fields, body; and whether the connection goes on. */
    async function ask(lanes: Lanes, bytes: string): Promise<object> {
      const client = await RawClient.connect({ port: lanes.all[0]?.port ?? 0 });
      client.send(bytes);
      const message = await client.response({ toHead: bytes.startsWith('HEAD ') });
      const fields = [...message.head.text.matchAll(/^([^:\r\n]+): ([^\r\n]*)/gm)].map(([, name = '', value = '']) => `${name.toLowerCase()}: ${name === 'Date' ? 'now' : value.replace(/127.0.0.1:\d+/, 'here')}`);
      const closes = message.header('connection') === 'close';
      if (closes) await eventually(() => client.ended);
      const seen = lanes.all[0]?.origin.requests.at(-1)?.head.text.split('\r\n').filter((line) => !/^x-request-id/i.test(line));
      return { status: message.status, fields: fields.sort(), size: message.body.length, same: message.body.equals(Buffer.alloc(message.body.length, 'ab')), text: message.body.length < 100 ? message.text : '', closes, seen };
    }

    it.each([
      ['a GET', request('GET /p?x=1', ['User-Agent: a/1', 'X-Mixed-Case: Va Lue'])],
      ['a HEAD', request('HEAD /p?size=1000')],
      ['no content', request('GET /204')],
      ['not modified', request('GET /304')],
      ['64 KiB', request('GET /p?size=65536')],
      ['3 MiB', request('GET /p?size=3145728')],
      ['chunks', request('GET /chunked?size=100000')],
      ['a POST', request('POST /p', ['Content-Length: 5'], 'hello')],
      ['a POST of 1 MiB', request('POST /p', [`Content-Length: ${MIB}`], 'x'.repeat(MIB))],
      ['a POST in chunks', request('POST /p', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n')],
      ['a body too large', request('POST /small', ['Content-Length: 2000'], 'x'.repeat(2000))],
      ['a redirect', request('GET /redirected')],
      ['an answer of its own', request('GET /local')],
      ['a malformed Host', 'GET /p HTTP/1.1\r\nHost: a@b\r\n\r\n'],
      ['bytes that are not ASCII', request('GET /p', ['X-A: a\xe4\xf6\xfcb'])],
    ])('%s', async (_name, bytes) => {
      expect(await ask(spike, bytes)).toEqual(await ask(shipped, bytes));
    });

    it('says that it closes to a client that wants the end, and does', async () => {
      const client = await RawClient.connect({ port: spike.all[0]?.port ?? 0 });
      client.send(request('GET /p', ['Connection: close']));
      expect((await client.response()).header('connection')).toBe('close');
      await eventually(() => client.ended);
    });

    it('an answer that is cut short ends the connection', async () => {
      const client = await RawClient.connect({ port: spike.all[0]?.port ?? 0 });
      client.send(request('GET /cut'));
      await eventually(() => client.ended);
      expect(client.received.toString()).toMatch(/Content-Length: 10\r\n(.*\r\n)*\r\nhalf$/);
    });
  });

  describe('one proxy', () => {
    let proxy: Millrace;
    let origin: Origin;
    let before: number;

    beforeAll(async () => {
      origin = await Origin.start({ answer: scripted });
      proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: '10s', retry: { attempts: 0 } } }), launch);
      await canaryOn(proxy);
      before = descriptors(proxy);
    });

    async function canaryOn(which: Millrace): Promise<void> {
      const client = await RawClient.connect({ port: which.port() });
      client.send(request('GET /canary', ['Connection: close']));
      expect((await client.response()).status).toBe(200);
    }

    it('answers requests that come at once one after the other, in their order', async () => {
      const client = await RawClient.connect({ port: proxy.port() });
      const sizes = Array.from({ length: 300 }, (_, i) => (i * 37) % 2000);
      client.send(sizes.map((size, i) => (i % 5 === 0 ? request(`POST /p?size=${size}`, ['Content-Length: 5'], 'hello') : request(`GET /p?size=${size}`))).join(''));
      for (const size of sizes) expect((await client.response()).body.length).toBe(size);
    });

    it('says 100 Continue to those who wait for it', async () => {
      const client = await RawClient.connect({ port: proxy.port() });
      client.send(request('POST /p', ['Expect: 100-continue', 'Content-Length: 5']));
      await client.until(() => client.received.toString() === 'HTTP/1.1 100 Continue\r\n\r\n', 'the interim answer');
      client.received = Buffer.alloc(0);
      client.send('hello');
      expect((await client.response()).header('x-got')).toBe('5');
    });

    it('a client that takes nothing holds its upstream back, and nobody else', async () => {
      const slow = connect({ port: proxy.port(), host: '127.0.0.1' }).pause();
      let received = 0;
      const total = 64 * MIB;
      slow.write(request(`GET /p?size=${total}`, ['Connection: close']));
      await eventually(() => origin.last.target.includes(String(total)));
      const sent = await still(() => total - Math.max(0, ...[...origin.open].map(({ socket }) => socket.writableLength)));
      // Socket buffers of the kernel take some megabytes on both sides.
      expect(sent).toBeLessThan(32 * MIB);
      await canaryOn(proxy);
      slow.on('data', (bytes: Buffer) => (received += bytes.length)).resume();
      await new Promise((resolve) => slow.once('close', resolve));
      expect(received).toBeGreaterThanOrEqual(total);
    });

    it('clients that go away are given up, before, in and behind their requests', async () => {
      await Promise.all(Array.from({ length: 60 }, async (_, i) => {
        const client = await RawClient.connect({ port: proxy.port() });
        client.send([request('GET /never'), request('POST /p', ['Content-Length: 100'], 'half'), 'GET /p HT', request('GET /p?size=8000000')][i % 4] ?? '');
        if (i % 4 === 0) await eventually(() => origin.requests.filter(({ target }) => target === '/never').length > i / 4);
        if (i % 8 < 4) client.socket.resetAndDestroy();
        else client.socket.destroy();
      }));
      await expectNothingLeft(proxy, before);
      await canaryOn(proxy);
    });

    it('counts what it does', async () => {
      const requests = await proxy.metric('millrace_listener_requests_total', { listener: 'web' });
      await canaryOn(proxy);
      expect(await proxy.metric('millrace_listener_requests_total', { listener: 'web' })).toBe(requests + 1);
      await eventually(async () => (await proxy.metric('millrace_listener_connections', { listener: 'web' })) === 0);
    });

    it('takes another listener, and leaves one, while it runs', async () => {
      const other = await Millrace.start(proxyTo([origin.address], { listeners: [{ name: 'one', address: '127.0.0.1:0', routes: 'main' }] }), launch);
      const client = await RawClient.connect({ port: other.port('one') });
      client.send(request('GET /p'));
      expect((await client.response()).status).toBe(200);
      other.write(proxyTo([origin.address], { listeners: [{ name: 'two', address: '127.0.0.1:0', routes: 'main' }] }));
      other.child.kill('SIGHUP');
      const { port } = await other.logged(/listening on/, other.log.length);
      const second = await RawClient.connect({ port: Number(port) });
      second.send(request('GET /p'));
      expect((await second.response()).status).toBe(200);
      // The listener is no longer configured; the connection is told.
      client.send(request('GET /p'));
      expect((await client.response()).status).toBe(503);
    });

    it('ends idle connections, and finishes what is under way when it is told to end', async () => {
      const own = await Millrace.start(proxyTo([origin.address]), launch);
      const idle = await RawClient.connect({ port: own.port() });
      idle.send('GET /half HT');
      await eventually(() => idle.ended, 20_000);
      const busy = await RawClient.connect({ port: own.port() });
      busy.send(request('GET /never'));
      await eventually(() => origin.last.target === '/never');
      own.child.kill('SIGTERM');
      await own.logged(/drain/);
      [...origin.open].at(-1)?.send(ok('late'));
      const late = await busy.response();
      expect([late.text, late.header('connection')]).toEqual(['late', 'close']);
      expect(await own.exited).toEqual({ code: 0, signal: null });
    });
  });

  /** Byte by byte those that a parser could lose its way in. */
  describe.each([
    ['whole', CLIENT_GROUPS],
    ['byte by byte', [FRAMING, CHUNKED, SYNTAX]],
  ] as const)('hostile requests, %s', (split, groups) => {
    // A hundred requests at once would still be under way when the next case looks what reached its upstream.
    const cases: ClientCase[] = groups.flatMap((group) => group.cases).filter(({ forwarded = 1 }) => forwarded <= 1).map(expectedOf);
    const runs = new Map<string, Run | Error>();
    let lanes: Lanes;

    beforeAll(async () => {
      lanes = await Lanes.start({ ...CLIENT_LANES, launch });
      const results = await lanes.run(cases, (item, lane) => run(item, SPLITS[split] ?? ((bytes) => [bytes]), lane).catch((error: unknown) => error as Error));
      for (const [i, item] of cases.entries()) runs.set(item.id, results[i] as Run | Error);
    });

    it.each(cases.map((item) => [item.id, item.name, item] as const))('%s %s', (id, _name, item) => {
      const result = runs.get(id);
      if (result === undefined || result instanceof Error) throw result ?? new Error('did not run');
      check(item, result);
    });

    it('leave it alive, with nothing in flight', async () => {
      for (const { port } of lanes.all) await canary(port);
      await eventually(async () => (await lanes.proxy.metric('millrace_active_requests')) === 0);
      expect(await lanes.proxy.metric('millrace_worker_restarts_total')).toBe(0);
    });
  });
});

/** What the shipped listener takes and this one does too, or what both do not speak; everything else of its gaps is none here. */
function expectedOf({ gap, ...item }: ClientCase): ClientCase {
  if (gap?.rule === 'onlyHttp11') return { ...item, gap };
  if (gap?.rule === 'noAbsoluteForm') return { ...item, allow: [400, 'close'] };
  // The decoder of answers, which is used here, takes white space behind a size; the upstream gets a size of our own.
  if (item.id === 'CH-21') return { ...item, allow: [200, ...item.allow], forwarded: 1 };
  return item;
}
