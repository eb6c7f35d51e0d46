import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

let origin: Origin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await Origin.start();
  proxy = await Millrace.start(proxyTo([origin.address]));
});

describe('request', () => {
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'M-SEARCH', 'X-OWN'])('is forwarded with method %s', async (method) => {
    expect((await request(proxy.port(), '/a', { method })).status).toBe(200);
    expect(origin.last.head.startLine).toBe(`${method} /a HTTP/1.1`);
  });

  it.each(['TRACE'])('with method %s is refused', async (method) => {
    const before = origin.requests.length;
    const answer = await request(proxy.port(), '/a', { method });
    expect(answer.status).toBe(405);
    expect(answer.header('allow')).toContain('GET');
    expect(origin.requests.length).toBe(before);
  });

  it('keeps query and path as they came', async () => {
    await request(proxy.port(), '/a%20b/c;d=1,2/~x?q=%2F..%2f&q=a+b?c&=');
    expect(origin.last.target).toBe('/a%20b/c;d=1,2/~x?q=%2F..%2f&q=a+b?c&=');
  });

  it.each(['/a?', '/a??', '/?'])('keeps the mark of an empty query, which another cache key may depend on: %s', async (target) => {
    await request(proxy.port(), target);
    expect(origin.last.target).toBe(target);
  });

  it('has its dot segments removed before it is routed and forwarded', async () => {
    await request(proxy.port(), '/a/../b/./c/%2e%2e/d');
    expect(origin.last.target).toBe('/b/d');
  });

  it('keeps end-to-end headers, in order, repeated ones apart', async () => {
    await request(proxy.port(), '/', { headers: [['X-One', '1'], ['Accept', 'text/html, */*;q=0.1'], ['X-Two', 'a'], ['X-Two', 'b'], ['Cookie', 'a=1; b=2']] });
    const shown = origin.last.head.fields.filter(([name]) => /^(x-one|accept|x-two|cookie)$/i.test(name)).map(([name, value]) => [name.toLowerCase(), value]);
    expect(shown).toEqual([['x-one', '1'], ['accept', 'text/html, */*;q=0.1'], ['x-two', 'a'], ['x-two', 'b'], ['cookie', 'a=1; b=2']]);
  });

  it('loses hop-by-hop headers and those that Connection names', async () => {
    await request(proxy.port(), '/', {
      headers: [
        ['Connection', 'keep-alive, X-Private'], ['X-Private', 'secret'], ['Keep-Alive', 'timeout=5'], ['Proxy-Connection', 'keep-alive'],
        ['Proxy-Authorization', 'Basic eDp5'], ['TE', 'trailers'], ['Trailer', 'X-T'], ['Upgrade', 'h2c'], ['HTTP2-Settings', 'AAMAAABk'], ['X-Kept', 'yes'],
      ],
    });
    const names = origin.last.head.fields.map(([name]) => name.toLowerCase());
    for (const name of ['connection', 'x-private', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'trailer', 'upgrade', 'http2-settings']) expect(names).not.toContain(name);
    expect(names).toContain('x-kept');
  });

  it('cannot make Connection remove what the proxy itself says', async () => {
    await request(proxy.port(), '/', { headers: { Connection: 'close, X-Forwarded-For, Host, X-Request-Id, Authorization', Authorization: 'Basic eDp5' } });
    expect(origin.last.header('host')).toBe('a.test');
    expect(origin.last.header('x-forwarded-for')).toBe('127.0.0.1');
    expect(origin.last.header('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('loses header names with an underscore, which some upstreams cannot tell from a dash', async () => {
    await request(proxy.port(), '/', { headers: { X_Real_Ip: '1', 'X-Kept': '2' } });
    expect(origin.last.header('x_real_ip')).toBeUndefined();
    expect(origin.last.header('x-kept')).toBe('2');
  });

  it('keeps its Host, port included', async () => {
    await request(proxy.port(), '/', { headers: { Host: 'Shop.Example:8443' } });
    expect(origin.last.header('host')).toBe('Shop.Example:8443');
  });

  it('with Content-Length has one at the upstream', async () => {
    await request(proxy.port(), '/', { method: 'POST', body: 'hello' });
    expect(origin.last.header('content-length')).toBe('5');
    expect(origin.last.header('transfer-encoding')).toBeUndefined();
    expect(origin.last.text).toBe('hello');
  });

  it('with an empty body says so', async () => {
    await request(proxy.port(), '/', { method: 'POST', body: '' });
    expect(origin.last.header('content-length')).toBe('0');
  });

  it('that expects 100-continue is told to go on, and the upstream is not asked', async () => {
    const client = await RawClient.connect({ port: proxy.port() });
    client.send('POST /expect HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    expect((await client.response()).status).toBe(100);
    client.send('hello');
    expect((await client.response()).status).toBe(200);
    expect(origin.last.header('expect')).toBeUndefined();
    expect(origin.last.text).toBe('hello');
  });
});

describe('answer', () => {
  const answering = async (bytes: string, target = '/', options = {}) => {
    origin.answer = (_request, connection) => connection.send(bytes);
    return request(proxy.port(), target, options);
  };

  it('keeps status, reason, order and spelling of its headers', async () => {
    const answer = await answering('HTTP/1.1 207 Many Things\r\nX-One: 1\r\nETag: "a"\r\nx-lower: b\r\nX-One: 2\r\nContent-Length: 2\r\n\r\nok');
    expect(answer.head.startLine).toBe('HTTP/1.1 207 Many Things');
    expect(answer.head.fields.slice(0, 4)).toEqual([['X-One', '1'], ['ETag', '"a"'], ['x-lower', 'b'], ['X-One', '2']]);
    expect(answer.text).toBe('ok');
  });

  it('keeps several Set-Cookie apart', async () => {
    const answer = await answering(ok('ok', 'Set-Cookie: a=1; Path=/, x\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\n'));
    expect(answer.all('set-cookie')).toEqual(['a=1; Path=/, x', 'b=2', 'c=3']);
  });

  it('loses hop-by-hop headers and those that Connection names', async () => {
    const answer = await answering(ok('ok', 'Connection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\nTrailer: X\r\nX-Kept: 2\r\n'));
    const names = answer.head.fields.map(([name]) => name.toLowerCase());
    for (const name of ['x-private', 'keep-alive', 'trailer']) expect(names).not.toContain(name);
    expect(names).toContain('x-kept');
  });

  it('has one Date', async () => {
    const answer = await answering(ok('ok', 'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n'));
    expect(answer.all('date')).toHaveLength(1);
  });

  it('to HEAD keeps its Content-Length and has no body', async () => {
    origin.answer = (_request, connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nX-A: 1\r\n\r\n');
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/', { method: 'HEAD' }));
    const answer = await client.response({ toHead: true });
    expect(answer.header('content-length')).toBe('12345');
    origin.answer = (_request, connection) => connection.send(ok('next'));
    client.send(requestBytes('/'));
    expect((await client.response()).text).toBe('next');
  });

  it('to HEAD may come without a length', async () => {
    const answer = await answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '/', { method: 'HEAD' });
    expect(answer.status).toBe(200);
  });

  it.each([
    ['204', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'],
    ['304', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'],
  ])('%s has no body, and the connection goes on', async (status, bytes) => {
    const client = await RawClient.connect({ port: proxy.port() });
    origin.answer = (_request, connection) => connection.send(bytes);
    client.send(requestBytes('/'));
    const answer = await client.response();
    expect(answer.status).toBe(Number(status));
    if (status === '204') expect(answer.header('content-length')).toBeUndefined();
    origin.answer = (_request, connection) => connection.send(ok('next'));
    client.send(requestBytes('/'));
    expect((await client.response()).text).toBe('next');
  });

  it('of length 0 is complete at once', async () => {
    const answer = await answering('HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n');
    expect(answer.status).toBe(201);
    expect(answer.header('content-length')).toBe('0');
    expect(answer.header('location')).toBe('/x');
  });

  it('is preceded by no interim answer', async () => {
    const answer = await answering(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('final')}`);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('final');
  });

  it('without a reason is forwarded', async () => {
    const answer = await answering('HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok');
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('ok');
  });
});

describe('header values', () => {
  it.each([
    ['UTF-8', Buffer.from('a grüße 日本 z', 'utf8').toString('latin1')],
    ['latin1', 'gr\xfc\xdfe'],
    ['bytes that are neither', 'a\x80b\xff\xfec'],
    ['the replacement character in UTF-8', Buffer.from('a\ufffdb', 'utf8').toString('latin1')],
  ])('of %s pass unchanged in both directions', async (_name, value) => {
    origin.answer = (_request, connection) => connection.send(Buffer.from(ok('ok', `X-Text: ${value}\r\n`), 'latin1'));
    const answer = await request(proxy.port(), '/', { headers: { 'X-Text': value, 'X-Plain': 'p' } });
    expect(origin.last.header('x-text')).toBe(value);
    expect(origin.last.header('x-plain')).toBe('p');
    expect(answer.header('x-text')).toBe(value);
  });

  it('that repeat and are not UTF-8 are refused rather than changed', async () => {
    const before = origin.requests.length;
    const answer = await request(proxy.port(), '/', { headers: [['X-Text', 'a\xffb'], ['X-Text', 'b']] });
    if (answer.status === 200) expect(origin.last.all('x-text')).toEqual(['a\xffb', 'b']);
    else expect([answer.status, origin.requests.length]).toEqual([400, before]);
  });

  it('of requests lose bytes above 0x7f at their edges, which the listener takes for white space', async () => {
    await request(proxy.port(), '/', { headers: { 'X-Text': '\xe9a\xe9b\xe9' } });
    expect(origin.last.header('x-text')).toBe('a\xe9b');
  });
});
