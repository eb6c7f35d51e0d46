/** How bodies, queries and connections of hostile clients are met, by the real server. */
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LogLevels } from '../../../src/control/log-levels.ts';
import { MAX_CONNECTIONS, type AdminServer } from '../../../src/admin/server.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { eventually } from '../../support/wait.ts';
import { adminServer, ask, view, type Answer } from './support.ts';

const JSON_BODY = { 'content-type': 'application/json' };

/** A server whose log level may be changed: the smallest change with a body (4 KiB at most). */
async function changing(options: Parameters<typeof adminServer>[2] = {}): Promise<{ server: AdminServer; put: (body: string, headers?: Record<string, string>) => Promise<Answer>; level: () => string }> {
  const levels = new LogLevels(silentLogger(), () => Promise.resolve([]));
  const server = await adminServer(await view({ logLevels: levels }), '127.0.0.1', options);
  return { server, put: (body, headers = JSON_BODY) => ask(server, '/log-level', { method: 'PUT', headers, body }), level: () => levels.level };
}

/** A connection that keeps what it is sent. */
async function raw(server: AdminServer): Promise<{ socket: Socket; received: () => string; closed: Promise<void> }> {
  let text = '';
  const socket = connect(server.port, '127.0.0.1');
  socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise((resolve) => socket.once('connect', resolve));
  onTestFinished(() => void socket.destroy());
  return { socket, received: () => text, closed };
}

const head = (server: AdminServer, lines: string[]): string => `PUT /log-level HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${lines.join('\r\n')}\r\n\r\n`;
const errorOf = (answer: Answer): unknown => (JSON.parse(answer.body) as { error: unknown }).error;

describe('a body', () => {
  it('is taken in its form only', async () => {
    const { put, level } = await changing();
    expect((await put('{"level":"warn"}')).status).toBe(200);
    expect((await put('{"level":"error"}', { 'content-type': 'Application/JSON; charset=UTF-8' })).status).toBe(200);
    expect(level()).toBe('error');
    for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/x-www-form-urlencoded' }, { 'content-type': 'application/jsonp' }, { 'content-type': 'application/json; charset=utf-16' }, { ...JSON_BODY, 'content-encoding': 'gzip' }] as Record<string, string>[]) {
      expect((await put('{"level":"info"}', headers)).status, JSON.stringify(headers)).toBe(415);
    }
    expect(level()).toBe('error');
  });

  it('that is no JSON is told with line and column', async () => {
    const { put } = await changing();
    const answer = await put('{\n  "level": "warn",\n}');
    expect([answer.status, errorOf(answer)]).toEqual([400, 'the body is not JSON: line 3, column 1: expected a key in double quotes, not "}"']);
    expect(errorOf(await put(''))).toBe('the body is not JSON: line 1, column 1: there is nothing');
    expect(await ask((await changing()).server, '/log-level', { method: 'PUT', headers: JSON_BODY, body: Buffer.from([0x22, 0xff, 0x22]) as unknown as string })).toMatchObject({ status: 400 });
  });

  it('that does not fit is told with every path', async () => {
    const { put, level } = await changing();
    const answer = await put('{"levle": "warn", "__proto__": {"level": "warn"}, "constructor": 1}');
    expect(answer.status).toBe(422);
    const { error, problems } = JSON.parse(answer.body) as { error: string; problems: { path: string }[] };
    expect(error).toMatch(/^the body has \d problems$/);
    expect(problems).toEqual(expect.arrayContaining([
      { path: 'levle', message: 'unknown key "levle"', hint: 'did you mean "level"?' },
      { path: 'level', message: 'required key "level" is missing: expected trace | debug | info | warn | error | fatal | silent' },
    ]));
    for (const body of ['null', '[]', '"warn"', '17', '{"level": null}', '{"level": ["warn"]}', '{"__proto__": {"level": "warn"}}']) expect((await put(body)).status, body).toBe(422);
    expect(level()).toBe('info');
    expect(({} as { level?: unknown }).level).toBeUndefined();
  });

  it('that is large is refused by its length before it is sent, and by its bytes when they come', async () => {
    const { server, level } = await changing();
    const announced = await raw(server);
    announced.socket.write(head(server, ['Content-Type: application/json', 'Content-Length: 1000000000', 'Expect: 100-continue']));
    await eventually(() => announced.received().includes('4096 bytes'));
    expect(announced.received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(announced.received()).not.toContain('100 Continue');

    const chunked = await raw(server);
    chunked.socket.write(head(server, ['Content-Type: application/json', 'Transfer-Encoding: chunked']));
    for (let i = 0; i < 5; i++) chunked.socket.write(`400\r\n${' '.repeat(1024)}\r\n`);
    await eventually(() => chunked.received().includes('larger than 4096 bytes'));
    expect(chunked.received()).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/i);
    await chunked.closed;
    expect(level()).toBe('info');
  });

  it('is asked for when it will be read', async () => {
    const { server, level } = await changing();
    const { socket, received } = await raw(server);
    socket.write(head(server, ['Content-Type: application/json', 'Content-Length: 16', 'Expect: 100-continue']));
    await eventually(() => received() === 'HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('{"level":"warn"}');
    await eventually(() => received().includes('HTTP/1.1 200 OK'));
    expect(level()).toBe('warn');
  });

  it('that stops or drips is cut off with 408', async () => {
    const { server, level } = await changing({ bodyTimes: { idleMs: 60, totalMs: 10_000 } });
    const silent = await raw(server);
    silent.socket.write(`${head(server, ['Content-Type: application/json', 'Content-Length: 16'])}{"level"`);
    await eventually(() => silent.received().includes('408 Request Timeout'));
    await silent.closed;

    const { server: other } = await changing({ bodyTimes: { idleMs: 10_000, totalMs: 200 } });
    const dripping = await raw(other);
    dripping.socket.write(head(other, ['Content-Type: application/json', 'Content-Length: 4000']));
    const drip = setInterval(() => dripping.socket.write(' '), 20);
    await eventually(() => dripping.received().includes('408 Request Timeout'));
    clearInterval(drip);
    await dripping.closed;
    expect(level()).toBe('info');
  });

  it('whose sender goes away changes nothing', async () => {
    const { server, put, level } = await changing();
    const { socket } = await raw(server);
    socket.write(`${head(server, ['Content-Type: application/json', 'Content-Length: 17'])}{"level":"fatal"}`.slice(0, -1));
    socket.destroy();
    expect((await put('{"level":"warn"}')).status).toBe(200);
    expect(level()).toBe('warn');
  });

  it('has no place in what takes none', async () => {
    const { server } = await changing();
    for (const [method, path] of [['POST', '/drain'], ['GET', '/config']] as const) {
      expect((await ask(server, path, { method, headers: { ...JSON_BODY, 'content-length': '2' }, body: '{}' })).status, path).toBe(413);
    }
    // What a form of another page would send.
    expect((await ask(server, '/drain', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' } })).status).toBe(415);
    expect((await ask(server, '/drain', { method: 'POST' })).status).toBe(202);
  });

  it('left unread is not taken for the next request', async () => {
    const { server } = await changing();
    const { socket, received, closed } = await raw(server);
    const smuggled = 'POST /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    socket.write(`POST /drain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
    await closed;
    expect(received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413']);
  });
});

describe('a query', () => {
  it('holds what the operation knows, once', async () => {
    const { server } = await changing();
    const refused = await ask(server, '/routes?limt=3');
    expect([refused.status, JSON.parse(refused.body)]).toEqual([400, { error: '?limt: unknown parameter "limt" (did you mean "limit"?)', problems: [{ path: '?limt', message: 'unknown parameter "limt"', hint: 'did you mean "limit"?' }] }]);
    expect(errorOf(await ask(server, '/live?x'))).toBe('?x: unknown parameter "x" (this operation takes none)');
    expect(errorOf(await ask(server, '/routes?limit=1&limit=2'))).toBe('?limit: it is given twice');
    for (const query of ['__proto__=1', 'constructor=1', 'limit=%ff', 'limit=0x10', 'limit=1e3', 'limit=', 'limit=1000000']) expect((await ask(server, `/routes?${query}`)).status, query).toBe(400);
    expect((await ask(server, '/routes?limit=007')).status).toBe(200);
  });
});

describe('connections', () => {
  it('that only stand there make room for the operator', async () => {
    const { server, put } = await changing();
    const idle = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, () => raw(server)));
    for (const { socket } of idle.slice(0, 20)) socket.write('GET /config HTTP/1.1\r\n'); // half a head
    expect((await put('{"level":"warn"}')).status).toBe(200);
    expect((await ask(server, '/metrics')).body).toMatch(/millrace_admin_connections_refused_total [1-9]/);
    expect(idle.filter(({ socket }) => socket.destroyed).length).toBeLessThan(10);
  });

  it('whose answers nobody reads are cut off', async () => {
    // More than the buffers of both ends take.
    const body = Buffer.alloc(64 * 1024 * 1024, 'x');
    const { server, put } = await changing({ answerTimeoutMs: 150, assets: new Map([['large.js', { type: 'text/javascript', body, etag: '"1"' }]]) });
    const slow = connect(server.port, '127.0.0.1');
    let received = 0;
    slow.on('data', (chunk) => (received += chunk.length)).on('error', () => undefined).pause();
    const closed = new Promise((resolve) => slow.once('close', resolve));
    slow.write('GET /ui/large.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const answered = async (): Promise<boolean> => /operation="GET \/ui\/\{file\}",code="200"\} 1/.test((await ask(server, '/metrics')).body);
    await eventually(answered);
    expect((await put('{"level":"warn"}')).status).toBe(200);
    await eventually(() => server.unreadBytes === 0);
    slow.resume();
    await closed;
    expect(received).toBeLessThan(body.length);
  });

  it('with more requests in one go than wait in line are closed', async () => {
    const { server, put } = await changing();
    const { socket, received, closed } = await raw(server);
    socket.write('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1000));
    await closed;
    expect(received().match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThan(20);
    expect((await put('{"level":"warn"}')).status).toBe(200);
  });

  it('take several requests in one go, each with its answer in order', async () => {
    const { server } = await changing();
    const { socket, received } = await raw(server);
    const body = '{"level":"warn"}';
    socket.write(`GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n${head(server, ['Content-Type: application/json', `Content-Length: ${body.length}`])}${body}GET /log-level HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    await eventually(() => received().includes('"configured"') && received().match(/HTTP\/1\.1 200/g)?.length === 3);
    expect(received().indexOf('live\n')).toBeLessThan(received().indexOf('"workers"'));
  });
});
