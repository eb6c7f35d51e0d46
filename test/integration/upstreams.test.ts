/** The kinds of upstream: address families, and TLS with what it must refuse. */
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { makeCertificate, type Certificate } from '../support/certificates.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { pieces } from '../support/bulk.ts';

describe('address', () => {
  it('may be IPv6', async () => {
    const origin = await Origin.start({ host: '::1' });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    expect((await request(proxy.port(), '/')).status).toBe(200);
  });

  it('may be a unix socket', async () => {
    const origin = await Origin.start({ path: join(temporaryDirectory(), 'origin.sock') });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'x'.repeat(200_000) })).status).toBe(200);
    expect(origin.last.body.length).toBe(200_000);
  });

  it('may be a unix socket that is not there: 502', async () => {
    const proxy = await Millrace.start(proxyTo([`unix:${join(temporaryDirectory(), 'nobody.sock')}`]));
    const answer = await request(proxy.port(), '/');
    expect([answer.status, answer.text]).toEqual([502, 'upstream connection failed: no such socket\n']);
  });

  it('may be a name', async () => {
    const origin = await Origin.start({ host: 'localhost' });
    const proxy = await Millrace.start(proxyTo([`localhost:${origin.port}`]));
    expect((await request(proxy.port(), '/')).status).toBe(200);
  });
});

describe('TLS', () => {
  let directory: string;
  let ca: Certificate;
  let otherCa: Certificate;
  let server: Certificate;
  let client: Certificate;
  let plain: Origin;
  let demanding: Origin;

  beforeAll(async () => {
    directory = temporaryDirectory();
    ca = makeCertificate(directory, 'ca', { isCa: true });
    otherCa = makeCertificate(directory, 'other-ca', { isCa: true });
    server = makeCertificate(directory, 'server', { names: ['up.test', 'IP:127.0.0.1'], ca });
    client = makeCertificate(directory, 'client', { ca });
    const { cert, key } = server;
    const echo = { answer: (message: { body: Buffer }, connection: { send: (bytes: Buffer) => void }) => connection.send(Buffer.concat([Buffer.from(ok('').replace('Length: 0', `Length: ${message.body.length}`)), message.body])) };
    plain = await Origin.start({ tls: { cert, key }, ...echo });
    demanding = await Origin.start({
      tls: { cert, key, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
      answer: (_message, connection) => connection.send(ok(String((connection.socket as TLSSocket).getPeerCertificate().subject.CN))),
    });
  });

  const start = (origin: Origin, tls: object): Promise<Millrace> => Millrace.start(proxyTo([origin.address], { cluster: { tls }, route: { retry: { attempts: 0 } } }));

  it('to a server of a known CA with the right name works', async () => {
    const proxy = await start(plain, { ca: ca.certFile, serverName: 'up.test' });
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'hello' })).text).toBe('hello');
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'again' })).text).toBe('again');
    expect(await proxy.metric('millrace_upstream_connections_opened_total')).toBe(1);
  });

  it('carries large bodies both ways', async () => {
    const body = Buffer.concat([...pieces(5_000_000)]);
    const proxy = await start(plain, { ca: ca.certFile, serverName: 'up.test' });
    expect((await request(proxy.port(), '/', { method: 'POST', body })).body.equals(body)).toBe(true);
  });

  it('checks the address when no name is given', async () => {
    const proxy = await start(plain, { ca: ca.certFile });
    expect((await request(proxy.port(), '/')).status).toBe(200);
  });

  it.each([
    ['the wrong name', 'for another name', () => ({ ca: ca.certFile, serverName: 'other.test' })],
    ['an unknown CA', 'unknown issuer', () => ({ ca: otherCa.certFile, serverName: 'up.test' })],
    ['the default roots only', 'unknown issuer', () => ({ serverName: 'up.test' })],
  ])('refuses a server with %s: 502, and no request is sent', async (_name, why, tls) => {
    const seen = plain.requests.length;
    const proxy = await start(plain, tls());
    const answer = await request(proxy.port(), '/', { headers: { Authorization: 'secret' } });
    expect([answer.status, answer.text]).toEqual([502, `upstream certificate refused: ${why}\n`]);
    expect(plain.requests.length).toBe(seen);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UTLS' })).toBe(1);
  });

  it('accepts any server with insecureSkipVerify', async () => {
    const proxy = await start(plain, { insecureSkipVerify: true });
    expect((await request(proxy.port(), '/')).status).toBe(200);
  });

  it('to a server that speaks none is 502', async () => {
    const origin = await Origin.start({ onConnection: (connection) => connection.end('HTTP/1.1 400 Bad Request\r\n\r\n') });
    const proxy = await start(origin, { ca: ca.certFile, serverName: 'up.test' });
    const answer = await request(proxy.port(), '/');
    expect([answer.status, answer.text]).toEqual([502, 'upstream TLS handshake failed\n']);
  });

  it('shows its client certificate', async () => {
    const proxy = await start(demanding, { ca: ca.certFile, serverName: 'up.test', cert: client.certFile, key: client.keyFile });
    expect((await request(proxy.port(), '/')).text).toBe('client');
  });

  it('without the client certificate that is demanded is 502', async () => {
    const proxy = await start(demanding, { ca: ca.certFile, serverName: 'up.test' });
    expect((await request(proxy.port(), '/')).status).toBe(502);
  });
});
