/**
 * The listener's chunk parser is lenient: what a chunked request may leave behind must not become the next one. Behind another
 * proxy, trusted or unknown, one connection carries many users.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

const chunked = (target: string): string => `POST ${target} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
const LENGTH = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello';
let proxy: Millrace;

beforeAll(async () => {
  const origin = await Origin.start();
  const listener = { address: '127.0.0.1:0', routes: 'main' };
  proxy = await Millrace.start({
    listeners: [
      { name: 'edge', ...listener },
      { name: 'users', ...listener, keepAliveAfterChunked: true },
      { name: 'behind', ...listener, keepAliveAfterChunked: true, forwarded: { trust: ['127.0.0.0/8'] } },
    ],
    routes: { main: [{ hosts: ['*'], routes: [{ match: { path: '/here' }, respond: { status: 200, body: 'here' } }, { match: { path: '/empty' }, respond: { status: 204 } }, { cluster: 'up' }] }] },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

describe('a chunked request', () => {
  it.each([
    ['edge', '/', 200],
    ['edge', '/here', 200],
    ['edge', '/empty', 204],
    ['behind', '/', 200],
  ])('ends its connection with the answer: %s %s', async (listener, target, status) => {
    const client = await RawClient.connect({ port: proxy.port(listener) });
    client.send(chunked(target));
    const answer = await client.response();
    expect([answer.status, answer.header('connection')]).toEqual([status, 'close']);
    await client.end();
    expect(client.received).toHaveLength(0);
  });

  it.each([
    ['users', chunked('/')],
    ['edge', LENGTH],
    ['behind', LENGTH],
  ])('keeps it where every connection is one user, and so does a length: %s', async (listener, bytes) => {
    const client = await RawClient.connect({ port: proxy.port(listener) });
    for (let i = 0; i < 2; i++) {
      client.send(bytes);
      const answer = await client.response();
      expect([answer.status, answer.header('connection')]).toEqual([200, undefined]);
    }
  });
});
