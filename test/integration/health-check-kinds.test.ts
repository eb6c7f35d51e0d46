/** Every kind of active health check through the running proxy, and what hostile endpoints can do to it. */
import { createServer, createSecureServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate, type Certificate } from '../support/certificates.ts';
import { request } from '../support/client.ts';
import { keep } from '../support/keep.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../support/millrace.ts';
import { ok, Origin, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const TIMES = { interval: '400ms', timeout: '400ms' };
const UP = 'available';
const DOWN = 'unavailable unhealthy';

interface Shown {
  health: { state: string; reasons: string[]; lastCheck: { text: string } | null };
}

async function shown(proxy: Millrace): Promise<Shown[]> {
  const { clusters } = JSON.parse((await proxy.admin('/clusters')).text) as { clusters: { endpoints: Shown[] }[] };
  return clusters.flatMap(({ endpoints }) => endpoints);
}
const states = async (proxy: Millrace): Promise<string[]> => (await shown(proxy)).map(({ health }) => [health.state, ...health.reasons].join(' '));
const become = (proxy: Millrace, wanted: readonly string[]): Promise<void> => eventually(async () => expect(await states(proxy)).toEqual(wanted));
const start = (endpoints: readonly string[], healthCheck: object, cluster: object = {}): Promise<Millrace> =>
  Millrace.start(proxyTo(endpoints, { cluster: { healthCheck: { ...TIMES, ...healthCheck }, ...cluster } }));

describe('endpoints come and go by', () => {
  it('the body of an HTTP answer', async () => {
    let body = '{"status":"up"}';
    const origin = await Origin.start({ answer: (_message, connection) => connection.send(ok(body)) });
    const proxy = await start([origin.address], { http: { path: '/status?full=1', headers: { 'x-probe': 'yes' }, body: { contains: '"up"' } } });
    await become(proxy, [UP]);
    expect([origin.requests[0]?.target, origin.requests[0]?.header('x-probe')]).toEqual(['/status?full=1', 'yes']);
    body = '{"status":"starting"}';
    await become(proxy, [DOWN]);
    expect((await shown(proxy))[0]?.health.lastCheck?.text).toMatch(/^HTTP 200 in \d+ ms, but its body does not contain "\\"up\\"": "\{"status":"starting"\}"$/);
    body = '{"status":"up"}';
    await become(proxy, [UP]);
  });

  it('bytes over TCP, on a port of their own', async () => {
    let answer = '+PONG\r\n';
    const checked = await Origin.start({ onConnection: (connection) => connection.socket.on('data', () => connection.send(answer)) });
    const origin = await Origin.start();
    const proxy = await start([origin.address], { tcp: { send: 'PING\r\n', receive: { hex: '2b504f4e47' } }, port: checked.port });
    await become(proxy, [UP]);
    answer = '-LOADING\r\n';
    await become(proxy, [DOWN]);
    expect(origin.connections).toBe(0);
    answer = '+PONG\r\n';
    await become(proxy, [UP]);
    expect((await request(proxy.port(), '/')).status).toBe(200);
  });

  it('the status of a gRPC service', async () => {
    const server = await GrpcServer.start(createServer());
    const proxy = await start([server.address], { grpc: { service: 'shop' } });
    await become(proxy, [UP]);
    server.serving = 2;
    await become(proxy, [DOWN]);
    expect((await shown(proxy))[0]?.health.lastCheck?.text).toMatch(/^NOT_SERVING in \d+ ms, expected SERVING$/);
    server.serving = 1;
    await become(proxy, [UP]);
  });

  describe('what they say over TLS', () => {
    let ca: Certificate;
    let server: Certificate;
    let client: Certificate;
    beforeAll(() => {
      const directory = temporaryDirectory();
      ca = makeCertificate(directory, 'ca', { isCa: true });
      server = makeCertificate(directory, 'server', { names: ['up.test'], ca });
      client = makeCertificate(directory, 'client', { ca });
    });

    it('to a client with a certificate', async () => {
      const demanding = { cert: server.cert, key: server.key, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
      const http = await Origin.start({ tls: demanding });
      const grpc = await GrpcServer.start(createSecureServer(demanding) as unknown as Http2Server);
      const tls = { ca: ca.certFile, serverName: 'up.test', cert: client.certFile, key: client.keyFile };
      await become(await start([http.address], { http: {} }, { tls }), [UP]);
      await become(await start([http.address], { tcp: {} }, { tls }), [UP]);
      await become(await start([grpc.address], { grpc: {} }, { tls }), [UP]);
      const stranger = await start([http.address], { http: {} }, { tls: { ca: ca.certFile, serverName: 'other.test' } });
      await become(stranger, [DOWN]);
      expect((await shown(stranger))[0]?.health.lastCheck?.text).toMatch(/^TLS: Host: other\.test\. is not in the cert's altnames/);
    });
  });

  it('answers from a socket in the file system', async () => {
    const path = join(temporaryDirectory(), 'origin.sock');
    const proxy = await start([`unix:${path}`], { http: { host: 'app.test' } });
    await become(proxy, [DOWN]);
    const origin = await Origin.start({ path });
    await become(proxy, [UP]);
    expect(origin.last.header('host')).toBe('app.test');
  });
});

describe('hostile endpoints', () => {
  const flood = (connection: OriginConnection, piece: string): void => {
    const more = (): void => {
      while (!connection.socket.destroyed && connection.socket.write(piece));
    };
    connection.socket.on('drain', more);
    more();
  };
  const drip = (connection: OriginConnection, bytes: string): void => {
    const timer = setInterval(() => connection.send(bytes), 1);
    connection.socket.on('close', () => clearInterval(timer));
  };
  const BAD: [string, (connection: OriginConnection) => void][] = [
    ['garbage without end', (connection) => flood(connection, '\0\xff'.repeat(8_000))],
    ['a head without end', (connection) => (connection.send('HTTP/1.1 200 OK\r\n'), flood(connection, `A: ${'b'.repeat(8_000)}\r\n`))],
    ['a status line without end', (connection) => (connection.send('HTTP/1.1 200 '), flood(connection, 'x'.repeat(8_000)))],
    ['interim answers without end', (connection) => flood(connection, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100))],
    ['chunks that are none', (connection) => connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n')],
    ['a length of nonsense', (connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n')],
    ['slow bytes', (connection) => drip(connection, 'H')],
    ['a slow body', (connection) => (connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'), drip(connection, 'x'))],
    ['nothing', () => undefined],
    ['a reset', (connection) => connection.reset()],
    ['an end', (connection) => connection.end()],
  ];

  it('are found out, all at once, and harm neither the others nor the proxy', async () => {
    const bad = await Promise.all(BAD.map(([, onData]) => Origin.start({ onConnection: (connection) => connection.socket.once('data', () => onData(connection)) })));
    const good = await Origin.start();
    for (const kind of [{ http: {} }, { tcp: { send: 'x', receive: 'never said' } }, { grpc: {} }]) {
      const clusters = {
        bad: { endpoints: bad.map(({ address }) => address), healthCheck: { ...kind, ...TIMES } },
        up: { endpoints: [good.address], healthCheck: { http: {}, ...TIMES } },
      };
      const proxy = await Millrace.start({ ...proxyTo([good.address]), clusters });
      await become(proxy, [...BAD.map(() => DOWN), UP]);
      for (let i = 0; i < 50; i++) expect((await request(proxy.port(), '/')).status).toBe(200);
      expect((await shown(proxy)).slice(0, -1).map(({ health }) => health.lastCheck?.text.length ?? 0).every((length) => length > 5 && length < 400)).toBe(true);
      expect(proxy.log.filter(({ level, msg }) => level === 'error' || /uncaught|unhandled/.test(msg))).toEqual([]);
      expect(proxy.stderr).toBe('');
      expect(proxy.rss).toBeLessThan(300 * 1024 * 1024);
      await proxy.close();
    }
  });
});

it('flapping endpoints cost no request, as checks come and go under load', async () => {
  let isDown = false;
  const flapping = await Origin.start({ answer: (message, connection) => connection.send(message.target === '/healthz' && isDown ? 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n' : ok('flapping')) });
  const steady = await Origin.start({ answer: (_message, connection) => connection.send(ok('steady')) });
  const proxy = await start([flapping.address, steady.address], { http: { path: '/healthz' }, unhealthyThreshold: 1, healthyThreshold: 1 });
  await become(proxy, [UP, UP]);
  let sent = 0;
  const answers: Record<string, number> = {};
  for (let round = 0; round < 4; round++) {
    isDown = !isDown;
    for (let done = false; !done; ) {
      const all = await Promise.all(Array.from({ length: 16 }, () => request(proxy.port(), '/')));
      sent += all.length;
      for (const { status, text } of all) answers[`${status} ${text}`] = (answers[`${status} ${text}`] ?? 0) + 1;
      done = (await states(proxy))[0] === (isDown ? DOWN : UP);
    }
  }
  expect(Object.keys(answers).sort()).toEqual(['200 flapping', '200 steady']);
  expect((answers['200 flapping'] ?? 0) + (answers['200 steady'] ?? 0)).toBe(sent);
});

class GrpcServer {
  /** ServingStatus: 1 = SERVING. */
  serving = 1;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(server: Http2Server) {
    this.#server = server;
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
    });
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, this.serving]));
    });
  }

  static async start(server: Http2Server): Promise<GrpcServer> {
    const started = new GrpcServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return keep(started);
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }
}
