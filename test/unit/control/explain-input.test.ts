import { describe, expect, it } from 'vitest';
import { explainBody, isBadQuestion, questionOf } from '../../../src/control/explain/input.ts';
import type { Config, ListenerConfig } from '../../../src/config/types.ts';
import { MINIMAL_CONFIG } from '../config/support.ts';

const [web] = MINIMAL_CONFIG.listeners;
if (web === undefined) throw new Error('no listener');
const tls: ListenerConfig = { ...web, name: 'secure', host: '::1', port: 8443, tls: { certificates: [] } };
const CONFIG: Config = { ...MINIMAL_CONFIG, listeners: [web, tls] };

const ask = (body: object) => questionOf(CONFIG, [{ name: 'web', port: 4321 }], explainBody.parse(body));
const headOf = (body: object) => {
  const question = ask(body);
  if (isBadQuestion(question)) throw new Error(question.message);
  return { listener: question.listener.name, target: question.head.target, headers: question.head.headers };
};
const problemOf = (body: object) => {
  const question = ask(body);
  return isBadQuestion(question) ? question.path : null;
};

describe('the request that is asked about', () => {
  it('is a GET of / on localhost unless it says more', () => {
    expect(headOf({})).toEqual({ listener: 'web', target: '/', headers: [['host', 'localhost']] });
  });

  it.each([
    ['http://a.test/x?y', '/x?y', 'a.test', 'web'],
    ['https://A.test:8443', '/', 'A.test:8443', 'secure'],
    ['http://a?q=1', '/?q=1', 'a', 'web'],
    ['http://a/%2e/../x', '/%2e/../x', 'a', 'web'],
  ])('takes the url %s as it stands', (url, target, host, listener) => {
    expect(headOf({ url })).toEqual({ listener, target, headers: [['host', host]] });
  });

  it('takes a path for a url, and the host from where it is given', () => {
    expect(headOf({ url: '/x', headers: { Host: ' h ' } })).toEqual({ listener: 'web', target: '/x', headers: [['host', 'h']] });
    expect(headOf({ host: 'a', headers: [['Host', 'b'], ['X-A', '\t1 '], ['x-a', '2']] }).headers).toEqual([['host', 'a'], ['host', 'b'], ['x-a', '1'], ['x-a', '2']]);
  });

  it.each(['web', ':4321', '4321', '127.0.0.1:4321'])('finds the listener %s by the port that it really has', (listener) => {
    expect(headOf({ listener }).listener).toBe('web');
  });

  it('finds a listener by its address, and by whether it speaks TLS', () => {
    expect(headOf({ listener: '[::1]:8443' }).listener).toBe('secure');
    expect(headOf({ tls: true }).listener).toBe('secure');
    expect(headOf({ url: 'https://a/', listener: 'web' }).listener).toBe('web');
  });

  it.each([
    [{ url: 'ftp://a/' }, 'url'],
    [{ url: 'a/b' }, 'url'],
    [{ url: 'http://a/#x' }, 'url'],
    [{ url: '/', path: '/' }, 'url'],
    [{ listener: 'nope' }, 'listener'],
    [{ listener: 'web', tls: true }, 'listener'],
  ])('is refused with its place: %j', (body, path) => {
    expect(problemOf(body)).toBe(path);
  });
});
