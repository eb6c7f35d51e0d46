import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { UpstreamTlsConfig } from '../../../src/config/types.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';
import { closedAddress } from '../../support/closed-port.ts';
import { temporaryDirectory } from '../../support/millrace.ts';
import { Origin, type OriginConnection } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';
import { checkConfig, checkOnce, clusterOf, endpointOf, http, tcp, textOf, tlsConfig, Watched, type Probe } from './support.ts';

async function said(address: string, probe: Probe, timeoutMs = 5_000, tls: UpstreamTlsConfig | null = null, serverName?: string): Promise<string> {
  const result = await checkOnce(endpointOf(address, serverName), checkConfig(probe, { timeoutMs }), tls);
  return `${result.kind}${result.kind === 'failed' ? ` ${result.failure}` : ''}: ${textOf(result)}`;
}

const greeting = (onConnection: (connection: OriginConnection) => void): Promise<Origin> => Origin.start({ onConnection });

describe('a check by TCP', () => {
  it('passes when the connection stands, and closes it', async () => {
    const origin = await greeting(() => undefined);
    expect(await said(origin.address, tcp())).toBe('passed: connected');
    await eventually(() => origin.connections > 0 && origin.open.size === 0);
    expect(await said(await closedAddress(), tcp())).toBe('failed connect: connect: connection refused');
    const unix = await Origin.start({ path: join(temporaryDirectory(), 'origin.sock'), onConnection: () => undefined });
    expect(await said(unix.address, tcp())).toBe('passed: connected');
  });

  it('sends, and finds what it wants anywhere in the answer, across pieces', async () => {
    const heard: string[] = [];
    const origin = await greeting((connection) => {
      connection.socket.on('data', (piece: Buffer) => {
        heard.push(piece.toString('latin1'));
        for (const byte of '-LOADING\r\n+PONG\r\n') connection.send(byte);
      });
    });
    expect(await said(origin.address, tcp('PING\r\n', '+PONG'))).toBe('passed: expected bytes received');
    expect(heard).toEqual(['PING\r\n']);
  });

  it('takes any bytes', async () => {
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const origin = await greeting((connection) => connection.socket.on('data', (piece: Buffer) => connection.send(piece)));
    expect(await said(origin.address, tcp(bytes, bytes.slice(1)))).toBe('passed: expected bytes received');
  });

  it.each<[string, (connection: OriginConnection) => void, string]>([
    ['nothing', () => undefined, 'failed timeout: no answer within 100ms'],
    ['something else', (connection) => connection.send('-ERR\r\n'), 'failed timeout: connected, but not the expected bytes: "-ERR\\x0d\\x0a" within 100ms'],
    ['an end', (connection) => connection.end(), 'failed closed: connection closed, but not the expected bytes: nothing was received'],
    ['something else, and an end', (connection) => connection.end('no'), 'failed body: connection closed, but not the expected bytes: "no"'],
    ['a flood', (connection) => connection.send('x'.repeat(1_000_000)), `failed body: 64 KiB received, but not the expected bytes: "${'x'.repeat(64)}"`],
    ['what it wants behind 64 KiB', (connection) => connection.send(`${'x'.repeat(64 * 1024)}PONG`), `failed body: 64 KiB received, but not the expected bytes: "${'x'.repeat(64)}"`],
  ])('survives %s', async (_name, onConnection, expected) => {
    const origin = await greeting(onConnection);
    expect(await said(origin.address, tcp('', 'PONG'), 100)).toBe(expected);
  });

  it('survives a reset', async () => {
    const origin = await greeting((connection) => connection.socket.on('data', () => connection.reset()));
    expect(await said(origin.address, tcp('PING', 'PONG'))).toBe('failed closed: connection reset');
  });
});

describe('TLS', () => {
  let ca: Certificate;
  let server: Certificate;
  let client: Certificate;
  let plain: Origin;
  let demanding: Origin;

  beforeAll(async () => {
    const directory = temporaryDirectory();
    ca = makeCertificate(directory, 'ca', { isCa: true });
    server = makeCertificate(directory, 'server', { names: ['up.test', 'IP:127.0.0.1'], ca });
    client = makeCertificate(directory, 'client', { ca });
    const { cert, key } = server;
    plain = await Origin.start({ tls: { cert, key } });
    demanding = await Origin.start({ tls: { cert, key, ca: ca.cert, requestCert: true, rejectUnauthorized: true } });
  });

  it('is used where the cluster has it, by the name or by the address', async () => {
    const tls = tlsConfig({ ca: ca.cert });
    expect(await said(plain.address, tcp(), 5_000, tls)).toBe('passed: connected with TLS');
    expect(await said(plain.address, http(), 5_000, tls, 'up.test')).toBe('passed: HTTP 200');
    expect(plain.last.header('host')).toBe(`up.test:${plain.port}`);
    expect(await said(plain.address, http(), 5_000, tlsConfig({ ca: ca.cert, serverName: 'up.test' }))).toBe('passed: HTTP 200');
  });

  it('refuses another name and an unknown issuer, unless nothing is to be verified', async () => {
    expect(await said(plain.address, tcp(), 5_000, tlsConfig({ ca: ca.cert, serverName: 'other.test' }))).toMatch(/^failed tls: TLS: Host: other\.test\. is not in the cert's altnames/);
    expect(await said(plain.address, http(), 5_000, tlsConfig())).toMatch(/^failed tls: TLS: (unable to (get|verify)|self[- ]signed)/);
    expect(await said(plain.address, http(), 5_000, tlsConfig({ insecureSkipVerify: true, serverName: 'other.test' }))).toBe('passed: HTTP 200');
  });

  it('shows the client certificate', async () => {
    const tls = { ca: ca.cert, cert: client.cert, key: client.key };
    expect(await said(demanding.address, http(), 5_000, tlsConfig(tls))).toBe('passed: HTTP 200');
    expect(await said(demanding.address, http(), 5_000, tlsConfig({ ca: ca.cert }))).toMatch(/^failed (tls: TLS: .*certificate required|closed: connection (reset|closed))/);
  });

  it('says so when the endpoint speaks none, or does not finish the handshake', async () => {
    const tls = tlsConfig({ ca: ca.cert });
    const text = await greeting((connection) => connection.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await said(text.address, tcp(), 5_000, tls)).toBe('failed tls: TLS: wrong version number');
    const silent = await greeting(() => undefined);
    expect(await said(silent.address, http(), 100, tls)).toBe('failed timeout: TLS handshake: not finished within 100ms');
    const gone = await greeting((connection) => connection.end());
    expect(await said(gone.address, tcp(), 5_000, tls)).toBe('failed tls: TLS: connection closed in the handshake');
  });

  it('is agreed once for many checks', async () => {
    const before = plain.connections;
    await new Watched({ a: clusterOf([plain.address], checkConfig(http(), { intervalMs: 1 }), tlsConfig({ ca: ca.cert })) }).result(5);
    expect(plain.connections - before).toBe(1);
  });
});
