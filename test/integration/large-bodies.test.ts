/** Bodies far larger than any buffer, with a reader that keeps up, and with one that does not. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { MIB, drink, hashOf, pump } from '../support/bulk.ts';
import { RawClient } from '../support/client.ts';
import { HttpOrigin } from '../support/http-origin.ts';
import { keep } from '../support/keep.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { eventually, still } from '../support/wait.ts';

const TOTAL = 50 * MIB;
const HASH = hashOf(TOTAL);
/** What kernel buffers, V8's young generation and one pause's worth of pieces may add; the bodies are several times that. */
const RSS_BOUND = 40 * MIB;
/** What the socket buffers of both connections may hold. */
const KERNEL_BOUND = 200 * MIB;
let origin: HttpOrigin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await HttpOrigin.start((request, response) => {
    const [, path = '', size = '0'] = (request.url ?? '').split('/');
    if (path === 'download') {
      response.writeHead(200, { 'content-length': size });
      void pump(response, Number(size)).then(() => response.end());
    } else if (path === 'stream') {
      response.writeHead(200);
      void pump(response, Number(size)).then(() => response.end());
    } else if (path === 'upload') {
      void drink(request).then(({ bytes, hash }) => response.end(`${bytes} ${hash}`), () => undefined);
    } else {
      response.writeHead(200);
      request.pipe(response);
    }
  });
  proxy = await Millrace.start(proxyTo([origin.address]));
});

function send(method: string, path: string, headers: Record<string, string | number> = {}): { outgoing: ReturnType<typeof httpRequest>; answer: Promise<IncomingMessage> } {
  const outgoing = httpRequest({ port: proxy.port(), host: '127.0.0.1', method, path, headers, agent: false });
  const answer = new Promise<IncomingMessage>((resolve, reject) => outgoing.once('response', resolve).once('error', reject));
  answer.catch(() => undefined);
  return { outgoing, answer };
}

describe('50 MiB', () => {
  it.each(['download', 'stream'])('come down whole (%s)', async (path) => {
    const { outgoing, answer } = send('GET', `/${path}/${TOTAL}`);
    outgoing.end();
    expect(await drink(await answer)).toEqual({ bytes: TOTAL, hash: HASH });
  });

  it.each([['with a length', { 'content-length': TOTAL }], ['in chunks', {}]])('go up whole (%s)', async (_name, headers) => {
    const { outgoing, answer } = send('POST', '/upload', headers);
    await pump(outgoing, TOTAL);
    outgoing.end();
    const parts: Buffer[] = [];
    for await (const part of await answer) parts.push(part as Buffer);
    expect(Buffer.concat(parts).toString()).toBe(`${TOTAL} ${HASH}`);
  });

  it('go up and come down at the same time', async () => {
    const { outgoing, answer } = send('POST', '/echo');
    const [back] = await Promise.all([answer.then(drink), pump(outgoing, TOTAL).then(() => outgoing.end())]);
    expect(back).toEqual({ bytes: TOTAL, hash: HASH });
  });
});

describe('reader that does not keep up', () => {
  it.each(['with a length', 'in chunks'])('of an answer holds the upstream back, and gets it all in the end (%s)', async (framing) => {
    const total = 200 * MIB;
    let accepted = 0;
    const chunked = framing === 'in chunks';
    const source = await HttpOrigin.start((_request, response) => {
      response.writeHead(200, chunked ? {} : { 'content-length': total });
      void pump(response, total, { onProgress: (bytes) => (accepted = bytes) }).then(() => response.end());
    });
    const own = await Millrace.start(proxyTo([source.address]));
    const before = own.rss;
    const outgoing = httpRequest({ port: own.port(), host: '127.0.0.1', path: '/', agent: false });
    const answer = await new Promise<IncomingMessage>((resolve) => outgoing.once('response', resolve).end());
    expect(await still(() => accepted)).toBeLessThan(KERNEL_BOUND);
    expect(own.rss - before).toBeLessThan(RSS_BOUND);
    expect(await drink(answer)).toEqual({ bytes: total, hash: hashOf(total) });
    expect(own.rss - before).toBeLessThan(RSS_BOUND);
  });

  it('of a request holds the client back, and gets it all in the end', async () => {
    const total = 400 * MIB;
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const sink = await HttpOrigin.start((request, response) => {
      request.pause();
      void gate.then(() => drink(request)).then(({ hash }) => response.end(hash), () => undefined);
    });
    const own = await Millrace.start(proxyTo([sink.address]));
    const before = own.rss;
    const outgoing = httpRequest({ port: own.port(), host: '127.0.0.1', method: 'POST', path: '/', agent: false, headers: { 'content-length': total } });
    const answer = new Promise<IncomingMessage>((resolve, reject) => outgoing.once('response', resolve).once('error', reject));
    answer.catch(() => undefined);
    let accepted = 0;
    const sent = pump(outgoing, total, { onProgress: (bytes) => (accepted = bytes) }).then(() => outgoing.end());
    expect(await still(() => accepted)).toBeLessThan(KERNEL_BOUND);
    expect(own.rss - before).toBeLessThan(RSS_BOUND);
    go();
    await sent;
    const parts: Buffer[] = [];
    for await (const part of await answer) parts.push(part as Buffer);
    expect(Buffer.concat(parts).toString()).toBe(hashOf(total));
    expect(own.rss - before).toBeLessThan(RSS_BOUND);
  });
});

describe('early answer', () => {
  it.each([['short', 'too large'], ['streamed', 'too large '.repeat(20_000)]])('while the request is being sent reaches the client (%s)', async (_name, text) => {
    const refusing = await Origin.start({
      onHead: (_head, connection) => connection.end(`HTTP/1.1 413 Content Too Large\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`),
    });
    const own = await Millrace.start(proxyTo([refusing.address]));
    const client = await RawClient.connect({ port: own.port() });
    client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${TOTAL}\r\n\r\n`);
    await pump(client.socket, 2 * MIB);
    const answer = await client.response();
    expect([answer.status, answer.text === text]).toEqual([413, true]);
  });

  it('to a request whose rest never comes is given, and the connection closed', async () => {
    const refusing = await Origin.start({ onHead: (_head, connection) => connection.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno') });
    const own = await Millrace.start(proxyTo([refusing.address]));
    const client = await RawClient.connect({ port: own.port() });
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhalf');
    const answer = await client.response();
    expect([answer.status, answer.text]).toEqual([403, 'no']);
    await client.end();
    await eventually(() => refusing.open.size === 0);
  });
});

it('a client that is slow to read and one that is not do not disturb each other', async () => {
  const slow = keep({ socket: connect(proxy.port(), '127.0.0.1'), close: async () => undefined });
  slow.socket.on('error', () => undefined).pause();
  slow.socket.write(`GET /download/${TOTAL} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  const { outgoing, answer } = send('GET', `/download/${TOTAL}`);
  outgoing.end();
  expect((await drink(await answer)).hash).toBe(HASH);
  slow.socket.destroy();
});
