/** Behind another proxy one connection carries many users: what a chunked request may leave behind must reach none of them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

const CHUNKED = 'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const LENGTH = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello';
let proxy: Millrace;

beforeAll(async () => {
  const origin = await Origin.start();
  const listener = { address: '127.0.0.1:0', routes: 'main' };
  proxy = await Millrace.start(
    proxyTo([origin.address], {
      listeners: [
        { name: 'edge', ...listener },
        { name: 'behind', ...listener, forwarded: { trust: ['127.0.0.0/8'] } },
      ],
    }),
  );
});

describe('a chunked request', () => {
  it('of a trusted proxy ends its connection with the answer', async () => {
    const client = await RawClient.connect({ port: proxy.port('behind') });
    client.send(CHUNKED);
    const answer = await client.response();
    expect([answer.status, answer.header('connection')]).toEqual([200, 'close']);
    await client.end();
  });

  it.each([
    ['edge', CHUNKED],
    ['behind', LENGTH],
  ])('of anyone else, or with a length, keeps it: %s', async (listener, bytes) => {
    const client = await RawClient.connect({ port: proxy.port(listener) });
    for (let i = 0; i < 2; i++) {
      client.send(bytes);
      expect((await client.response()).status).toBe(200);
    }
  });
});
