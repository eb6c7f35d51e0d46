import { createServer, createSecureServer, constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HealthCheckConfig } from '../../../src/config/types-failover.ts';
import type { UpstreamTlsConfig } from '../../../src/config/types.ts';
import { decodeResponse, encodeRequest } from '../../../src/health/grpc-message.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';
import { closedAddress } from '../../support/closed-port.ts';
import { keep } from '../../support/keep.ts';
import { temporaryDirectory } from '../../support/millrace.ts';
import { Origin } from '../../support/origin.ts';
import { checkConfig, checkOnce, clusterOf, endpointOf, grpc, textOf, tlsConfig, Watched } from './support.ts';

const frame = (...message: number[]): Buffer => Buffer.from([0, 0, 0, 0, message.length, ...message]);
const SERVING = frame(8, 1);
const HEAD = { ':status': 200, 'content-type': 'application/grpc+proto' };

interface Call {
  head: Record<string, unknown>;
  body: Buffer;
}

/** A gRPC server by hand: it says exactly what the test tells it to. */
class GrpcOrigin {
  readonly calls: Call[] = [];
  sessions = 0;
  readonly open = new Set<ServerHttp2Session>();
  readonly #server: Http2Server;

  private constructor(server: Http2Server, answer: (stream: ServerHttp2Stream, call: Call) => void) {
    this.#server = server;
    server.on('session', (session) => {
      this.sessions++;
      this.open.add(session);
      session.on('close', () => this.open.delete(session)).on('error', () => undefined);
    });
    server.on('stream', (stream, head) => {
      const pieces: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const call = { head, body: Buffer.concat(pieces) };
        this.calls.push(call);
        answer(stream, call);
      });
    });
  }

  static async start(answer: (stream: ServerHttp2Stream, call: Call) => void, tls?: { cert: string; key: string; ca?: string; requestCert?: boolean; rejectUnauthorized?: boolean; ALPNProtocols?: string[] }): Promise<GrpcOrigin> {
    const server = tls === undefined ? createServer() : createSecureServer(tls);
    const origin = new GrpcOrigin(server as Http2Server, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return keep(origin);
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.open) session.destroy();
    await closed;
  }
}

/** As a real server answers. */
function answering(body: Buffer, status = '0', more: Record<string, string> = {}) {
  return (stream: ServerHttp2Stream): void => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, ...more }));
    stream.end(body);
  };
}

async function said(address: string, probe = grpc(), changes: Partial<HealthCheckConfig> = {}, tls: UpstreamTlsConfig | null = null, serverName?: string): Promise<string> {
  const result = await checkOnce(endpointOf(address, serverName), checkConfig(probe, { intervalMs: 600_000, edgeIntervalMs: 600_000, ...changes }), tls);
  return `${result.kind}${result.kind === 'failed' ? ` ${result.failure}` : ''}: ${textOf(result)}`;
}

describe('a check by gRPC', () => {
  it('calls Health/Check of the service, and passes when it serves', async () => {
    const origin = await GrpcOrigin.start(answering(SERVING));
    expect(await said(origin.address)).toBe('passed: SERVING');
    expect(await said(origin.address, grpc('shop.v1.Cart', 'cart.test'), { timeoutMs: 700 })).toBe('passed: SERVING');
    expect(origin.calls[0]?.head).toMatchObject({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', ':scheme': 'http', ':authority': origin.address, te: 'trailers', 'content-type': 'application/grpc' });
    expect(origin.calls.map(({ body }) => body.toString('latin1'))).toEqual(['\0\0\0\0\0', '\0\0\0\0\x0e\x0a\x0cshop.v1.Cart']);
    expect(origin.calls[1]?.head).toMatchObject({ ':authority': 'cart.test', 'grpc-timeout': '700m' });
  });

  it.each<[string, Parameters<typeof answering>, string]>([
    ['NOT_SERVING', [frame(8, 2)], 'failed serving: NOT_SERVING, expected SERVING'],
    ['UNKNOWN', [frame()], 'failed serving: UNKNOWN, expected SERVING'],
    ['SERVICE_UNKNOWN', [frame(8, 3)], 'failed serving: SERVICE_UNKNOWN, expected SERVING'],
    ['a status of the future', [frame(8, 9)], 'failed serving: status 9, expected SERVING'],
    ['an unknown field beside it', [frame(0x12, 2, 1, 2, 8, 1)], 'passed: SERVING'],
    ['NOT_FOUND', [Buffer.alloc(0), '5', { 'grpc-message': 'no\x09such' }], 'failed serving: gRPC status 5: no\\x09such (it does not know the service)'],
    ['SERVING with an error', [SERVING, '14'], 'failed serving: gRPC status 14 (unavailable)'],
    ['no message', [Buffer.alloc(0)], 'failed protocol: not gRPC: no message'],
    ['a cut message', [SERVING.subarray(0, 6)], 'failed protocol: not gRPC: the message is cut off'],
    ['two messages', [Buffer.concat([SERVING, SERVING])], 'failed protocol: not gRPC: there is more than one message'],
    ['a compressed message', [Buffer.from([1, 0, 0, 0, 2, 8, 1])], 'failed protocol: not gRPC: the message is compressed, which was not asked for'],
    ['a huge message', [Buffer.from([0, 255, 255, 255, 255, 8, 1])], 'failed protocol: not gRPC: the message is longer than 4096 bytes'],
    ['much data', [Buffer.alloc(100_000)], 'failed protocol: the answer is longer than 4096 bytes'],
    ['text for a number', [frame(0x0a, 1, 65)], 'failed protocol: not gRPC: the message is no valid protobuf'],
  ])('hears %s', async (_name, answer, expected) => {
    expect(await said((await GrpcOrigin.start(answering(...answer))).address)).toBe(expected);
  });

  it.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ['nothing', () => undefined, 'failed timeout: no answer within 200ms'],
    ['a head only', (stream) => stream.respond(HEAD), 'failed timeout: an answer began, but did not end within 200ms'],
    ['an error of HTTP', (stream) => stream.respond({ ':status': 503 }, { endStream: true }), 'failed status: HTTP 503, expected 200'],
    ['another type', (stream) => { stream.respond({ ':status': 200, 'content-type': 'text/html' }); stream.end('hi'); }, 'failed protocol: not gRPC: content-type "text/html"'],
    ['no trailers', (stream) => { stream.respond(HEAD); stream.end(SERVING); }, 'failed protocol: not gRPC: no grpc-status'],
    ['trailers only', (stream) => stream.respond({ ...HEAD, 'grpc-status': '12' }, { endStream: true }), 'failed serving: gRPC status 12 (it has no health service)'],
    ['a reset', (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), 'failed closed: '],
    ['the end of the session', (stream) => stream.session?.destroy(), 'failed closed: '],
    ['a large head', (stream) => stream.respond({ ...HEAD, a: 'x'.repeat(60_000) }), 'failed '],
  ])('survives %s', async (_name, answer, expected) => {
    const text = await said((await GrpcOrigin.start(answer)).address, grpc(), { timeoutMs: 200 });
    if (expected.endsWith(' ')) expect(text.slice(0, expected.length)).toBe(expected);
    else expect(text).toBe(expected);
  });

  it('survives what is not HTTP/2 at all', async () => {
    expect(await said(await closedAddress())).toBe('failed connect: connect: connection refused');
    const http1 = await Origin.start({ onConnection: (connection) => connection.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n') });
    expect(await said(http1.address)).toMatch(/^failed (closed|protocol): /);
    const garbage = await Origin.start({ onConnection: (connection) => connection.send(Buffer.alloc(1_000_000, 'x')) });
    expect(await said(garbage.address, grpc(), { timeoutMs: 300 })).toMatch(/^failed (closed|protocol|timeout): /);
    const silent = await Origin.start({ onConnection: () => undefined });
    expect(await said(silent.address, grpc(), { timeoutMs: 100 })).toBe('failed timeout: no answer within 100ms');
  });

  it('keeps one session for its checks, or opens one each time', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', note);
    const kept = await GrpcOrigin.start(answering(SERVING));
    await new Watched({ a: clusterOf([kept.address], checkConfig(grpc(), { intervalMs: 1 })) }).result(30);
    expect(kept.sessions).toBe(1);
    const fresh = await GrpcOrigin.start(answering(SERVING));
    await new Watched({ a: clusterOf([fresh.address], checkConfig(grpc(), { intervalMs: 1, reuseConnection: false })) }).result(5);
    expect(fresh.sessions).toBeGreaterThanOrEqual(5);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('connects again when the kept session was closed meanwhile', async () => {
    const origin = await GrpcOrigin.start((stream, _call) => {
      answering(SERVING)(stream);
      stream.on('close', () => stream.session?.destroy());
    });
    const watched = new Watched({ a: clusterOf([origin.address], checkConfig(grpc(), { intervalMs: 1 })) });
    await watched.result(10);
    expect(new Set(watched.seen.map(({ result }) => textOf(result)))).toEqual(new Set(['SERVING']));
  });

  it('connects again when the server says goodbye to the kept session', async () => {
    let calls = 0;
    const origin = await GrpcOrigin.start((stream) => {
      if (++calls % 2 === 0) stream.session?.close(); // GOAWAY
      answering(SERVING)(stream);
    });
    const watched = new Watched({ a: clusterOf([origin.address], checkConfig(grpc(), { intervalMs: 1 })) });
    await watched.result(10);
    expect(new Set(watched.seen.map(({ result }) => textOf(result)))).toEqual(new Set(['SERVING']));
    expect(origin.sessions).toBeGreaterThan(3);
  });

  describe('over TLS', () => {
    let ca: Certificate;
    let server: Certificate;
    let client: Certificate;

    beforeAll(() => {
      const directory = temporaryDirectory();
      ca = makeCertificate(directory, 'ca', { isCa: true });
      server = makeCertificate(directory, 'server', { names: ['up.test', 'IP:127.0.0.1'], ca });
      client = makeCertificate(directory, 'client', { ca });
    });

    it('agrees on h2, verifies the server and shows its certificate', async () => {
      const origin = await GrpcOrigin.start(answering(SERVING), { cert: server.cert, key: server.key, ca: ca.cert, requestCert: true, rejectUnauthorized: true });
      const identity = { ca: ca.cert, cert: client.cert, key: client.key };
      expect(await said(origin.address, grpc(), {}, tlsConfig(identity), 'up.test')).toBe('passed: SERVING');
      expect(origin.calls[0]?.head).toMatchObject({ ':scheme': 'https', ':authority': origin.address.replace('127.0.0.1', 'up.test') });
      expect(await said(origin.address, grpc(), {}, tlsConfig(identity))).toBe('passed: SERVING');
      expect(await said(origin.address, grpc(), {}, tlsConfig({ ...identity, serverName: 'other.test' }))).toMatch(/^failed tls: TLS: Host: other\.test/);
    });

    it('refuses a server that does not agree on h2', async () => {
      const origin = await Origin.start({ tls: { cert: server.cert, key: server.key } });
      expect(await said(origin.address, grpc(), {}, tlsConfig({ ca: ca.cert }))).toBe('failed protocol: it does not speak HTTP/2: ALPN h2 was not agreed');
    });
  });
});

describe('messages', () => {
  it('of the request carry names of any length', () => {
    const long = 'a'.repeat(300);
    expect(encodeRequest(long).subarray(0, 8)).toEqual(Buffer.from([0, 0, 0, 1, 0x2f, 0x0a, 0xac, 0x02]));
  });

  it.each<[string, number[], object]>([
    ['the last status counts', [8, 2, 8, 1], { status: 1 }],
    ['a status of ten bytes', [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], { status: 2 ** 64 }],
    ['every wire type is skipped', [0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1d, 1, 2, 3, 4, 0x22, 1, 0, 0x28, 0x80, 1, 8, 1], { status: 1 }],
  ])('%s', (_name, message, expected) => {
    expect(decodeResponse(frame(...message))).toEqual(expected);
  });

  it.each<[string, number[]]>([
    ['field 0', [0, 1]],
    ['a group', [0x13, 0x14]],
    ['a number without end', [8, 0x80]],
    ['a number of eleven bytes', [8, ...Array<number>(10).fill(0x80), 1]],
    ['a length beyond the end', [0x12, 5, 1]],
    ['a huge length', [0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ['eight bytes that are not there', [0x11, 1]],
    ['four bytes that are not there', [0x15, 1]],
  ])('with %s are refused', (_name, message) => {
    expect(decodeResponse(frame(...message))).toEqual({ wrong: 'the message is no valid protobuf' });
  });

  it('of any bytes are a status or a refusal', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const decoded = decodeResponse(bytes);
      expect('wrong' in decoded || decoded.status >= 0).toBe(true);
      const framed = decodeResponse(frame(...bytes));
      expect('wrong' in framed ? framed.wrong : 'the message is no valid protobuf').toBe('the message is no valid protobuf');
    }));
  });
});
