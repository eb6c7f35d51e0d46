import { REFUSED, get, hosted, line, type ClientCase, type Group } from '../case.ts';

const REFUSED_HOST = [400, 421, 'close'] as const;

export const HOST: Group<ClientCase> = {
  title: 'Host',
  about: 'Exactly one, not empty, a name or an address with an optional port. It decides the route, and the upstream gets the same one.',
  reasons: ['host', 'missingHost', 'repeatedHost', 'headerValue'],
  cases: [
    { id: 'C47', name: 'two Host lines', rfc: 'RFC9112 3.2', bytes: get(['Host: b.test']), allow: REFUSED },
    { id: 'C49', name: 'a path and an at sign', rfc: 'RFC9112 3.2, RFC3986 3.2.2', bytes: hosted('Host: a.test/../b@c'), allow: REFUSED_HOST },
    { id: 'C50', name: 'two names', rfc: 'RFC9112 3.2', bytes: hosted('Host: a.test b.test'), allow: REFUSED_HOST },
    { id: 'C51', name: 'an empty Host', rfc: 'RFC9112 3.2', bytes: hosted('Host:'), allow: [...REFUSED_HOST, 404] },
    { id: 'C119', name: 'a list of names', rfc: 'RFC9110 7.2', bytes: hosted('Host: a.test, b.test'), allow: [...REFUSED_HOST, 404] },
    { id: 'HO-1', name: 'no Host', rfc: 'RFC9112 3.2', bytes: hosted('X-A: b'), allow: REFUSED },
    { id: 'HO-2', name: 'no Host and no field at all', rfc: 'RFC9112 3.2', bytes: 'GET /p HTTP/1.1\r\n\r\n', allow: REFUSED },
    { id: 'HO-3', name: 'two equal Host lines', rfc: 'RFC9112 3.2', bytes: get(['Host: a.test']), allow: REFUSED },
    { id: 'HO-4', name: 'two Host lines in different case', rfc: 'RFC9112 3.2', bytes: get(['hOST: b.test']), allow: REFUSED },
    { id: 'HO-5', name: 'two Host lines far apart', rfc: 'RFC9112 3.2', bytes: get([...Array.from({ length: 30 }, (_, i) => `X-${i}: ${i}`), 'HOST: b.test']), allow: REFUSED },
    { id: 'HO-6', name: 'a Host, and one with a space before its colon', rfc: 'RFC9112 5.1', bytes: get(['Host : b.test']), allow: REFUSED },
    { id: 'HO-7', name: 'a Host, and an indented one', rfc: 'RFC9112 5.2', bytes: get([' Host: b.test']), allow: REFUSED },
    { id: 'HO-8', name: 'an empty Host, then a real one', rfc: 'RFC9112 3.2', bytes: 'GET /p HTTP/1.1\r\nHost:\r\nHost: a.test\r\n\r\n', allow: REFUSED },
    ...[
      ['a.test:', 'an empty port'], ['a.test:80', 'a port'], ['a.test:0', 'port 0'], ['A.TEST', 'capitals'], ['127.0.0.1:8080', 'an IPv4 address'], ['[::1]', 'an IPv6 address'], ['[::1]:8080', 'an IPv6 address with a port'],
      ['a.test.', 'a dot at the end'], ['xn--bcher-kva.test', 'an encoded name'], ['a_b.test', 'an underscore'], ['-', 'one hyphen'],
      ['%61.test', 'an escape'], ['a,b', 'a comma'], ['a;b', 'a semicolon'], ['a=b', 'an equals sign'], ["a'b", 'an apostrophe'], ['(a)', 'parentheses'], ['$(a)', 'a command of a shell'], ['*', 'a wildcard that routes know'], ['*.test', 'a wildcard in front'],
    ].map(([host = '', name = ''], i): ClientCase => ({ id: `HO-${i + 10}`, name: `a Host with ${name}`, rfc: 'RFC3986 3.2.2', bytes: hosted(`Host: ${host}`), allow: [200, ...REFUSED_HOST], kept: { host } })),
    ...[
      [':80', 'only a port'], ['a.test:-1', 'a negative port'], ['a.test:8a', 'a port that is no number'], ['a.test:80:80', 'two ports'], ['a.test:000000000080', 'a port of 12 digits'], ['user@a.test', 'a user'],
      ['user:pass@a.test', 'a user and a password'], ['a.test/', 'a slash'], ['a.test?x', 'a query'], ['a.test#x', 'a fragment'], ['http://a.test', 'a scheme'], ['[::1', 'a bracket that is not closed'], ['::1', 'an IPv6 address without brackets'], ['[::1]x', 'text behind the bracket'],
      ['[gg::1]', 'an IPv6 address that is none'], ['[]', 'empty brackets'], ['[::1%25eth0]', 'a zone'], ['a.test]', 'a bracket too many'], ['[a.test]', 'a name in brackets'], ['a.test\\b', 'a backslash'], ['"a.test"', 'quotes'], ['<a.test>', 'angle brackets'], ['a.test|b', 'a bar'], ['a^b', 'a caret'], ['a`b', 'a backtick'], ['{a}', 'braces'],
      ['a.test\x00', 'a NUL'], ['a\x00.test', 'a NUL inside'], ['a.test\x7f', 'DEL'], ['a\xc3\xa4.test', 'a letter that is not ASCII inside'], ['a.test\tb', 'a tab'], 
      [`${'a'.repeat(300)}.test`, '305 characters'], ['.', 'a dot alone'], 
      ['a.test:99999', 'a port above 65535'], ['a.test:65536', 'port 65536'], ['\xc3\xa4.test', 'a letter that is not ASCII in front'], ['..', 'two dots'], ['.a.test', 'a dot in front'], ['a..test', 'two dots inside'], ['a%00.test', 'an escaped NUL'], ['a%2f.test', 'an escaped slash'], ['a%zz.test', 'a malformed escape'], ['a.test..', 'two dots at the end'],
      ['${jndi:ldap://x}', 'a look-up of a logger'],
    ].map(([host, name], i): ClientCase => ({ id: `HO-${i + 30}`, name: `a Host with ${name}`, rfc: 'RFC9112 3.2, RFC3986 3.2.2', bytes: hosted(`Host: ${host}`), allow: REFUSED_HOST })),
    { id: 'HO-90', name: 'a target of another host in absolute form', rfc: 'RFC9112 3.2.2 (the target wins)', bytes: line('GET http://b.test/p HTTP/1.1'), allow: [200, 400, 421], kept: { host: 'b.test' }, gap: { rule: 'noAbsoluteForm', today: [505] } },
    { id: 'HO-91', name: 'X-Forwarded-Host does not route', rfc: 'RFC7239 8', bytes: get(['X-Forwarded-Host: b.test', 'X-Host: b.test', 'X-Original-Host: b.test']), allow: [200], kept: { host: 'a.test', 'x-forwarded-host': 'a.test' } },
  ],
};
