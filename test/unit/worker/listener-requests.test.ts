/** Pins what native/api/listener_requests.cc expects of the pinned uWebSockets.js and of the Node that runs this: request objects can be read in place. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import uWS, { type HttpRequest, type HttpResponse } from 'uWebSockets.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EVENT, HEAD_LENGTH_WORDS } from '../../../src/binding/abi.ts';
import { addon } from '../../../src/binding/load.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';
import { RawClient } from '../../support/client.ts';

const lengths = new Int32Array(HEAD_LENGTH_WORDS);
const directory = mkdtempSync(join(tmpdir(), 'millrace-requests-'));
let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate(directory, 'localhost');
  addon.reactorOpen(0, new Int32Array(4096 * EVENT.length), new Uint8Array(2 * 1024 * 1024), lengths, () => undefined);
});
afterAll(() => {
  addon.reactorClose();
  rmSync(directory, { recursive: true });
});

/** All strings of a request, as the worker reads them without the engine's help. */
function stringsOf(req: HttpRequest): string[] {
  const query = req.getQuery() as string | undefined;
  const strings = [req.getCaseSensitiveMethod(), query === undefined ? req.getUrl() : `${req.getUrl()}?${query}`];
  req.forEach((name, value) => strings.push(name, value));
  return strings;
}

function learn(req: HttpRequest, strings: readonly string[]): number {
  lengths[0] = strings.length;
  strings.forEach((text, i) => (lengths[i + 1] = text.length));
  return addon.learnRequest(req, strings.join(''));
}

/** What `look` says of each of these requests, which come over one connection, in these pieces. */
async function ask(tls: boolean, pieces: readonly string[], count: number, look: (req: HttpRequest) => unknown): Promise<unknown[]> {
  const seen: unknown[] = [];
  const app = tls ? uWS.SSLApp({ cert_file_name: certificate.certFile, key_file_name: certificate.keyFile }) : uWS.App();
  app.any('/*', (res: HttpResponse, req: HttpRequest) => {
    res.onAborted(() => undefined);
    seen.push(look(req));
    setImmediate(() => res.cork(() => void res.end('ok')));
  });
  let port = 0;
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) port = uWS.us_socket_local_port(socket);
  });
  onTestFinished(() => void app.close());
  const client = await RawClient.connect({ port, ...(tls ? { tls: {} } : {}) });
  for (const piece of pieces) {
    client.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let i = 0; i < count; i++) await client.response();
  await client.close();
  return seen;
}

const many = Array.from({ length: 97 }, (_, i) => `X-Field-${i}: ${'v'.repeat(i % 7)}\r\n`).join('');
const HEADS: Record<string, string> = {
  'a small one': 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'a target with a query': 'GET /a/b%20c?d=e&f=?g HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'an empty query': 'DELETE /a? HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'empty and padded values': 'GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Padded: \t  two  words \t \r\nX-Last:   \r\n\r\n',
  'repeated names': 'GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nAccept: x\r\ncookie: b=2\r\n\r\n',
  'a body': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'as many fields as uWS takes': `GET / HTTP/1.1\r\nHost: a\r\n${many}\r\n`,
  'a long value': `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'c'.repeat(3000)}\r\n\r\n`,
};

describe.each([['plain', false], ['TLS', true]])('a request over %s', (_name, tls) => {
  it.each(Object.entries(HEADS))('is found with %s', async (_what, head) => {
    expect(await ask(tls, [head], 1, (req) => learn(req, stringsOf(req)))).toEqual([1]);
  });

  it('is found when it came in pieces', async () => {
    expect(await ask(tls, ['GET / HT', 'TP/1.1\r\nHost: a', '.example\r\nX-A: 1\r', '\n\r', '\n'], 1, (req) => learn(req, stringsOf(req)))).toEqual([1]);
  });

  it('is not taken for another one', async () => {
    const wrong = (change: (strings: string[]) => void) => (req: HttpRequest): number => {
      const strings = stringsOf(req);
      change(strings);
      return learn(req, strings);
    };
    const head = HEADS['repeated names']!;
    expect(await ask(tls, [head], 1, wrong((s) => (s[0] = 'PUT')))).toEqual([-1]);
    expect(await ask(tls, [head], 1, wrong((s) => (s[1] = '/a')))).toEqual([-1]);
    expect(await ask(tls, [head], 1, wrong((s) => (s[5] = 'a=2')))).toEqual([-1]);
    expect(await ask(tls, [head], 1, wrong((s) => s.splice(-2)))).toEqual([-1]);
    expect(await ask(tls, [head], 1, wrong((s) => s.push('x', 'y')))).toEqual([-1]);
  });

  it('says nothing when it is not ASCII, or no head', async () => {
    expect(await ask(tls, ['GET / HTTP/1.1\r\nHost: a\r\nX-A: caf\xc3\xa9!\r\n\r\n'], 1, (req) => learn(req, stringsOf(req)))).toEqual([0]);
    expect(await ask(tls, [HEADS['a small one']!], 1, (req) => [learn(req, []), learn(req, ['GET', '/', 'host'])])).toEqual([[0, 0]]);
  });
});
