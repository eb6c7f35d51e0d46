/** What a route changes: headers on both sides, host, path; and redirects. */
import { beforeAll, describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

let origin: Origin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await Origin.start({ answer: (_request, connection) => connection.send(ok('ok', 'X-Set: old\r\nX-Gone: 1\r\nX-Add: first\r\n')) });
  const cluster = 'up';
  const edits = { set: { 'x-set': 'new' }, add: { 'x-add': ['a', 'b'] }, remove: ['x-gone'] };
  const redirect = (path: string, action: object) => ({ match: { pathPrefix: path }, redirect: action });
  proxy = await Millrace.start({
    routes: {
      main: [
        {
          hosts: ['*'],
          routes: [
            { match: { pathPrefix: '/request' }, cluster, requestHeaders: edits },
            { match: { pathPrefix: '/response' }, cluster, responseHeaders: edits },
            { match: { pathPrefix: '/host' }, cluster, rewrite: { host: 'inner.test' } },
            { match: { pathPrefix: '/api' }, cluster, rewrite: { prefix: '/v2/items' } },
            { match: { pathPrefix: '/root' }, cluster, rewrite: { prefix: '/' } },
            { match: { pathPrefix: '/slash/' }, cluster, rewrite: { prefix: '/s' } },
            { match: { pathPrefix: '/fixed' }, cluster, rewrite: { path: '/always' } },
            redirect('/r/https', { scheme: 'https' }),
            redirect('/r/https-port', { scheme: 'https', port: 8443, status: 301 }),
            redirect('/r/host', { host: 'other.test', status: 302 }),
            redirect('/r/path', { path: '/fixed', status: 303 }),
            redirect('/r/prefix', { prefix: '/new', status: 307 }),
            redirect('/r/strip', { host: 'other.test', stripQuery: true }),
            { cluster },
          ],
        },
      ],
    },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

describe('header edits', () => {
  it('set, add and remove request headers', async () => {
    await request(proxy.port(), '/request', { headers: [['X-Set', 'old'], ['X-Set', 'older'], ['X-Add', 'first'], ['X-Gone', '1']] });
    expect(origin.last.all('x-set')).toEqual(['new']);
    expect(origin.last.all('x-add')).toEqual(['first', 'a', 'b']);
    expect(origin.last.all('x-gone')).toEqual([]);
  });

  it('set, add and remove response headers', async () => {
    const answer = await request(proxy.port(), '/response');
    expect(answer.all('x-set')).toEqual(['new']);
    expect(answer.all('x-add')).toEqual(['first', 'a', 'b']);
    expect(answer.all('x-gone')).toEqual([]);
  });

  it('of one route leave other routes alone', async () => {
    const answer = await request(proxy.port(), '/', { headers: { 'X-Set': 'mine' } });
    expect(origin.last.header('x-set')).toBe('mine');
    expect(answer.all('x-gone')).toEqual(['1']);
  });
});

describe('rewrite', () => {
  it('of the host replaces it upstream and keeps what the client asked for', async () => {
    await request(proxy.port(), '/host');
    expect(origin.last.header('host')).toBe('inner.test');
    expect(origin.last.header('x-forwarded-host')).toBe('a.test');
  });

  it.each([
    ['/api', '/v2/items'],
    ['/api/', '/v2/items/'],
    ['/api/1/x?q=1', '/v2/items/1/x?q=1'],
    ['/root', '/'],
    ['/root/a', '/a'],
    ['/slash/a', '/s/a'],
    ['/fixed/1/2?q', '/always?q'],
  ])('turns %s into %s', async (target, wanted) => {
    await request(proxy.port(), target);
    expect(origin.last.target).toBe(wanted);
  });
});

describe('redirect', () => {
  it.each([
    ['/r/https/a?b=c', 308, 'https://a.test/r/https/a?b=c'],
    ['/r/https-port/a', 301, 'https://a.test:8443/r/https-port/a'],
    ['/r/host/a', 302, 'http://other.test/r/host/a'],
    ['/r/path/a?q', 303, 'http://a.test:81/fixed?q'],
    ['/r/prefix/a/b', 307, 'http://a.test:81/new/a/b'],
    ['/r/strip/a?b=c', 308, 'http://other.test/r/strip/a'],
  ])('of %s is %i to %s', async (target, status, location) => {
    const answer = await request(proxy.port(), target, { headers: { Host: 'a.test:81' } });
    expect([answer.status, answer.header('location'), answer.body.length]).toEqual([status, location, 0]);
  });

  it('answers a POST with a body too', async () => {
    const answer = await request(proxy.port(), '/r/prefix/a', { method: 'POST', body: 'x'.repeat(10_000) });
    expect(answer.status).toBe(307);
  });
});
