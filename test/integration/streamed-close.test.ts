/**
 * A streamed answer that says "connection: close" ends its connection, and nothing that comes behind its request is served. uWS
 * closes behind whole answers only; see src/worker/downstream-socket.ts.
 */
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { drink } from '../support/bulk.ts';
import { makeCertificate } from '../support/certificates.ts';
import { RawClient, request } from '../support/client.ts';
import { Millrace, temporaryDirectory } from '../support/millrace.ts';
import { Origin, type OriginConnection } from '../support/origin.ts';
import { still, within } from '../support/wait.ts';

const CHUNKED = 'POST /first HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const SECOND = 'GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n';
/** More than sockets and the proxy hold. */
const BIG = Buffer.alloc(64 * 1024 * 1024, 'x');
const FRAMINGS = {
  length: { head: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst', rest: 'later' },
  chunked: { head: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n', rest: '5\r\nlater\r\n0\r\n\r\n' },
  'until the end': { head: 'HTTP/1.0 200 OK\r\n\r\nfirst', rest: 'later' },
};

let origin: Origin;
let proxy: Millrace;
let asked: Promise<OriginConnection>;

beforeAll(async () => {
  origin = await Origin.start();
  const certificate = makeCertificate(temporaryDirectory(), 'a.test');
  proxy = await Millrace.start({
    listeners: [
      { name: 'plain', address: '127.0.0.1:0', routes: 'main' },
      { name: 'tls', address: '127.0.0.1:0', routes: 'main', tls: { certificates: [{ cert: certificate.certFile, key: certificate.keyFile }] } },
    ],
    routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up' }] }] },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

beforeEach(() => {
  asked = new Promise((resolve) => {
    origin.answer = (message, connection) => {
      if (message.target === '/first') resolve(connection);
      else connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    };
  });
});

/** The first part is with the client before the second one is sent: a streamed answer. */
async function answerInTwo(client: RawClient, { head, rest }: { head: string; rest: string }): Promise<void> {
  const connection = await within(asked, 'the request');
  connection.send(head);
  await client.until(() => client.received.includes('first'), 'the first part');
  if (head.startsWith('HTTP/1.0')) connection.end(rest);
  else connection.send(rest);
}

describe.each(['plain', 'tls'])('%s', (listener) => {
  const open = (): Promise<RawClient> => RawClient.connect({ port: proxy.port(listener), ...(listener === 'tls' ? { tls: {} } : {}) });

  it.each(Object.entries(FRAMINGS))('ends behind an answer framed by %s', async (_name, framing) => {
    const client = await open();
    client.send(CHUNKED);
    await answerInTwo(client, framing);
    const answer = await client.response();
    expect([answer.status, answer.header('connection'), answer.text]).toEqual([200, 'close', 'firstlater']);
    await client.end();
    expect(client.received).toHaveLength(0);
  });

  it('ends behind an answer that the client is slow to take, and gives all of it', async () => {
    const options = { port: proxy.port(listener), host: '127.0.0.1', method: 'POST', path: '/first', agent: false, headers: { 'transfer-encoding': 'chunked' } };
    const outgoing = listener === 'tls' ? secureRequest({ ...options, rejectUnauthorized: false }) : plainRequest(options);
    const answer = new Promise<IncomingMessage>((resolve, reject) => outgoing.once('response', resolve).once('error', reject));
    outgoing.end('hello');
    const connection = await within(asked, 'the request');
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\n\r\n`);
    connection.send(BIG);
    const incoming = await within(answer, 'the head'); // nothing reads the rest so far
    await still(() => connection.socket.writableLength);
    expect(connection.socket.writableLength, 'held back').toBeGreaterThan(0);
    const ended = new Promise((resolve) => incoming.socket.once('close', resolve));
    expect((await drink(incoming)).bytes).toBe(BIG.length);
    await within(ended, 'the end of the connection');
  });
});

/** A client that goes on writing after the proxy's end. */
async function halfOpen(): Promise<{ socket: Socket; ended: Promise<void>; text: () => string }> {
  const socket = connect({ port: proxy.port('plain'), host: '127.0.0.1', allowHalfOpen: true });
  let bytes = '';
  socket.on('data', (piece) => (bytes += piece.toString('latin1')));
  socket.on('error', () => undefined); // a reset is an end, too
  await within(new Promise<void>((resolve) => socket.once('connect', () => resolve())), 'connect');
  return { socket, ended: new Promise((resolve) => socket.once('end', () => resolve())), text: () => bytes };
}

it.each(Object.entries(FRAMINGS))('serves nothing behind an answer framed by %s', async (_name, framing) => {
  const before = origin.requests.length;
  const client = await halfOpen();
  client.socket.write(CHUNKED);
  const connection = await within(asked, 'the request');
  connection.send(framing.head);
  await within(new Promise<void>((resolve) => client.socket.on('data', () => client.text().includes('first') && resolve())), 'the first part');
  if (framing.head.startsWith('HTTP/1.0')) connection.end(framing.rest);
  else connection.send(framing.rest);
  await within(client.ended, 'the end');
  client.socket.write(SECOND);
  // Whatever the proxy makes of it, it makes before it answers these.
  for (let i = 0; i < 20; i++) expect((await request(proxy.port('plain'), '/canary')).status).toBe(200);
  expect(origin.requests.slice(before).filter(({ target }) => target === '/second')).toEqual([]);
  expect(client.text().split('HTTP/1.1').length, 'answers').toBe(2);
  client.socket.destroy();
});
