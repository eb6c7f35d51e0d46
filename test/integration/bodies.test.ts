import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, type OriginConnection } from '../support/origin.ts';
import type { Message } from '../support/http-message.ts';
import { pieces } from '../support/bulk.ts';
import { eventually } from '../support/wait.ts';

const SIZES = [0, 1, 8191, 8192, 16_383, 16_384, 65_535, 65_536, 65_537, 131_072, 300_001];
const FRAMINGS = ['length', 'chunked', 'close'] as const;
let origin: Origin;
let proxy: Millrace;

/** Gives the body back, framed as `x-framing` asks. */
function echo(message: Message, connection: OriginConnection): void {
  const { body } = message;
  switch (message.header('x-framing')) {
    case 'chunked':
      connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let at = 0; at < body.length; at += 30_000) {
        const piece = body.subarray(at, at + 30_000);
        connection.send(Buffer.concat([Buffer.from(`${piece.length.toString(16)};ext=1\r\n`), piece, Buffer.from('\r\n')]));
      }
      connection.send('0\r\nX-Trailer: dropped\r\n\r\n');
      break;
    case 'close':
      connection.send('HTTP/1.1 200 OK\r\n\r\n');
      connection.end(body);
      break;
    default:
      connection.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]));
  }
}

const bytes = (size: number): Buffer => Buffer.concat([...pieces(size)]);

beforeAll(async () => {
  origin = await Origin.start({ answer: echo });
  proxy = await Millrace.start({
    routes: { main: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/limited' }, cluster: 'up', maxRequestBody: 1000 }, { cluster: 'up' }] }] },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

describe.each(FRAMINGS)('answer framed by %s', (framing) => {
  it.each(SIZES)('of %i bytes comes through', async (size) => {
    const body = bytes(size);
    const answer = await request(proxy.port(), '/', { method: 'POST', body, headers: { 'X-Framing': framing } });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(body)).toBe(true);
  });
});

describe('chunked request', () => {
  it.each([1, 7, 4096, 65_536])('in chunks of %i bytes comes through', async (chunk) => {
    const body = bytes(chunk * 5 + (chunk > 1 ? 1 : 0));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let at = 0; at < body.length; at += chunk) {
      const piece = body.subarray(at, at + chunk);
      client.send(Buffer.concat([Buffer.from(`${piece.length.toString(16).toUpperCase()}\r\n`), piece, Buffer.from('\r\n')]));
    }
    client.send('0\r\n\r\n');
    const answer = await client.response();
    expect(answer.body.equals(body)).toBe(true);
    expect(origin.last.header('transfer-encoding')).toBe('chunked');
  });

  it('byte by byte comes through', async () => {
    const client = await RawClient.connect({ port: proxy.port() });
    const seen = origin.requests.length;
    for (const byte of Buffer.from('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n')) {
      await new Promise<void>((resolve) => client.socket.write(Buffer.of(byte), () => setImmediate(resolve)));
    }
    expect((await client.response()).text).toBe('hello world');
    expect(origin.requests.length).toBe(seen + 1);
  });

  it('without any byte is an empty body', async () => {
    const client = await RawClient.connect({ port: proxy.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
    expect((await client.response()).body.length).toBe(0);
  });
});

describe('answer of unknown length', () => {
  it('is chunked for the client, without the trailers of the upstream', async () => {
    const answer = await request(proxy.port(), '/', { method: 'POST', body: 'hello'.repeat(20_000), headers: { 'X-Framing': 'chunked' } });
    expect(answer.header('transfer-encoding')).toBe('chunked');
    expect(answer.header('content-length')).toBeUndefined();
  });

  it('arrives piece by piece, as the upstream sends it', async () => {
    const local = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n') });
    const own = await Millrace.start(proxyTo([local.address]));
    const client = await RawClient.connect({ port: own.port() });
    client.send(requestBytes('/'));
    await client.until(() => client.received.includes('first'), 'the first piece');
    for (const { socket } of local.open) socket.write('6\r\nsecond\r\n0\r\n\r\n');
    expect((await client.response()).text).toBe('firstsecond');
  });
});

describe('broken answer', () => {
  const cases: [string, string][] = [
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf'],
  ];
  it.each(cases)('%s ends the connection without a proper end', async (_name, half) => {
    const local = await Origin.start({ answer: (_message, connection) => connection.end(half) });
    const own = await Millrace.start(proxyTo([local.address]));
    const client = await RawClient.connect({ port: own.port() });
    client.send(requestBytes('/'));
    await client.end();
    expect(client.received.toString('latin1')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(client.received.includes('half')).toBe(true);
    expect(client.received.toString('latin1')).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(await own.metric('millrace_request_outcomes_total', { flag: 'UC' })).toBe(1);
  });
});

describe('client that goes away', () => {
  it('during the answer ends the upstream connection', async () => {
    let sent = false;
    const local = await Origin.start({ answer: (_message, connection) => (connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'), (sent = true)) });
    const own = await Millrace.start(proxyTo([local.address]));
    const client = await RawClient.connect({ port: own.port() });
    client.send(requestBytes('/'));
    await client.until(() => client.received.includes('half') && sent, 'half an answer');
    await client.close();
    await eventually(() => local.open.size === 0);
    expect(await own.metric('millrace_request_outcomes_total', { flag: 'DC' })).toBe(1);
    expect(await own.metric('millrace_active_requests')).toBe(0);
  });

  it('during the request ends the upstream connection, which sees no whole request', async () => {
    const local = await Origin.start();
    const own = await Millrace.start(proxyTo([local.address]));
    const client = await RawClient.connect({ port: own.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhalf');
    await eventually(() => local.open.size === 1);
    await client.close();
    await eventually(() => local.open.size === 0);
    expect(local.requests).toHaveLength(0);
  });
});

describe('maxRequestBody', () => {
  it('lets a body of that size through', async () => {
    expect((await request(proxy.port(), '/limited', { method: 'POST', body: bytes(1000) })).status).toBe(200);
  });

  it('refuses a longer Content-Length before the upstream sees anything', async () => {
    const seen = origin.requests.length;
    const answer = await request(proxy.port(), '/limited', { method: 'POST', body: bytes(1001) });
    expect(answer.status).toBe(413);
    expect(origin.requests.length).toBe(seen);
  });

  it('refuses a chunked body as soon as it is too long', async () => {
    const seen = origin.requests.length;
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(`POST /limited HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n${'x'.repeat(1000)}\r\n1\r\ny\r\n0\r\n\r\n`);
    expect((await client.response()).status).toBe(413);
    await client.end();
    expect(origin.requests.length).toBe(seen);
  });
});

