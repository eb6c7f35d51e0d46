import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HealthCheckConfig } from '../../../src/config/types-failover.ts';
import { closedAddress } from '../../support/closed-port.ts';
import { DeafListener } from '../../support/deaf-listener.ts';
import { temporaryDirectory } from '../../support/millrace.ts';
import { ok, Origin, type OriginConnection } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';
import { checkConfig, checkOnce, clusterOf, http, textOf, Watched } from './support.ts';

const HUGE = 'x'.repeat(70 * 1024);
const answering = (bytes: string): Promise<Origin> => Origin.start({ answer: (_request, connection) => connection.send(bytes) });
const closing = (bytes: string): Promise<Origin> => Origin.start({ answer: (_request, connection) => connection.end(bytes) });

async function said(origin: Origin | string, probe = http(), changes: Partial<HealthCheckConfig> = {}): Promise<string> {
  const result = await checkOnce(typeof origin === 'string' ? origin : origin.address, checkConfig(probe, changes));
  return `${result.kind}${result.kind === 'failed' ? ` ${result.failure}` : ''}: ${textOf(result)}`;
}

describe('a check by HTTP', () => {
  it('sends what was configured', async () => {
    const origin = await Origin.start();
    expect(await said(origin)).toBe('passed: HTTP 200');
    expect(origin.last.head.startLine).toBe('GET / HTTP/1.1');
    expect(origin.last.header('host')).toBe(origin.address);
    expect(origin.last.header('connection')).toBe('keep-alive');

    const probe = http({ method: 'POST', path: '/up?deep=1', host: 'h.test:81', headers: [['x-a', 'b'], ['user-agent', 'me']] });
    expect(await said(origin, probe, { reuseConnection: false })).toBe('passed: HTTP 200');
    expect(origin.last.head.startLine).toBe('POST /up?deep=1 HTTP/1.1');
    expect(['host', 'x-a', 'user-agent', 'connection', 'content-length'].map((name) => origin.last.header(name))).toEqual(['h.test:81', 'b', 'me', 'close', '0']);
  });

  it('reaches IPv6, unix sockets, and a port of its own', async () => {
    const v6 = await Origin.start({ host: '::1' });
    expect(await said(v6)).toBe('passed: HTTP 200');
    expect(v6.last.header('host')).toBe(v6.address);
    const unix = await Origin.start({ path: join(temporaryDirectory(), 'origin.sock') });
    expect(await said(unix)).toBe('passed: HTTP 200');
    expect(unix.last.header('host')).toBe('localhost');
    const other = await Origin.start();
    expect(await said(await closedAddress(), http(), { port: other.port })).toBe('passed: HTTP 200');
    expect(other.last.header('host')).toBe(`127.0.0.1:${other.port}`);
  });

  it.each<[string, string, Parameters<typeof http>[0], string]>([
    ['an expected status', 'HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n', {}, 'passed: HTTP 302'],
    ['another status', 'HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno', {}, 'failed status: HTTP 503, expected 200-399'],
    ['a status outside of the list', ok(), { expectedStatuses: [{ from: 204, to: 204 }, { from: 300, to: 399 }] }, 'failed status: HTTP 200, expected 204, 300-399'],
    ['an interim answer first', `HTTP/1.1 103 Early Hints\r\n\r\n${ok()}`, {}, 'passed: HTTP 200'],
    ['no body at all', 'HTTP/1.1 204 No Content\r\n\r\n', {}, 'passed: HTTP 204'],
    ['the text in its body', ok('all ok here'), { body: { kind: 'contains', value: 'ok' } }, 'passed: HTTP 200'],
    ['another body', ok('starting\n'), { body: { kind: 'contains', value: 'ok' } }, 'failed body: HTTP 200, but its body does not contain "ok": "starting\\x0a"'],
    ['the text across chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nre\r\n3\r\nady\r\n0\r\n\r\n', { body: { kind: 'contains', value: 'ready' } }, 'passed: HTTP 200'],
    ['a body that matches', ok('{"status":"up"}'), { body: { kind: 'regex', value: '.*"status":"(up|ok)".*' } }, 'passed: HTTP 200'],
    ['a body that matches in part only', ok('not up'), { body: { kind: 'regex', value: 'up' } }, 'failed body: HTTP 200, but its body does not match /up/: "not up"'],
    ['the text within 64 KiB of a larger body', ok(`ready${HUGE}`), { body: { kind: 'contains', value: 'ready' } }, 'passed: HTTP 200'],
    ['the text behind 64 KiB', ok(`${HUGE}ready`), { body: { kind: 'contains', value: 'ready' } }, `failed body: HTTP 200, but the first 64 KiB of its body do not contain "ready": "${'x'.repeat(64)}"`],
    ['too large a body for a regex', ok(HUGE), { body: { kind: 'regex', value: 'x*' } }, `failed body: HTTP 200, but its body is longer than 64 KiB: "${'x'.repeat(64)}"`],
    ['a HEAD answer', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { method: 'HEAD' }, 'passed: HTTP 200'],
  ])('of %s', async (_name, answer, probe, expected) => {
    expect(await said(await answering(answer), http(probe))).toBe(expected);
  });

  it('fails with the reason for what cannot be reached', async () => {
    expect(await said(await closedAddress())).toBe('failed connect: connect: connection refused');
    expect(await said(`unix:${join(temporaryDirectory(), 'nobody.sock')}`)).toBe('failed connect: connect: no such socket');
    const deaf = await DeafListener.start();
    expect(await said(`127.0.0.1:${deaf.port}`, http(), { timeoutMs: 100 })).toBe('failed timeout: connect: no answer within 100ms');
  });

  it.each<[string, () => Promise<Origin>, string]>([
    ['nothing', () => Origin.start({ answer: () => undefined }), 'failed timeout: no answer within 200ms'],
    ['a head without end', () => answering('HTTP/1.1 200 OK\r\nA: '), 'failed timeout: no answer within 200ms'],
    ['a body without end', () => answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'), 'failed timeout: HTTP 200, but the answer did not end within 200ms'],
    ['a cut body', () => closing('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'), 'failed closed: HTTP 200, but the answer ended too early'],
    ['a close', () => closing(''), 'failed closed: connection closed without an answer'],
    ['a reset', () => Origin.start({ answer: (_request, connection) => connection.reset() }), 'failed closed: connection reset'],
    ['garbage', () => answering('SSH-2.0-OpenSSH_9.2\r\n'), 'failed protocol: not HTTP: '],
    ['two lengths', () => answering('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'), 'failed protocol: not HTTP: '],
    ['a broken chunk', () => answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'), 'failed protocol: not HTTP: '],
    ['an upgrade', () => answering('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'), 'failed protocol: HTTP 101, which nobody asked for'],
    ['a large head', () => answering(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(20_000)}\r\n`), 'failed protocol: not HTTP: '],
    ['a large header', () => answering(`HTTP/1.1 200 OK\r\nA: ${HUGE}`), 'failed protocol: not HTTP: '],
    ['interim answers without end', () => answering('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1_000)), 'failed protocol: more than 16 interim answers'],
  ])('survives %s', async (_name, start, expected) => {
    expect(await said(await start(), http(), { timeoutMs: 200 })).toMatch(new RegExp(`^${expected.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
  });

  it('survives an endless body, and lets go of the connection', async () => {
    const origin = await Origin.start({ answer: (_request, connection) => flood(connection) });
    expect(await said(origin, http(), { intervalMs: 60_000 })).toBe('passed: HTTP 200');
    await eventually(() => origin.open.size === 0);
  });

  it('survives a body that comes byte by byte', async () => {
    const origin = await Origin.start({
      answer: (_request, connection) => {
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
        const drip = setInterval(() => connection.send('x'), 1);
        connection.socket.on('close', () => clearInterval(drip));
      },
    });
    expect(await said(origin, http(), { timeoutMs: 150 })).toBe('failed timeout: HTTP 200, but the answer did not end within 150ms');
  });

  it('keeps one connection for its checks, or opens one each time', async () => {
    const kept = await Origin.start();
    await new Watched({ a: clusterOf([kept.address], checkConfig(http(), { intervalMs: 1 })) }).result(5);
    expect([kept.connections, kept.requests.length >= 5]).toEqual([1, true]);
    const fresh = await Origin.start();
    await new Watched({ a: clusterOf([fresh.address], checkConfig(http(), { intervalMs: 1, reuseConnection: false })) }).result(5);
    expect(fresh.connections).toBeGreaterThanOrEqual(5);
  });

  it('keeps the connection of a short answer with a bad status', async () => {
    const origin = await answering('HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno');
    const watched = new Watched({ a: clusterOf([origin.address], checkConfig(http(), { unhealthyIntervalMs: 1, edgeIntervalMs: 1 })) });
    await watched.result(5);
    expect(origin.connections).toBe(1);
    expect(new Set(watched.seen.map(({ result }) => textOf(result)))).toEqual(new Set(['HTTP 503, expected 200-399']));
  });

  it('is not held up by the rest of an answer with a bad status', async () => {
    const origin = await answering('HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nno');
    const watched = new Watched({ a: clusterOf([origin.address], checkConfig(http(), { unhealthyIntervalMs: 1, edgeIntervalMs: 1 })) });
    await watched.result(5);
    expect(new Set(watched.seen.map(({ result }) => textOf(result)))).toEqual(new Set(['HTTP 503, expected 200-399']));
  });

  it('connects again when the kept connection was closed at the same moment', async () => {
    // Closes as soon as the second request of a connection comes: what a server does whose idle time is just over.
    const origin = await Origin.start({ answer: (_request, connection) => (connection.requests > 1 ? connection.end() : connection.send(ok())) });
    const watched = new Watched({ a: clusterOf([origin.address], checkConfig(http(), { intervalMs: 1 })) });
    await watched.result(5);
    expect(watched.seen.map(({ result }) => result.kind)).toEqual(Array(watched.seen.length).fill('passed'));
    expect(origin.connections).toBeGreaterThanOrEqual(5);
  });

  it('drops a kept connection on which the endpoint speaks unasked', async () => {
    const origin = await Origin.start({ answer: (_request, connection) => {
      connection.send(ok());
      // In a later turn, so that it is not part of the answer.
      setTimeout(() => connection.send(ok('poison')), 5);
    } });
    const watched = new Watched({ a: clusterOf([origin.address], checkConfig(http({ body: { kind: 'contains', value: 'ok' } }), { intervalMs: 60_000 })) });
    await watched.result(1);
    await eventually(() => origin.open.size === 0);
    expect(watched.seen.map(({ result }) => result.kind)).toEqual(['passed']);
  });

});

function flood(connection: OriginConnection): void {
  connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  const piece = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const more = (): void => {
    while (!connection.socket.destroyed && connection.socket.write(piece));
  };
  connection.socket.on('drain', more);
  more();
}
