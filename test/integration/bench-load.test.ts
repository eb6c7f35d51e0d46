import { createServer as createTlsServer } from 'node:https';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { load, startOrigin, VoidRun } from '../../bench/load/index.mjs';
import { makeCertificate } from '../support/certificates.ts';
import { closedAddress } from '../support/closed-port.ts';

/** What each run takes when a test does not need more: the counts that are compared are exact at any length. */
const SHORT = { duration: 0.1, warmup: 0, connections: 4 };
const BUILD_LIMIT_MS = 180_000;
const LOAD_CLI = 'bench/load/load.mjs';

let origin: Awaited<ReturnType<typeof startOrigin>>;
const directory = mkdtempSync(join(tmpdir(), 'millrace-load-'));
const at = (target: string) => `http://127.0.0.1:${origin.port}${target}`;

beforeAll(async () => {
  origin = await startOrigin();
}, BUILD_LIMIT_MS);
afterAll(() => origin.stop());

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  }));
  return (server.address() as AddressInfo).port;
}

const nodeServer = async (handler: RequestListener) => `http://127.0.0.1:${await listening(createServer(handler))}`;

/** Answers every request with these bytes, in these pieces. */
async function rawServer(pieces: readonly string[], after: (socket: Socket) => void = () => undefined): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', () => {
      for (const piece of pieces) socket.write(piece, 'latin1');
      after(socket);
    });
  });
  return `http://127.0.0.1:${await listening(server)}/`;
}

const errorsOf = async (url: string, options = {}) => {
  const result = await load({ url, ...SHORT, allowErrors: true, ...options });
  return { classes: Object.entries(result.errors).filter(([, count]) => count > 0).map(([name]) => name), result };
};

describe('counting', () => {
  test('a closed loop counts right answers, bytes and statuses, and keeps its connections', async () => {
    const result = await load({ url: at('/?size=1000'), ...SHORT, expectBody: 1000, checkBody: true });
    expect(result.requests).toBeGreaterThan(100);
    expect(result.rate).toBeCloseTo(result.requests / result.seconds, 0);
    expect(result.statuses).toEqual({ 200: result.requests });
    expect(result.bytesIn).toBeGreaterThan(result.requests * 1000);
    expect(result.connections.opened).toBe(4);
    expect(result.errorTotal).toBe(0);
    const inHistogram = result.histogram.reduce((sum, [, count]) => sum + count, 0);
    expect(inHistogram).toBe(result.latencyUs.count);
  });

  test('every client gets its share', async () => {
    const { connections } = await load({ url: at('/'), ...SHORT, connections: 16 });
    expect(connections.fairness.min).toBeGreaterThan(0);
    expect(connections.fairness.jain).toBeGreaterThan(0.8);
  });

  test('a connection per request opens one for each', async () => {
    const result = await load({ url: at('/'), ...SHORT, connection: 'perRequest' });
    expect(result.requests).toBeGreaterThan(50);
    expect(result.connections.opened).toBeGreaterThanOrEqual(result.requests);
    expect(result.connections.opened).toBeLessThanOrEqual(result.requests + 8);
  });

  test('a peer that closes after an answer is no error, its connection is opened again', async () => {
    const result = await load({ url: at('/?close=1'), ...SHORT });
    expect(result.connections.opened).toBeGreaterThanOrEqual(result.requests);
  });

  test.each(['/?size=300000', '/?size=300000&chunked=1', '/?size=70000&chunked=1&chunk=1', '/?size=0', '/?size=0&chunked=1', '/?status=204', '/?size=5000&rate=50000'])('%s is read to its end', async (target) => {
    const expectBody = target.includes('204') ? 0 : Number(/size=(\d+)/.exec(target)?.[1]);
    const result = await load({ url: at(target), ...SHORT, expectBody, checkBody: true });
    expect(result.latencyUs.count).toBeGreaterThan(0);
  });

  test('HEAD has no body', async () => {
    const result = await load({ url: at('/?size=5000'), ...SHORT, method: 'HEAD', expectBody: 0 });
    expect(result.requests).toBeGreaterThan(0);
  });

  test('uploads arrive whole', async () => {
    const seen = new Set<number>();
    const url = await nodeServer((request, response) => {
      let size = 0;
      request.on('data', (chunk: Buffer) => (size += chunk.length)).on('end', () => {
        seen.add(size);
        response.end(request.method);
      });
    });
    const result = await load({ url, ...SHORT, body: 200_000, expectBody: 4 });
    expect(result.requests).toBeGreaterThan(0);
    expect([...seen]).toEqual([200_000]);
    expect(result.bytesOut).toBeGreaterThanOrEqual(result.requests * 200_000);
  });

  test('the origin reads uploads of any size and says how much came', async () => {
    for (const body of [Buffer.alloc(3_000_000), new Blob(['x'.repeat(100_000)]).stream()]) {
      const response = await fetch(at('/'), { method: 'POST', body, duplex: 'half' } as RequestInit);
      expect(response.status).toBe(200);
      expect(response.headers.get('x-received')).toBe(body instanceof Buffer ? '3000000' : '100000');
      expect(await response.text()).toHaveLength(64);
    }
    const result = await load({ url: at('/'), ...SHORT, body: 1_000_000, expectBody: 64 });
    expect(result.requests).toBeGreaterThan(0);
  });
});

describe('what is sent', () => {
  test('a path list is taken in turn, with its header lines', async () => {
    const file = join(directory, 'paths');
    writeFileSync(file, '/a?x=1\n/b\tx-one: 1\tx-two: 2\n-\tx-one: 3\n');
    const seen: string[] = [];
    const url = await nodeServer((request, response) => {
      seen.push(`${request.url} ${request.headers['x-one'] ?? ''}${request.headers['x-two'] ?? ''}`);
      response.end();
    });
    await load({ url: `${url}/own`, ...SHORT, connections: 1, pathList: file, header: ['x-always: y'] });
    expect(seen.length).toBeGreaterThan(6);
    expect(seen.slice(0, 6)).toEqual(['/a?x=1 ', '/b 12', '/own 3', '/a?x=1 ', '/b 12', '/own 3']);
  });

  test('keys are random below the number of keys, the same for the same seed', async () => {
    const seen: string[] = [];
    const url = await nodeServer((request, response) => {
      seen.push(`${request.url}=${request.headers['x-key']}`);
      response.end();
    });
    const keysOf = async (seed: number) => {
      seen.length = 0;
      await load({ url, ...SHORT, connections: 1, path: '/k/{key}', header: ['x-key: {key}'], targetKeys: 10, seed });
      return seen.slice(0, 50);
    };
    const first = await keysOf(1);
    expect(first).toHaveLength(50);
    for (const line of first) expect(line).toMatch(/^\/k\/(\d)=\1$/);
    expect(new Set(first).size).toBeGreaterThan(5);
    expect(await keysOf(1)).toEqual(first);
    expect(await keysOf(2)).not.toEqual(first);
  });

  test('without a place for it the key is a header of its own', async () => {
    const keys = new Set<unknown>();
    const url = await nodeServer((request, response) => {
      keys.add(request.headers['x-key']);
      response.end();
    });
    await load({ url, ...SHORT, targetKeys: 3 });
    expect([...keys].sort()).toEqual(['0', '1', '2']);
  });
});

describe('time', () => {
  test('a known delay of the origin is what is measured', async () => {
    for (const mode of [{ mode: 'closed' as const }, { mode: 'open' as const, rate: 100, connections: 32 }]) {
      const { latencyUs, serviceUs } = await load({ url: at('/?delay=30'), ...SHORT, duration: 0.5, ...mode });
      for (const quantiles of [latencyUs, serviceUs]) {
        expect(quantiles.p50).toBeGreaterThanOrEqual(30_000);
        expect(quantiles.p50).toBeLessThan(60_000);
        expect(quantiles.max).toBeGreaterThanOrEqual(quantiles.p99);
      }
    }
  });

  test('an open loop sends at its rate, however long the answers take', async () => {
    const result = await load({ url: at('/?delay=50'), mode: 'open', rate: 400, duration: 0.5, warmup: 0.1, connections: 64 });
    expect(result.scheduler.scheduled).toBe(200);
    expect(result.latencyUs.count).toBe(200);
  });

  test('Poisson arrivals have the same mean, are not even, and repeat with their seed', async () => {
    const run = (seed: number) => load({ url: at('/'), mode: 'open', arrivals: 'poisson', rate: 5000, duration: 0.4, warmup: 0, connections: 32, seed });
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(again.scheduler.scheduled).toBe(first.scheduler.scheduled);
    expect(other.scheduler.scheduled).not.toBe(first.scheduler.scheduled);
    // Of a mean of 2000 the standard deviation is 45.
    for (const { scheduler } of [first, other]) expect(Math.abs(scheduler.scheduled - 2000)).toBeLessThan(225);
  });

  test('a scheduler that sleeps sends as many as one that spins', async () => {
    const result = await load({ url: at('/'), mode: 'open', scheduler: 'sleep', rate: 1000, duration: 0.3, warmup: 0, connections: 16 });
    expect(result.scheduler.scheduled).toBe(300);
    expect(result.latencyUs.count).toBe(300);
  });

  // One request in 400 makes the whole origin stand still for 200 ms. In a closed loop that delays one request per
  // connection, in an open loop all that were due meanwhile: that a closed loop hides them is "coordinated omission".
  test('a stall of the origin shows in an open loop, and a closed loop hides it', async () => {
    const file = join(directory, 'stall');
    writeFileSync(file, `${'/\n'.repeat(399)}/?block=200\n`);
    const shape = { url: at('/'), connections: 4, duration: 1, warmup: 0, pathList: file };
    const open = await load({ ...shape, mode: 'open', rate: 1000 });
    const closed = await load(shape);
    const share = (result: typeof open, aboveUs: number) => result.histogram.filter(([upper]) => upper > aboveUs).reduce((sum, [, count]) => sum + count, 0) / result.latencyUs.count;
    // Two stalls of a second: 400 of 1000 requests were due in them, half of those in their first half.
    expect(share(open, 100_000)).toBeGreaterThan(0.15);
    expect(share(closed, 100_000)).toBeLessThan(0.02);
    // From the actual send even the open loop would look well: four connections wait, the others weren't sent.
    expect(open.serviceUs.p90).toBeLessThan(100_000);
    expect(open.latencyUs.p90).toBeGreaterThan(100_000);
    expect(open.scheduler.queuedShare).toBeGreaterThan(0.15);
  });
});

describe('errors', () => {
  test('nobody listens', async () => {
    const { classes, result } = await errorsOf(`http://${await closedAddress()}/`);
    expect(classes).toEqual(['connect']);
    expect(result.requests).toBe(0);
    expect(result.firstError).toContain('refused');
  });

  test.each([
    ['reset', '/?fail=reset'],
    ['eof', '/?fail=eof'],
    ['eof', '/?fail=truncate'],
    ['eof', '/?fail=truncate&chunked=1'],
    ['protocol', '/?fail=garbage'],
    ['protocol', '/?fail=framing'],
    ['protocol', '/?fail=longer'],
    ['status', '/?status=503'],
  ])('%s: %s', async (name, target) => {
    const { classes, result } = await errorsOf(at(target));
    expect(classes).toEqual([name]);
    expect(result.requests).toBe(0);
    expect(result.firstError).toContain(`${name}: `);
  });

  test('timeout: an answer that never comes', async () => {
    const { classes, result } = await errorsOf(at('/?fail=hang'), { timeout: 0.1 });
    expect(classes).toEqual(['timeout']);
    expect(result.errors.timeout).toBeGreaterThanOrEqual(4);
  });

  test('timeout: a request that never gets a connection', async () => {
    const { classes, result } = await errorsOf(at('/?fail=hang'), { mode: 'open', rate: 1000, timeout: 0.1 });
    expect(classes).toEqual(['timeout']);
    expect(result.errors.timeout).toBe(100);
  });

  test('body: another size, other bytes', async () => {
    expect((await errorsOf(at('/?size=65'), { expectBody: 64 })).classes).toEqual(['body']);
    expect((await errorsOf(at('/?size=5000&fail=pattern'), { checkBody: true })).classes).toEqual(['body']);
  });

  test('status: one that was expected is right, another one is not', async () => {
    const { result } = await errorsOf(at('/?status=404'), { expectStatus: 404 });
    expect(result.errorTotal).toBe(0);
    expect(result.statuses).toEqual({ 404: result.requests });
    expect((await errorsOf(at('/'), { expectStatus: 404 })).classes).toEqual(['status']);
  });

  test('tls: a peer that speaks none', async () => {
    expect((await errorsOf(at('/').replace('http:', 'https:'))).classes).toEqual(['tls']);
  });

  test('a run with errors throws and names them, the command line ends with code 2', async () => {
    await expect(load({ url: at('/?status=500'), ...SHORT })).rejects.toThrow(VoidRun);
    await expect(load({ url: at('/?status=500'), ...SHORT })).rejects.toThrow(/void: \d+ status; the first: status: 500/);
    const cli = spawnSync(process.execPath, [LOAD_CLI, at('/?status=500'), '--duration', '0.1', '--warmup', '0'], { encoding: 'utf8' });
    expect(cli.status).toBe(2);
    expect(cli.stdout).toMatch(/VOID: \d+ errors: \d+ status/);
  });

  test.each([
    [['--mode', 'open'], '--mode open needs --rate'],
    [['--connections', 'many'], '--connections many: expected a number'],
    [['--arrivals', 'often'], 'expected uniform or poisson'],
    [['--header', 'no colon'], "expected 'Name: value'"],
    [['--path', '/{key}'], '{key} needs --target-keys'],
    [['--wrong'], "Unknown option '--wrong'"],
  ])('%j is refused with a sentence', (args, text) => {
    const cli = spawnSync(process.execPath, [LOAD_CLI, at('/'), ...args], { encoding: 'utf8' });
    expect(cli.status).toBe(1);
    expect(cli.stderr).toContain(text);
  });
});

describe('strict reading', () => {
  const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

  test('an answer may come byte by byte, after an interim one, chunked and with trailers', async () => {
    const chunked = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n';
    for (const text of [ANSWER, chunked]) {
      const { result } = await errorsOf(await rawServer([...text]), { expectBody: 5 });
      expect(result.firstError).toBe('');
      expect(result.requests).toBeGreaterThan(0);
    }
  });

  test('an answer without a length ends with its connection', async () => {
    const { result } = await errorsOf(await rawServer(['HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello'], (socket) => socket.end()), { expectBody: 5 });
    expect(result.firstError).toBe('');
    expect(result.requests).toBeGreaterThan(0);
  });

  test.each([
    ['HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', 'status line'],
    ['HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n', 'status line'],
    ['HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'CR LF'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx', 'Content-Length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx', 'Content-Length'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 'Transfer-Encoding'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n', 'longer than its size'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n', 'chunk size'],
    ['HTTP/1.1 200 OK\r\n\r\n', 'without a length'],
    ['HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n', 'valid name'],
    ['HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n', 'control character'],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi', '204'],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'interim'],
    [`${ANSWER}${ANSWER}`, 'behind the end'],
  ])('%j is a protocol error', async (text, problem) => {
    const { classes, result } = await errorsOf(await rawServer([text]), { connections: 1 });
    expect(classes).toEqual(['protocol']);
    expect(result.firstError).toContain(problem);
    expect(result.requests).toBe(0);
  });
});

describe('TLS', () => {
  let certificate: ReturnType<typeof makeCertificate>;
  beforeAll(() => {
    certificate = makeCertificate(directory, 'localhost');
  });
  const tlsServer = async () => `https://localhost:${await listening(createTlsServer({ cert: certificate.cert, key: certificate.key, honorCipherOrder: false }, (_request, response) => response.end('hello')))}/`;

  test('one handshake per kept connection', async () => {
    const result = await load({ url: await tlsServer(), ...SHORT, expectBody: 5 });
    expect(result.requests).toBeGreaterThan(0);
    expect(result.handshakes).toEqual({ full: 4, resumed: 0, version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' });
  });

  test('a connection per request is a full handshake for each', async () => {
    const result = await load({ url: await tlsServer(), ...SHORT, connection: 'perRequest', expectBody: 5 });
    expect(result.handshakes.resumed).toBe(0);
    expect(result.handshakes.full).toBeGreaterThanOrEqual(result.requests);
  });

  test('or a resumed one for each but the first of a client', async () => {
    const result = await load({ url: await tlsServer(), ...SHORT, connection: 'perRequest', tlsSession: 'resumed', expectBody: 5 });
    expect(result.handshakes.full).toBe(4);
    expect(result.handshakes.resumed).toBeGreaterThanOrEqual(result.requests - 4);
  });
});

describe('idle and slow clients', () => {
  test('idle clients are still there at the end, and answered', async () => {
    const result = await load({ url: at('/'), ...SHORT, idle: 50 });
    expect(result.idle).toEqual({ open: 50, answered: 50 });
  });

  test('an idle client that was dropped is an error', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((_request, response) => response.end());
    let answered = 0;
    server.on('connection', (socket) => sockets.add(socket));
    server.on('request', (request) => {
      // The three idle clients come after the one that carries the load; its second request ends them.
      if (++answered === 6) for (const socket of sockets) if (socket !== request.socket) socket.destroy();
    });
    const { classes, result } = await errorsOf(`http://127.0.0.1:${await listening(server)}/`, { connections: 1, idle: 3 });
    expect(classes).toEqual(['eof']);
    expect(result.errors.eof).toBe(3);
    expect(result.idle).toEqual({ open: 0, answered: 0 });
  });

  test('slow clients read at their rate, and hold nobody up', async () => {
    const result = await load({ url: at('/'), ...SHORT, duration: 0.5, slow: 20, slowRate: 50_000, slowPath: '/?size=1000000' });
    expect(result.requests).toBeGreaterThan(100);
    expect(result.slow.clients).toBe(20);
    // 20 clients for half a second at 50 kB/s are half a megabyte; at full speed it would be twenty at once.
    expect(result.slow.bytes).toBeGreaterThan(250_000);
    expect(result.slow.bytes).toBeLessThan(2_000_000);
  });
});

test('several origins share a port', async () => {
  const shared = await startOrigin({ processes: 2 });
  onTestFinished(() => shared.stop());
  expect(new Set(shared.pids).size).toBe(2);
  const result = await load({ url: `http://127.0.0.1:${shared.port}/`, ...SHORT, connections: 32 });
  expect(result.requests).toBeGreaterThan(0);
});
