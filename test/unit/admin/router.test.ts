import { describe, expect, it } from 'vitest';
import { text } from '../../../src/admin/answer.ts';
import { parseIfMatch, versionMatches } from '../../../src/admin/if-match.ts';
import { operation, type Method } from '../../../src/admin/operation.ts';
import { NO_QUERY } from '../../../src/admin/operation-query.ts';
import { Router } from '../../../src/admin/router.ts';

const at = (method: Method, path: string) => operation({ method, path, summary: `${method} ${path}`, access: 'read', query: NO_QUERY, body: null, answers: [], handle: () => text(200, '') });
const ROUTER = new Router([
  at('GET', '/'), at('GET', '/config'), at('POST', '/config'), at('POST', '/config/rollback'), at('PATCH', '/clusters/{cluster}'), at('GET', '/clusters'),
  at('PATCH', '/clusters/{cluster}/endpoints/{endpoint}'), at('GET', '/requests/{id}'), at('GET', '/requests/recent'),
]);

describe('a router', () => {
  it.each([
    ['GET', '/config', 'GET /config', {}],
    ['POST', '/config', 'POST /config', {}],
    ['HEAD', '/config', 'GET /config', {}],
    ['PATCH', '/clusters/items', 'PATCH /clusters/{cluster}', { cluster: 'items' }],
    ['PATCH', '/clusters/a/endpoints/127.0.0.1:9001', 'PATCH /clusters/{cluster}/endpoints/{endpoint}', { cluster: 'a', endpoint: '127.0.0.1:9001' }],
    ['PATCH', '/clusters/a/endpoints/127.0.0.1%3A9001', 'PATCH /clusters/{cluster}/endpoints/{endpoint}', { cluster: 'a', endpoint: '127.0.0.1:9001' }],
    ['PATCH', '/clusters/a/endpoints/unix:%2Frun%2Fx.sock', 'PATCH /clusters/{cluster}/endpoints/{endpoint}', { cluster: 'a', endpoint: 'unix:/run/x.sock' }],
    ['PATCH', '/clusters/a/endpoints/%5B%3A%3A1%5D%3A80', 'PATCH /clusters/{cluster}/endpoints/{endpoint}', { cluster: 'a', endpoint: '[::1]:80' }],
    // Once: what was encoded twice stays encoded once.
    ['PATCH', '/clusters/a%252Fb', 'PATCH /clusters/{cluster}', { cluster: 'a%2Fb' }],
    ['PATCH', '/clusters/__proto__', 'PATCH /clusters/{cluster}', { cluster: '__proto__' }],
    // The word goes before the parameter.
    ['GET', '/requests/recent', 'GET /requests/recent', {}],
    ['GET', '/requests/17', 'GET /requests/{id}', { id: '17' }],
  ])('%s %s is %s', (method, path, summary, params) => {
    expect(ROUTER.find(method, path)).toMatchObject({ kind: 'operation', operation: { summary }, params });
  });

  it.each([
    ['/config/rolback', '/config/rollback'],
    ['/Clusters', '/clusters'],
    ['/config/', '/config'],
    ['/clusters/items/endpoint/a:1', '/clusters/items/endpoints/a:1'],
    ['/cluster/items', '/clusters/items'],
    ['/', undefined],
    ['/nothing/like/that', undefined],
    ['', '/'],
    ['/clusters/', '/clusters'],
    ['//clusters', '/clusters'],
    [`/${'x'.repeat(5000)}`, undefined],
  ])('%.40s is nothing, but near %s', (path, near) => {
    if (path === '/') expect(ROUTER.find('GET', path)).toMatchObject({ kind: 'operation' });
    else expect(ROUTER.find('GET', path)).toEqual({ kind: 'unknown', near });
  });

  it('says what a path takes', () => {
    expect(ROUTER.find('DELETE', '/config')).toEqual({ kind: 'wrongMethod', allow: 'GET, HEAD, POST, OPTIONS', template: '/config' });
    expect(ROUTER.find('OPTIONS', '/config/rollback')).toEqual({ kind: 'options', allow: 'POST, OPTIONS', template: '/config/rollback' });
    expect(ROUTER.find('HEAD', '/config/rollback')).toMatchObject({ kind: 'wrongMethod' });
    expect(ROUTER.find('get', '/config')).toMatchObject({ kind: 'wrongMethod' });
  });

  it('refuses what is not percent-encoded UTF-8', () => {
    for (const path of ['/%', '/%zz', '/clusters/%ff', '/clusters/%c0%af', '/clusters/%ed%a0%80']) expect(ROUTER.find('GET', path), path).toEqual({ kind: 'undecodable' });
  });

  it('is not made of operations that contradict each other', () => {
    expect(() => new Router([at('GET', '/a'), at('GET', '/a')])).toThrow('GET /a is there twice');
    expect(() => new Router([at('GET', '/a/{b}'), at('PATCH', '/a/{c}')])).toThrow('are the same path');
  });
});

describe('If-Match', () => {
  it.each([
    [undefined, null], ['*', '*'], [' * ', '*'], ['"7"', [7]], ['"7", "8"', [7, 8]], ['W/"7"', [-1]], ['"abc"', [-1]], ['""', [-1]], ['"1e3","7"', [-1, 7]],
    ['7', undefined], ['', undefined], ['"7', undefined], ['"7" "8"', undefined], ['*, "7"', undefined], ['"7",', undefined],
  ])('%j is %j', (header, expected) => {
    expect(parseIfMatch(header)).toEqual(expected);
  });

  it('names the version, any, or none', () => {
    expect([null, '*', [7], [6, 7]].map((header) => versionMatches(header as never, 7))).toEqual([true, true, true, true]);
    expect([[], [6], [-1]].map((header) => versionMatches(header, 7))).toEqual([false, false, false]);
  });
});
