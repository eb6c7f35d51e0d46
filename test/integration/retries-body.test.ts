import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RawClient, request } from '../support/client.ts';
import { readHead } from '../support/http-message.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const no = 'HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno';
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const route = { retry: { on: ['5xx', 'reset'], bufferBytes: '64KiB', backoff: { base: '1ms' } } };

describe('a request body', () => {
  it('is sent again whole when it fits the buffer, else the answer is passed on', async () => {
    const origin = await Origin.start({ answer: (message, connection) => connection.send(message.header('x-millrace-attempt') === undefined ? no : ok(hash(message.body))) });
    const proxy = await Millrace.start(proxyTo([origin.address], { route }));
    let tooLarge = 0;
    for (const size of [0, 1, 1000, 65_535, 65_536, 65_537, 300_000]) {
      for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const body = randomBytes(size);
        const chunked = 'Transfer-Encoding' in headers;
        const framed = chunked ? Buffer.concat([...(size === 0 ? [] : [Buffer.from(`${size.toString(16)}\r\n`), body, Buffer.from('\r\n')]), Buffer.from('0\r\n\r\n')]) : body;
        const client = await RawClient.connect({ port: proxy.port() });
        const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
        client.send(Buffer.concat([Buffer.from(`PUT / HTTP/1.1\r\nHost: a.test\r\n${length}\r\n\r\n`), framed]));
        const answer = await client.response();
        if (size > 65_536) {
          expect(answer.text, `${size} ${length}`).toBe('no');
          tooLarge++;
        } else {
          expect(answer.text, `${size} ${length}`).toBe(hash(body));
        }
        await client.close();
      }
    }
    expect(await proxy.metric('millrace_upstream_retries_refused_total', { reason: 'body' })).toBe(tooLarge);
  });

  it('is replayed in the middle of the upload, and goes on from there', async () => {
    const body = randomBytes(60_000);
    let heads = 0;
    let got = Buffer.alloc(0);
    // The first attempt is reset once a part of the body has come; the second takes it all.
    const origin = await Origin.start({
      onConnection: (connection) => {
        const first = ++heads === 1;
        let bytes = Buffer.alloc(0);
        connection.socket.on('data', (piece: Buffer) => {
          bytes = Buffer.concat([bytes, piece]);
          const start = readHead(bytes);
          if (start === null) return;
          got = bytes.subarray(start.length);
          if (first && got.length >= 20_000) connection.reset();
          if (!first && got.length === body.length) connection.send(ok(hash(got)));
        });
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address], { route }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n`);
    client.send(body.subarray(0, 30_000));
    // The second attempt has what came so far; only then is the rest sent.
    await eventually(() => heads === 2 && got.length === 30_000);
    client.send(body.subarray(30_000));
    const answer = await client.response();
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(hash(body));
    expect(heads).toBe(2);
  });

  it('of a method that is not tried again is not sent twice', async () => {
    const origin = await Origin.start({ answer: (_message, connection) => connection.reset() });
    const proxy = await Millrace.start(proxyTo([origin.address], { route }));
    for (const method of ['POST', 'PATCH']) expect((await request(proxy.port(), '/', { method, body: 'x'.repeat(2000) })).status).toBe(502);
    expect(origin.requests).toHaveLength(2);
    expect((await request(proxy.port(), '/', { method: 'PUT', body: 'x'.repeat(2000) })).status).toBe(502);
    expect(origin.requests).toHaveLength(2 + 3);
  });
});
