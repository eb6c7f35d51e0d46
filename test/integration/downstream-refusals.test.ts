/** What a request is refused for: the answer, the count, the line in the log, and nothing upstream. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from '../support/client.ts';
import { Millrace, proxyTo, type LogLine } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

let origin: Origin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await Origin.start();
  const listener = { address: '127.0.0.1:0', routes: 'main' };
  proxy = await Millrace.start(
    proxyTo([origin.address], {
      limits: { maxRequestHead: '8KiB', maxRequestTarget: '1KiB', maxRequestHeader: '2KiB', maxRequestHeaders: 20 },
      listeners: [
        { name: 'web', ...listener, underscoresInHeaders: 'reject' },
        { name: 'roomy', ...listener, maxRequestHead: '32KiB' },
        // Nothing here needs the client's address.
        { name: 'addressless', ...listener, forwarded: { headers: false } },
      ],
    }),
  );
});

/** Everything that comes back for these bytes, and the end of the connection. */
async function send(bytes: string, listener = 'web') {
  const client = await RawClient.connect({ port: proxy.port(listener) });
  client.send(bytes);
  const answer = await client.response();
  if (answer.status >= 400) await client.end();
  return answer;
}

const head = (lines: string[], start = 'GET / HTTP/1.1'): string => [start, ...lines, '', ''].join('\r\n');
const HOST = 'Host: a.test';
const many = (n: number): string[] => Array.from({ length: n }, (_, i) => `x-${i}: y`);

/** Lines that the log must have. */
const expected: Record<string, unknown>[] = [];

describe('a request is refused with its reason', () => {
  it.each<[reason: string, status: number, bytes: string]>([
    ['method', 400, head([HOST], 'G@T / HTTP/1.1')],
    ['methodRefused', 405, head([HOST], 'TRACE / HTTP/1.1')],
    ['methodRefused', 405, head([HOST], 'CONNECT /a HTTP/1.1')],
    ['target', 400, head([HOST], 'GET /a#b HTTP/1.1')],
    ['targetTooLong', 414, head([HOST], `GET /${'a'.repeat(1024)} HTTP/1.1`)],
    ['path', 400, head([HOST], 'GET /a%2Fb HTTP/1.1')],
    ['path', 400, head([HOST], 'GET /a%00b HTTP/1.1')],
    ['host', 400, head(['Host: a.test:65536'])],
    ['host', 400, head(['Host: u@a.test'])],
    ['host', 400, head(['Host: [1::2::3]'])],
    ['host', 400, head(['Host: a.test, b.test'])],
    ['underscore', 400, head([HOST, 'X_User: me'])],
    ['repeatedHeader', 400, head([HOST, 'Authorization: Basic a', 'Authorization: Basic b'])],
    ['tooManyHeaders', 431, head([HOST, ...many(20)])],
    ['headerTooLong', 431, head([HOST, `x: ${'y'.repeat(2 * 1024)}`])],
    ['headTooLarge', 431, head([HOST, ...many(10).map((line) => line + 'z'.repeat(1000))])],
    ['contentLength', 400, head([HOST, 'Content-Length: 5', 'Content-Length: 5'], 'POST / HTTP/1.1') + 'hello'],
    ['transferEncoding', 400, head([HOST, 'Transfer-Encoding: chunked, chunked'], 'POST / HTTP/1.1') + '0\r\n\r\n'],
    ['unknownTransferCoding', 501, head([HOST, 'Transfer-Encoding: gzip'], 'POST / HTTP/1.1') + '0\r\n\r\n'],
    ['connectionOptions', 400, head([HOST, 'Connection: close; x'])],
    ['expectation', 417, head([HOST, 'Expect: a-miracle'])],
    ['maxForwards', 400, head([HOST, 'Max-Forwards: many'], 'OPTIONS / HTTP/1.1')],
  ])('%s: %i', async (reason, status, bytes) => {
    const before = await proxy.metric('millrace_downstream_protocol_errors_total', { reason });
    const flags = await proxy.metric('millrace_request_outcomes_total', { flag: 'DPE' });
    const forwarded = origin.requests.length;
    const answer = await send(bytes);
    expect([answer.status, answer.header('connection'), answer.header('content-type')]).toEqual([status, 'close', 'text/plain; charset=utf-8']);
    expect(answer.text).toMatch(/^[ -~]{10,120}\n$/);
    expect(await proxy.metric('millrace_downstream_protocol_errors_total', { reason })).toBe(before + 1);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'DPE' })).toBe(flags + 1);
    expect(origin.requests).toHaveLength(forwarded);
    expected.push({ reason, level: 'info', status, listener: 'web', peer: '127.0.0.1', method: bytes.split(' ')[0], target: expect.stringMatching(/^\/[!-~]*$/) as string, msg: `request refused: ${answer.text.trimEnd()}` });
  });

  it('and a line in the log for each, within a second or two', async () => {
    await eventually(() => expect(proxy.log).toEqual(expect.arrayContaining(expected.map((fields) => expect.objectContaining(fields) as LogLine))));
    expect(proxy.log.filter(({ msg }) => msg.startsWith('request refused'))).toHaveLength(expected.length);
  });

  it('of a listener that has no use for the address, too', async () => {
    const lines = proxy.log.length;
    expect((await send(head(['Host: @']), 'addressless')).status).toBe(400);
    const line = await eventually(() => found(lines, 'addressless'));
    expect(line.peer).toBe('127.0.0.1');
    expect((await request(proxy.port('addressless'), '/')).status).toBe(200);
  });

  it('and the limit of its listener', async () => {
    expect((await send(head([HOST, ...many(10).map((line) => line + 'z'.repeat(1000))]), 'roomy')).status).toBe(200);
  });
});

function found(from: number, listener: string): LogLine {
  const line = proxy.log.slice(from).find((entry) => entry.listener === listener);
  if (line === undefined) throw new Error(`no line about ${listener}`);
  return line;
}

describe('the log', () => {
  it('shows what a client sends without doing what it says', async () => {
    const lines = proxy.log.length;
    await send(head([HOST], 'GET /\x7f[2J\xc3\xa9\\ HTTP/1.1'));
    const line = await eventually(() => found(lines, 'web'));
    expect([line.reason, line.target]).toEqual(['target', '/\\x7f[2J\\xc3\\xa9\\x5c']);
    expect(proxy.stderr).toBe('');
  });

  it('has at most ten lines of a reason in a second, and counts the others', async () => {
    const from = proxy.log.length;
    const before = await proxy.metric('millrace_downstream_protocol_errors_total', { reason: 'host' });
    for (let i = 0; i < 60; i++) await send(head(['Host: @']));
    const total = (): number =>
      proxy.log.slice(from).filter(({ reason }) => reason === 'host').reduce((sum, { count }) => sum + (typeof count === 'number' ? count : 1), 0);
    await eventually(() => {
      if (total() !== 60) throw new Error(`${total()} of 60`);
    });
    expect(proxy.log.slice(from).some(({ msg }) => /^\d+ more requests refused for this reason$/.test(msg))).toBe(true);
    expect(await proxy.metric('millrace_downstream_protocol_errors_total', { reason: 'host' })).toBe(before + 60);
    expect(await proxy.metric('millrace_log_incidents_dropped_total')).toBe(0);
  });

  it('has what was refused right before the end', async () => {
    const short = await Millrace.start(proxyTo([origin.address]));
    const client = await RawClient.connect({ port: short.port() });
    client.send(head(['Host: @']));
    await client.end();
    short.signal('SIGTERM');
    await short.exited;
    expect(short.log.filter(({ reason }) => reason === 'host')).toHaveLength(1);
  });
});

it('a header of one value may come twice with the same one', async () => {
  const from = origin.requests.length;
  expect((await send(head([HOST, 'Authorization: Basic a', 'authorization: Basic a', 'Cookie: a=1', 'Cookie: b=2']))).status).toBe(200);
  const lines = origin.requests[from]?.head.fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  expect(lines?.filter((line) => /^(authorization|cookie)/.test(line))).toEqual(['authorization: Basic a', 'cookie: a=1', 'cookie: b=2']);
});
