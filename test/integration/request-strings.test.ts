/**
 * A request head reaches the engine in place, or as strings where request objects cannot be read (MILLRACE_PLAIN_LISTENER): what
 * goes upstream is the same.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

interface Way {
  origin: Origin;
  proxy: Millrace;
}

let inPlace: Way;
let asStrings: Way;

async function start(env: NodeJS.ProcessEnv): Promise<Way> {
  const origin = await Origin.start({ answer: (_request, connection) => connection.send('HTTP/1.1 204 No Content\r\n\r\n') });
  const proxy = await Millrace.start(
    {
      workers: 1,
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', requestId: false }],
      routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up' }] }] },
      clusters: { up: { endpoints: [origin.address] } },
    },
    { env },
  );
  return { origin, proxy };
}

/** What the upstream gets for this request, or the status that the client gets instead. */
async function upstream({ origin, proxy }: Way, request: string): Promise<string> {
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(request);
  const { status } = await client.response();
  await client.close();
  return status === 204 ? origin.last.head.text.replace(/127\.0\.0\.1:\d+/g, 'upstream') : String(status);
}

beforeAll(async () => {
  inPlace = await start({});
  asStrings = await start({ MILLRACE_PLAIN_LISTENER: '1' });
  // What the worker learns by.
  for (const way of [inPlace, asStrings]) expect(await upstream(way, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('host: a\r\n');
});

const fields = (...lines: string[]): string => `GET /a?b=c HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('the same goes upstream, whichever way the head is read', () => {
  it.each([
    ['a plain request', fields('User-Agent: x', 'Accept: */*', 'Cookie: a=1', 'cookie: b=2', 'X-Empty:')],
    ['a target with an empty query', 'GET /a? HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['UTF-8', fields('X-A: caf\xc3\xa9!', 'X-B: \xe2\x82\xac 5', 'X-C: plain')],
    ['bytes that are not UTF-8', fields('X-A: caf\xe9 au lait', 'X-B: plain')],
    ['a name that is refused', fields('X(A): 1')],
    ['a byte that is refused', fields('X-A: a\x01b')],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na'],
    ['no host', 'GET / HTTP/1.1\r\nX-A: 1\r\n\r\n'],
    ['a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'],
    ['a chunked body', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['a handshake', fields('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')],
    ['many fields', fields(...Array.from({ length: 90 }, (_, i) => `X-Field-${i}: ${'v'.repeat(i)}`))],
  ])('%s', async (_what, request) => {
    const seen = await upstream(inPlace, request);
    expect(seen).not.toBe('');
    expect(await upstream(asStrings, request)).toBe(seen);
  });

  it('except for bytes that are not UTF-8 in a repeated name: they cannot be told as strings, and are refused', async () => {
    const request = fields('X-A: one', 'X-A: caf\xe9!');
    expect(await upstream(inPlace, request)).toContain('x-a: one\r\nx-a: caf\xe9!\r\n');
    expect(await upstream(asStrings, request)).toBe('400');
  });
});
