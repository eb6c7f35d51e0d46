/**
 * The upstream ends or resets its connection: in which phase, and what becomes of the request. The table is what the README promises.
 *
 * | the connection ends ...              | and the client gets |
 * |---|---|
 * | while idle                            | the answer, over another connection, whatever the method |
 * | before the first byte of the answer   | a kept connection: the answer, over a new one, once and besides all retries, if the method is idempotent and nothing of a body was sent; a new one: as `retry` says; else 502 |
 * | while the request body is sent        | 502, unless an answer came before the end |
 * | after an interim answer, in the head  | 502 |
 * | in the body                           | an answer that visibly breaks off |
 * | at the end of a body without framing  | the answer if it ends in order, one that visibly breaks off if not |
 * | after the answer                      | the answer |
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection, type OriginOptions } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

type How = 'end' | 'reset';
const HOW: How[] = ['end', 'reset'];

/** What the origin does with the head of a request for /case, once; afterwards it answers as it should. */
let script: ((connection: OriginConnection) => unknown) | null = null;
/** Until it is over, what it does to its connection may not be mixed with the next case. */
let acting: Promise<unknown> = Promise.resolve();
let seen = 0;
let origins: Origin[];
let without: Millrace;
let withRetries: Millrace;

beforeAll(async () => {
  const options: OriginOptions = {
    onConnection: (connection) => {
      let text = '';
      connection.socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (!text.includes('\r\n\r\n')) return;
        const target = text.split(' ')[1];
        const body = /content-length: (\d+)/.exec(text)?.[1];
        if (target === '/case' && script !== null) {
          text = '';
          seen++;
          const act = script;
          script = null;
          acting = Promise.resolve(act(connection));
          return;
        }
        if (body !== undefined && text.length - text.indexOf('\r\n\r\n') - 4 < Number(body)) return;
        text = '';
        if (target === '/case') seen++;
        connection.send(ok('fine'));
      });
    },
  };
  origins = await Promise.all([Origin.start(options), Origin.start(options)]);
  const [one, two] = origins.map(({ address }) => address) as [string, string];
  [without, withRetries] = await Promise.all([
    Millrace.start(proxyTo([one], { workers: 1, route: { retry: { attempts: 0 } } })),
    Millrace.start(proxyTo([one, two], { workers: 1, route: { retry: { attempts: 1 } } })),
  ]);
});

const open = (): OriginConnection[] => origins.flatMap((origin) => [...origin.open]);

/** No connection, or an idle one, between the proxy and the origin. */
async function prepare(proxy: Millrace, reused: boolean): Promise<void> {
  // Destroyed, not ended: Node may wait for ever for the end of a socket that is reset while it shuts down.
  for (const { socket } of open()) socket.destroy();
  await eventually(() => open().length === 0);
  await eventually(async () => (await proxy.metric('millrace_upstream_connections')) === 0);
  if (reused) {
    expect((await request(proxy.port(), '/warm')).status).toBe(200);
    expect(open()).toHaveLength(1);
  }
}

interface Row {
  reused: boolean;
  method?: string;
  /** Bytes of a request body; only its first half is sent, and no more before the connection has ended. */
  half?: string;
  body?: string;
  proxy?: Millrace;
}

/** The status with its body, or how it broke off, and how often the origin was asked. */
async function outcome({ reused, method = 'GET', half, body, proxy = without }: Row, act: (connection: OriginConnection) => unknown): Promise<string> {
  await prepare(proxy, reused);
  seen = 0;
  script = act;
  const client = await RawClient.connect({ port: proxy.port() });
  const length = half !== undefined ? `Content-Length: ${half.length * 2}\r\n` : body !== undefined ? `Content-Length: ${body.length}\r\n` : '';
  client.send(`${method} /case HTTP/1.1\r\nHost: a.test\r\n${length}\r\n${half ?? body ?? ''}`);
  let result: string;
  try {
    const answer = await client.response();
    result = `${answer.status} ${answer.text.trimEnd()}`;
  } catch (error) {
    if (!client.ended) throw error;
    result = client.received.length === 0 ? 'nothing' : 'broken off';
  }
  await client.close();
  expect(script).toBeNull();
  await acting;
  return `${result} (asked ${seen})`;
}

const fine = (asked: number): string => `200 fine (asked ${asked})`;
const CLOSED = { end: '502 upstream connection closed before an answer', reset: '502 upstream connection reset before an answer' } as const;
const flagged = (flag: string): Promise<number> => without.metric('millrace_request_outcomes_total', { flag });

describe.each(HOW)('a connection ends (%s)', (how) => {
  const drop = (connection: OriginConnection): void => connection[how]();
  const received = (): Promise<number> => without.metric('millrace_upstream_received_bytes_total');
  /** Once the proxy has read the bytes, or a reset would overtake them. */
  const after = (bytes: string) => async (connection: OriginConnection): Promise<void> => {
    const before = await received();
    connection.send(bytes);
    await eventually(async () => (await received()) === before + bytes.length);
    connection[how]();
  };

  it.each(['GET', 'POST'])('while idle: no request is lost (%s)', async (method) => {
    await prepare(without, true);
    for (const connection of open()) drop(connection);
    expect((await request(without.port(), '/x', { method, ...(method === 'POST' ? { body: 'x' } : {}) })).text).toBe('fine');
  });

  it('before the first byte, kept: replaced once, without retries', async () => {
    expect(await outcome({ reused: true }, drop)).toBe(fine(2));
    expect(await outcome({ reused: true, method: 'DELETE' }, drop)).toBe(fine(2));
  });

  it('before the first byte, kept: not for what may not be sent twice', async () => {
    expect(await outcome({ reused: true, method: 'POST' }, drop)).toBe(`${CLOSED[how]} (asked 1)`);
    expect(await outcome({ reused: true, method: 'PUT', body: 'whole' }, drop)).toMatch(/^502 upstream connection (closed|reset) before an answer \(asked 1\)$/);
  });

  it('before the first byte, new: as the route says of retries', async () => {
    const before = await flagged('UC');
    expect(await outcome({ reused: false }, drop)).toBe(`${CLOSED[how]} (asked 1)`);
    expect(await flagged('UC')).toBe(before + 1);
    expect(await outcome({ reused: false, proxy: withRetries }, drop)).toBe(fine(2));
    expect(await outcome({ reused: false, method: 'POST', proxy: withRetries }, drop)).toBe(`${CLOSED[how]} (asked 1)`);
  });

  it('while the request body is sent', async () => {
    expect(await outcome({ reused: true, method: 'PUT', half: 'x'.repeat(1000) }, drop)).toMatch(/^502 upstream connection (closed|reset) before an answer \(asked 1\)$/);
  });

  it('while the request body is sent, behind an answer', async () => {
    const early = 'HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge';
    expect(await outcome({ reused: false, method: 'PUT', half: 'x'.repeat(1000) }, after(early))).toBe('413 large (asked 1)');
  });

  it.each([true, false])('after an interim answer, or in the head (kept: %s)', async (reused) => {
    const middle = "502 upstream connection closed in the middle of the answer's head (asked 1)";
    for (const bytes of ['HTTP/1.1 100 Continue\r\n\r\n', 'H', 'HTTP/1.1 200 OK\r\nContent-Le', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n']) {
      expect(await outcome({ reused }, after(bytes))).toBe(middle);
    }
  });

  it.each([true, false])('in the body (kept: %s)', async (reused) => {
    const errors = (): Promise<number> => without.metric('millrace_upstream_protocol_errors_total', { reason: 'truncated' });
    expect(await outcome({ reused }, after('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'))).toBe('broken off (asked 1)');
    const before = await errors();
    for (const rest of ['', '3\r\nhel', '3\r\nhel\r\n', '3\r\nhel\r\n0\r\n']) {
      expect(await outcome({ reused }, after(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`))).toBe('broken off (asked 1)');
    }
    expect(await errors()).toBe(before + 4);
  });

  it('at the end of a body without framing', async () => {
    expect(await outcome({ reused: false }, after('HTTP/1.1 200 OK\r\n\r\nhello'))).toBe(how === 'end' ? '200 hello (asked 1)' : 'broken off (asked 1)');
    expect(await outcome({ reused: false }, after('HTTP/1.0 200 OK\r\n\r\nhello'))).toBe(how === 'end' ? '200 hello (asked 1)' : 'broken off (asked 1)');
  });

  it('after the answer', async () => {
    expect(await outcome({ reused: false }, after(ok('whole')))).toBe('200 whole (asked 1)');
    expect(await outcome({ reused: false }, after('HTTP/1.1 204 No Content\r\n\r\n'))).toBe('204  (asked 1)');
  });
});

it('a 408 just before the end is no answer to a request on a kept connection', async () => {
  const farewell = (connection: OriginConnection): void => connection.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  expect(await outcome({ reused: true }, farewell)).toBe(fine(2));
  expect(await outcome({ reused: true, method: 'POST' }, farewell)).toBe(fine(2)); // the upstream says that it has seen no request
  expect(await outcome({ reused: true, method: 'PUT', body: 'whole' }, farewell)).toBe(`${CLOSED.end} (asked 1)`);
  expect(await outcome({ reused: false }, farewell)).toBe('408  (asked 1)');
});

it('nothing is left of all that', async () => {
  for (const proxy of [without, withRetries]) {
    await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
    expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
  }
});
