/**
 * Pins what native/api/listener_calls_api.cc expects of the pinned uWebSockets.js: the client whose bytes were received last is the one
 * whose request is being handled, whatever connections come, go, and take over the descriptors of others.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import uWS from 'uWebSockets.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../../src/binding/load.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-calls-'));
let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate(directory, 'localhost');
  expect(addon.takeOverListenerCalls()).toBe(true);
  expect(addon.takeOverListenerCalls()).toBe(true);
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Seen {
  /** As the engine would be told, as uWS says, and as the client knows. */
  known: string;
  asked: string;
  claimed: string;
}

/** An app that answers late, like the proxy, and notes who each request is from. */
function listen(tls: boolean, host: string): { port: number; seen: Seen[] } {
  const app = tls ? uWS.SSLApp({ cert_file_name: certificate.certFile, key_file_name: certificate.keyFile }) : uWS.App();
  const seen: Seen[] = [];
  const note = (known: Uint8Array, asked: ArrayBuffer, claimed: string): void => void seen.push({ known: known.join('.'), asked: new Uint8Array(asked).join('.'), claimed });
  app.any('/*', (res, req) => {
    let gone = false;
    res.onAborted(() => (gone = true));
    // A new view each time: nothing of an earlier request may be left in it.
    note(addon.clientOfLastReadForTest(), res.getRemoteAddress(), req.getHeader('x-from'));
    const close = req.getHeader('x-close') !== '';
    if (req.getMethod() === 'post') res.onData(() => undefined);
    setImmediate(() => {
      if (!gone) res.cork(() => res.end('x'.repeat(100), close));
    });
  });
  let port = 0;
  app.listen(host, 0, (socket) => {
    if (socket) port = uWS.us_socket_local_port(socket);
  });
  onTestFinished(() => void app.close());
  return { port, seen };
}

/** One connection from an address of its own: sends requests one after another, and ends in one of several ways. */
function visit(port: number, tls: boolean, address: string, requests: number, end: 'client' | 'server' | 'reset'): Promise<void> {
  return new Promise((resolve) => {
    const plain = connect({ host: '127.0.0.1', port, localAddress: address });
    const socket: Socket = tls ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
    let left = requests;
    const ask = (): void => {
      left--;
      const last = left === 0 && end === 'server' ? 'x-close: 1\r\n' : '';
      const body = left % 2 === 0 ? '' : 'content-length: 5\r\n';
      socket.write(`${body === '' ? 'GET' : 'POST'} / HTTP/1.1\r\nhost: a\r\nx-from: ${address}\r\n${last}${body}\r\n${body === '' ? '' : 'hello'}`);
      if (left === 0 && end === 'reset') plain.resetAndDestroy();
    };
    socket.on(tls ? 'secureConnect' : 'connect', ask);
    socket.on('data', () => {
      if (left > 0) ask();
      else if (end === 'client') socket.end();
    });
    socket.on('error', () => undefined);
    plain.on('error', () => undefined);
    plain.on('close', () => resolve());
  });
}

const ENDS = ['client', 'server', 'reset'] as const;

describe.each([
  ['plain', false],
  ['TLS', true],
] as const)('calls of a %s listener', (_, tls) => {
  it('tell each request its own client, while connections come and go', { timeout: 60_000 }, async () => {
    const { port, seen } = listen(tls, '127.0.0.1');
    let next = 0;
    // 32 at a time, 600 in all, each from another address of the loopback network.
    const visitor = async (): Promise<void> => {
      for (let i = next++; i < 600; i = next++) await visit(port, tls, `127.0.${1 + (i >> 8)}.${i & 255}`, 1 + (i % 7), ENDS[i % 3]!);
    };
    await Promise.all(Array.from({ length: 32 }, visitor));
    expect(seen.length).toBeGreaterThan(1500);
    expect(seen.filter(({ known, claimed }) => known !== claimed)).toEqual([]);
    // A client that is gone already has no address for uWS any more.
    expect(seen.filter(({ asked, claimed }) => asked !== '' && asked !== claimed)).toEqual([]);
    expect(new Set(seen.map(({ claimed }) => claimed)).size).toBeGreaterThanOrEqual(400); // those that do not reset
  });
});

describe('calls of a listener', () => {
  it('tell requests that wait behind each other in turn', async () => {
    const { port, seen } = listen(false, '127.0.0.1');
    // All at once, so that one loop turn handles them one after another.
    const sockets = await Promise.all(
      Array.from({ length: 100 }, (_, i) => new Promise<Socket>((resolve) => {
        const socket: Socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.9.${i}` }, () => resolve(socket));
      })),
    );
    const answered = sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve)));
    sockets.forEach((socket, i) => socket.write(`GET / HTTP/1.1\r\nhost: a\r\nx-from: 127.0.9.${i}\r\n\r\n`));
    await Promise.all(answered);
    for (const socket of sockets) socket.destroy();
    expect(seen).toHaveLength(100);
    expect(seen.every(({ known, asked, claimed }) => known === claimed && asked === claimed)).toBe(true);
  });

  it('tell 16 bytes of an IPv6 client', async () => {
    const { port, seen } = listen(false, '::1');
    await new Promise((resolve) => {
      const socket = connect({ host: '::1', port }, () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
      socket.once('data', () => socket.destroy()).once('close', resolve);
    });
    expect(seen).toHaveLength(1);
    expect(seen[0]!.known).toBe(seen[0]!.asked);
    expect(seen[0]!.known.split('.')).toHaveLength(16);
  });

  it('tell nothing outside of a listener thread', async () => {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(
      `import { createRequire } from 'node:module'; import { parentPort, workerData } from 'node:worker_threads';
       parentPort.postMessage(createRequire(import.meta.url)(workerData).clientOfLastReadForTest().length);`,
      { eval: true, workerData: new URL('../../../build/Release/millrace.node', import.meta.url).pathname },
    );
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe(0);
    await worker.terminate();
  });
});
