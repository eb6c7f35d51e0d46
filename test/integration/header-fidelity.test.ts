/** Headers as bytes, both ways: what is end-to-end arrives as it was sent, in order, and nothing else does. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

let origin: Origin;
let proxy: Millrace;
let reply = '';

beforeAll(async () => {
  origin = await Origin.start({ answer: (_request, connection) => connection.send(reply) });
  proxy = await Millrace.start({
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', forwarded: { headers: false }, requestId: false }],
    routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up' }] }] },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

const lines = (...list: string[]): string => list.map((line) => `${line}\r\n`).join('');
const DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

/** The head that the client gets for this one, its only Date replaced by "now". */
async function answered(head: string, { method = 'GET', body = 'ok' } = {}): Promise<string> {
  reply = `${head}\r\n${body}`;
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(`${method} / HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  const answer = await client.response({ toHead: method === 'HEAD' });
  await client.close();
  const [date = ''] = answer.all('date');
  expect(answer.all('date')).toHaveLength(1);
  expect(date).toMatch(DATE);
  return `${answer.head.text.replace(`Date: ${date}`, 'Date: now')}\r\n`;
}

/** The head that the origin gets for these lines behind the request line. */
async function asked(text: string, start = 'GET /a?b=%20 HTTP/1.1'): Promise<string> {
  reply = 'HTTP/1.1 204 No Content\r\n\r\n';
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(`${start}\r\n${text}\r\n`);
  expect((await client.response()).status).toBe(204);
  await client.close();
  return `${origin.last.head.text}\r\n`;
}

describe('an answer', () => {
  it('keeps status, reason, order, case, repetitions and bytes of its headers', async () => {
    const kept = lines(
      'HTTP/1.1 200 Fine, thanks \xe9', 'Server: Origin/1.0 (x)', 'X-CaSe-oF: Value', 'set-cookie: a=1; Path=/', 'Set-Cookie: b=2, c', 'SET-COOKIE: d=3', 'Vary: A', 'Content-Type: text/plain', 'vary: B',
      'X-Empty:', 'X-Spaces:   two  words', 'X-Tab:\tt', 'X-Latin: caf\xe9 \xff', 'WWW-Authenticate: Basic realm="a, b", Bearer', 'ETag: W/"x"', 'Age: 7', 'Via: 1.1 other', 'X_Under: 1', '!#$%&\'*+-.^_`|~: token',
    );
    expect(await answered(`${kept}Content-Length: 2\r\n`)).toBe(`${kept}Date: now\r\nContent-Length: 2\r\n`);
  });

  it('loses what belongs to the connection, and its own Date', async () => {
    const head = lines(
      'HTTP/1.1 200 OK', 'A: 1', 'Connection: keep-alive, X-Hop', 'Date: Thu, 01 Jan 1970 00:00:00 GMT', 'Keep-Alive: timeout=9', 'x-hop: 1', 'X-Hop: 2', 'Proxy-Connection: keep-alive', 'connection: ,x-other ,', 'X-Other: 1', 'TE: trailers', 'Trailer: X-T',
      'Upgrade: h2c', 'HTTP2-Settings: x', 'B: 2', 'Transfer-Encoding: chunked',
    );
    expect(await answered(head, { body: '2\r\nok\r\n0\r\nX-T: 1\r\n\r\n' })).toBe(lines('HTTP/1.1 200 OK', 'A: 1', 'B: 2', 'Date: now', 'Content-Length: 2'));
  });

  it('keeps what an upstream may not have removed', async () => {
    const kept = lines('Set-Cookie: a=1', 'Cache-Control: no-store', 'Content-Type: text/plain', 'Content-Encoding: gzip', 'Location: /x', 'Strict-Transport-Security: max-age=1', 'Content-Security-Policy: x', 'X-Frame-Options: DENY');
    const names = kept.split('\r\n').flatMap((line) => line.split(':').slice(0, -1)).join(', ');
    expect(await answered(`HTTP/1.1 200 OK\r\n${kept}Connection: ${names}, content-length, date\r\nContent-Length: 2\r\n`)).toBe(`HTTP/1.1 200 OK\r\n${kept}Date: now\r\nContent-Length: 2\r\n`);
  });

  it('says how long it would be, to HEAD and with 304', async () => {
    const head = lines('HTTP/1.1 200 OK', 'ETag: "x"', 'CONTENT-Length: 12345', 'A: 1');
    expect(await answered(head, { method: 'HEAD', body: '' })).toBe(`${head}Date: now\r\n`);
    const unchanged = head.replace('200 OK', '304 Not Modified');
    expect(await answered(unchanged, { body: '' })).toBe(`${unchanged}Date: now\r\n`);
    for (const status of ['200 OK', '304 Not Modified']) {
      expect(await answered(lines(`HTTP/1.1 ${status}`, 'Transfer-Encoding: chunked'), { method: 'HEAD', body: '' })).not.toMatch(/content-length|transfer-encoding/i);
    }
    expect(await answered(lines('HTTP/1.1 204 No Content', 'Content-Length: 0'), { body: '' })).toBe(lines('HTTP/1.1 204 No Content', 'Date: now'));
  });

  it('without a reason phrase has the space before it', async () => {
    for (const line of ['HTTP/1.1 299', 'HTTP/1.1 299 ']) expect(await answered(lines(line, 'Content-Length: 2'))).toBe(lines('HTTP/1.1 299 ', 'Date: now', 'Content-Length: 2'));
  });
});

describe('a request', () => {
  it('keeps order, repetitions and values; its names are lower case', async () => {
    const text = lines('Host: a.test', 'X-CaSe: Value', 'Cookie: a=1', 'cookie: b=2', 'Accept: a', 'X-Empty:', 'accept: b, c', 'X-Spaces:  two  words', 'Authorization: Basic x', 'Via: 1.1 other');
    const told = text.replace(/^[^:]+/gm, (name) => name.toLowerCase()).replace('x-spaces:  ', 'x-spaces: ').replace('x-empty:', 'x-empty: ');
    expect(await asked(text)).toBe(`GET /a?b=%20 HTTP/1.1\r\n${told}`);
  });

  it('loses what belongs to the connection, and what a client names in Connection', async () => {
    const text = lines('Host: a.test', 'A: 1', 'Connection: keep-alive, X-Hop, , x-other', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'x-hop: 2', 'Proxy-Connection: keep-alive', 'Proxy-Authorization: Basic x', 'TE: trailers', 'Trailer: X-T', 'X-Other: 1', 'B: 2');
    expect(await asked(text)).toBe(lines('GET /a?b=%20 HTTP/1.1', 'host: a.test', 'a: 1', 'b: 2'));
  });

  it('keeps what a client may not have removed', async () => {
    const kept = ['Cookie: a=1', 'Authorization: Basic x', 'Cache-Control: no-cache', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Client-Cert: x', 'Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.1', 'X-Request-Id: 7', 'Via: 1.1 x', 'Origin: http://a.test', 'Range: bytes=0-', 'Content-Type: text/plain', 'traceparent: 00-x'];
    const text = lines('Host: a.test', ...kept, `Connection: host, ${kept.map((line) => line.split(':')[0]).join(', ')}`);
    expect(await asked(text)).toBe(lines('GET /a?b=%20 HTTP/1.1', 'host: a.test', ...kept.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))));
  });
});
