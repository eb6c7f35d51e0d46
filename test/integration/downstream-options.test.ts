/** What a listener chooses about paths, header names and methods, end to end: matched and forwarded are the same bytes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

let origin: Origin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await Origin.start();
  const listener = { address: '127.0.0.1:0', routes: 'main' };
  proxy = await Millrace.start({
    listeners: [
      { name: 'strict', ...listener },
      { name: 'keep', ...listener, paths: { escapedSlashes: 'keep', backslashes: 'keep', mergeSlashes: false } },
      { name: 'decode', ...listener, paths: { escapedSlashes: 'decode', backslashes: 'slash' } },
      { name: 'names', ...listener, underscoresInHeaders: ['x_tenant'] },
      { name: 'all-names', ...listener, underscoresInHeaders: true },
      { name: 'trace', ...listener, allowTrace: true },
    ],
    routes: {
      main: [
        {
          hosts: ['*'],
          routes: [
            { match: { pathPrefix: '/admin' }, respond: { status: 403 } },
            { match: { path: '/projects/a%2Fb' }, respond: { status: 200, body: 'project' } },
            { match: { pathPrefix: '/old' }, redirect: { prefix: '/new' } },
            { match: { pathPrefix: '/items', methods: ['GET', 'PUT'] }, cluster: 'up', rewrite: { prefix: '/things' } },
            { match: { pathPrefix: '/tenant', headers: { x_tenant: { present: true } } }, cluster: 'up' },
            { match: { pathPrefix: '/tenant' }, respond: { status: 404, body: 'whose?' } },
            { cluster: 'up', requestHeaders: { set: { 'x-user': 'proxy' } } },
          ],
        },
      ],
    },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

async function ask(listener: string, target: string, lines: string[] = [], method = 'GET') {
  const from = origin.requests.length;
  const client = await RawClient.connect({ port: proxy.port(listener) });
  client.send([`${method} ${target} HTTP/1.1`, 'Host: a.test', ...lines, '', ''].join('\r\n'));
  const answer = await client.response();
  await client.close();
  const forwarded = origin.requests[from];
  return { answer, status: answer.status, forwarded, target: forwarded?.target };
}

describe('a path', () => {
  it.each<[listener: string, sent: string, status: number, forwarded: string | undefined]>([
    ['strict', '/x/..//%61dmin', 403, undefined],
    ['strict', '/x%2F..%2Fadmin', 400, undefined],
    ['strict', '/x\\..\\admin', 400, undefined],
    ['strict', '/a%2fb', 400, undefined],
    ['strict', '/a;x/..;/b', 200, '/a;x/..;/b'],
    ['strict', '/a//b/./c?d=%2F//', 200, '/a/b/c?d=%2F//'],
    ['strict', '/items/%7e%c3%a9', 200, '/things/~%C3%A9'],
    ['keep', '/@scope%2fname', 200, '/@scope%2Fname'],
    ['keep', '/projects/a%2fb', 200, undefined],
    ['keep', '/a\\b%5cc', 200, '/a%5Cb%5Cc'],
    ['keep', '/a//b', 200, '/a//b'],
    ['keep', '/a//../admin', 200, '/a/admin'],
    ['keep', '/x%2F..%2Fadmin', 400, undefined],
    ['keep', '/x%2F../admin', 400, undefined],
    ['keep', '/x%2Fy/../admin', 403, undefined],
    ['keep', '/%00', 400, undefined],
    ['decode', '/x%2F..%2Fadmin', 403, undefined],
    ['decode', '/x%5C..\\admin', 403, undefined],
    ['decode', '/items%2F1', 200, '/things/1'],
    ['decode', '/projects/a%2Fb', 200, '/projects/a/b'],
  ])('of a listener (%s) in one form: %s', async (listener, sent, status, forwarded) => {
    const result = await ask(listener, sent);
    expect([result.status, result.target]).toEqual([status, forwarded]);
  });

  it('is redirected in that form', async () => {
    expect((await ask('strict', '/old//%61/../b?c')).answer.header('location')).toBe('http://a.test/new/b?c');
    expect((await ask('keep', '/old/a%2fb')).answer.header('location')).toBe('http://a.test/new/a%2Fb');
  });
});

describe('header names with an underscore', () => {
  const names = (forwarded: Awaited<ReturnType<typeof ask>>['forwarded']): string[] =>
    (forwarded?.head.fields ?? []).map(([name]) => name).filter((name) => !name.startsWith('x-forwarded-') && name !== 'x-request-id' && name !== 'host');

  it.each<[listener: string, lines: string[], expected: string[]]>([
    ['strict', ['x_tenant: a', 'x_b: b'], ['x-user']],
    ['names', ['x_tenant: a', 'x_b: b'], ['x_tenant', 'x-user']],
    ['names', ['x_tenant: a', 'x-tenant: b'], ['x-tenant', 'x-user']],
    ['all-names', ['x_tenant: a', 'x_b: b'], ['x_tenant', 'x_b', 'x-user']],
    ['all-names', ['x_forwarded_for: 1.1.1.1', 'content_length: 5', 'transfer_encoding: chunked'], ['x-user']],
    ['all-names', ['X_User: root', 'x_user: root'], ['x-user']],
  ])('never stand for another: %s %j', async (listener, lines, expected) => {
    expect(names((await ask(listener, '/', lines)).forwarded)).toEqual(expected);
  });

  it('that are dropped are not there for a route either, nor are those that Connection names', async () => {
    expect((await ask('names', '/tenant', ['x_tenant: a'])).status).toBe(200);
    expect((await ask('strict', '/tenant', ['x_tenant: a'])).status).toBe(404);
    expect((await ask('names', '/tenant', ['x_tenant: a', 'Connection: x_tenant'])).status).toBe(404);
  });
});

describe('methods', () => {
  it('that nobody knows pass', async () => {
    const { status, forwarded } = await ask('strict', '/', [], 'BREW');
    expect([status, forwarded?.method]).toEqual([200, 'BREW']);
  });

  it('TRACE and CONNECT get the methods that some route takes', async () => {
    const trace = await ask('strict', '/items/1', [], 'TRACE');
    expect([trace.status, trace.answer.header('allow'), trace.forwarded]).toEqual([405, 'GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS', undefined]);
    expect((await ask('strict', '/', [], 'CONNECT')).status).toBe(405);
    expect((await ask('strict', 'a.test:443', [], 'CONNECT')).status).toBe(505); // the listener's own answer
  });

  it('TRACE goes on where it is allowed, without credentials and one hop shorter', async () => {
    const { status, forwarded } = await ask('trace', '/', ['Authorization: Basic x', 'Cookie: a=b', 'Max-Forwards: 3', 'X-A: b'], 'TRACE');
    expect([status, forwarded?.method, forwarded?.header('max-forwards'), forwarded?.header('x-a')]).toEqual([200, 'TRACE', '2', 'b']);
    expect([forwarded?.header('authorization'), forwarded?.header('cookie')]).toEqual([undefined, undefined]);
  });

  it('OPTIONS and TRACE end here when they may go no further', async () => {
    const options = await ask('strict', '/items/1', ['Max-Forwards: 0'], 'OPTIONS');
    expect([options.status, options.answer.header('allow'), options.forwarded]).toEqual([204, 'GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS', undefined]);
    const trace = await ask('trace', '/x?y', ['Max-Forwards: 0', 'Authorization: Basic x', 'Cookie: a=b', 'X-A: b'], 'TRACE');
    expect([trace.status, trace.answer.header('content-type'), trace.forwarded]).toEqual([200, 'message/http', undefined]);
    expect(trace.answer.text).toBe('TRACE /x?y HTTP/1.1\r\nhost: a.test\r\nmax-forwards: 0\r\nx-a: b\r\n');
    expect((await ask('strict', '/', ['Max-Forwards: 1'], 'OPTIONS')).forwarded?.header('max-forwards')).toBe('0');
    expect((await ask('strict', '/', ['Max-Forwards: 0'])).forwarded?.header('max-forwards')).toBe('0'); // GET: not for us
  });
});

describe('bytes above 0x7f', () => {
  it('pass as they are, in UTF-8 or not', async () => {
    const value = 'caf\xe9 \xff\x80 \xc3\xa9.';
    expect((await ask('strict', '/', [`x-a: ${value}`])).forwarded?.header('x-a')).toBe(value);
    expect((await ask('strict', '/', ['x-a: v\xc3\xa9.', 'x-a: v\xc3\xa8.'])).forwarded?.all('x-a')).toEqual(['v\xc3\xa9.', 'v\xc3\xa8.']);
  });
});

it('nothing between two neighbours is passed on', async () => {
  const lines = ['TE: trailers', 'Trailer: x', 'Upgrade: h2c', 'HTTP2-Settings: AAMA', 'Keep-Alive: timeout=5', 'Proxy: http://x/', 'Proxy-Authorization: Basic x', 'Proxy-Connection: close', 'Expect: 100-continue', 'Connection: x-a, te, upgrade, host, authorization', 'X-A: 1', 'Authorization: Basic y'];
  const from = origin.requests.length;
  const client = await RawClient.connect({ port: proxy.port('strict') });
  client.send(['GET / HTTP/1.1', 'Host: a.test', ...lines, '', ''].join('\r\n'));
  expect((await client.response()).status).toBe(100);
  expect((await client.response()).status).toBe(200);
  const names = origin.requests[from]?.head.fields.map(([name]) => name).filter((name) => !name.startsWith('x-'));
  expect(names).toEqual(['host', 'authorization']);
  expect((await request(proxy.port('strict'), '/')).status).toBe(200);
});
