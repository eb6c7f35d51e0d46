import { EITHER, REFUSED, REFUSED_LINE, line, type ClientCase, type Group } from '../case.ts';

const target = (text: string): string => line(`GET ${text} HTTP/1.1`);

export const TARGET: Group<ClientCase> = {
  title: 'Target and path',
  about: 'The path is normalised once; the route is chosen by the same path that goes upstream. What a server further on could read in another way is refused.',
  reasons: ['target', 'path'],
  cases: [
    { id: 'C53', name: 'authority-form', rfc: 'RFC9112 3.2.3', bytes: target('a.test:80'), allow: REFUSED_LINE },
    { id: 'C55', name: 'OPTIONS *', rfc: 'RFC9112 3.2.4', bytes: line('OPTIONS * HTTP/1.1'), allow: [200, 204, 400, 404, 501, 505, 'close'] },
    { id: 'C58', name: 'a fragment', rfc: 'RFC9112 3.2.1; CVE-2021-32779 (Envoy)', bytes: target('/public#/../admin'), allow: EITHER },
    { id: 'C59', name: 'DEL and a byte above 0x7f', rfc: 'RFC3986 2; RFC9112 3.2', bytes: target('/a\x7fb\xff'), allow: REFUSED_LINE },
    { id: 'C60', name: 'a control byte', rfc: 'RFC9112 3.2', bytes: target('/a\x01b'), allow: REFUSED_LINE },
    { id: 'C61', name: 'dot segments and an escaped slash', rfc: 'RFC3986 6.2.2; CVE-2019-9901, CVE-2021-29492 (Envoy)', bytes: target('/public/..%2fadmin/%2e%2e/x'), allow: [400, 200, 301, 307, 403, 404] },
    { id: 'C62', name: 'an escaped NUL', rfc: 'RFC3986 7.3', bytes: target('/a%00b'), allow: [400] },
    { id: 'C63', name: 'a backslash', rfc: 'RFC3986 2', bytes: target('/a\\..\\b'), allow: [400, 200] },
    ...[
      ['/public/../p', '/p', 'a dot segment'], ['/./p', '/p', 'a segment of one dot'], ['/a/b/../../p', '/p', 'two dot segments'], ['/../../p', '/p', 'dot segments above the root'], ['/x/%2e%2e/p', '/p', 'an escaped dot segment'], ['/x/%2E./p', '/p', 'a half-escaped dot segment'], ['/x/.%2e/p', '/p', 'the other half-escaped dot segment'],
      ['/x/..', '/', 'a dot segment at the end'], ['/p/.', '/p/', 'one dot at the end'],
    ].map(([sent, seen, name], i): ClientCase => ({ id: `TG-${i + 1}`, name: String(name), rfc: 'RFC3986 5.2.4, 6.2.2', bytes: target(String(sent)), allow: EITHER, target: String(seen) })),
    ...[
      ['/p?..%2f..%2f', 'a query is left alone'], ['/p?a=/../b', 'dot segments in a query'], ['/p??', 'a question mark in a query'], ['/p?%00', 'an escaped NUL in a query'], ['/p?a=%zz', 'a malformed escape in a query'], ['/p;v=1', 'a parameter of a segment'], ["/!$&'()*+,;=:@-._~", 'every character that a path may have'], ['/...', 'three dots'], ['/.p', 'a name with a dot'],
    ].map(([text, name], i): ClientCase => ({ id: `TG-${i + 20}`, name: String(name), rfc: 'RFC3986 3.3, 3.4', bytes: target(String(text)), allow: EITHER, target: String(text) })),
    ...[
      ['/a%2fb', 'an escaped slash'], ['/a%2Fb', 'an escaped slash in capitals'], ['/a%5cb', 'an escaped backslash'], ['/a%5C..%5Cb', 'escaped backslashes and dots'], ['/a%zz', 'an escape of no digits'], ['/a%', 'a percent sign at the end'], ['/a%2', 'half an escape'], ['/a%u0041', 'an escape of another standard'], ['/..%00/p', 'an escaped NUL behind dots'], ['/a%%2e', 'two percent signs'],
    ].map(([text, name], i): ClientCase => ({ id: `TG-${i + 40}`, name: String(name), rfc: 'RFC3986 2.1, 2.2, 7.3', bytes: target(String(text)), allow: [400] })),
    { id: 'TG-60', name: 'a space', rfc: 'RFC9112 3.2', bytes: target('/a b'), allow: REFUSED_LINE },
    { id: 'TG-61', name: 'a tab', rfc: 'RFC9112 3.2', bytes: target('/a\tb'), allow: REFUSED_LINE },
    { id: 'TG-62', name: 'a NUL', rfc: 'RFC9112 3.2', bytes: target('/a\0b'), allow: REFUSED_LINE },
    { id: 'TG-63', name: 'UTF-8 that is not escaped', rfc: 'RFC3986 2', bytes: target('/\xc3\xa9'), allow: REFUSED_LINE },
    { id: 'TG-64', name: 'an empty target', rfc: 'RFC9112 3.2', bytes: 'GET  HTTP/1.1\r\nHost: a.test\r\n\r\n', allow: REFUSED_LINE },
    { id: 'TG-65', name: 'no slash', rfc: 'RFC9112 3.2.1', bytes: target('p'), allow: REFUSED_LINE },
    { id: 'TG-66', name: 'an asterisk with GET', rfc: 'RFC9112 3.2.4', bytes: target('*'), allow: REFUSED_LINE },
    { id: 'TG-67', name: 'a query alone', rfc: 'RFC9112 3.2.1', bytes: target('?a=b'), allow: REFUSED_LINE },
    { id: 'TG-68', name: 'absolute-form', rfc: 'RFC9112 3.2.2 (MUST accept)', bytes: target('http://a.test/p'), allow: [200], target: '/p', gap: { rule: 'noAbsoluteForm', today: [505] } },
    { id: 'TG-69', name: 'absolute-form of another scheme', rfc: 'RFC9112 3.2.2', bytes: target('ftp://a.test/p'), allow: REFUSED_LINE },
    { id: 'TG-70', name: 'absolute-form with a user', rfc: 'RFC9110 4.2.4', bytes: target('http://user@a.test/p'), allow: REFUSED_LINE },
    { id: 'TG-71', name: 'a path that a redirect could take for a host', rfc: 'RFC3986 4.2', bytes: target('//evil.test/p'), allow: EITHER },
    { id: 'TG-72', name: 'a path of slashes', rfc: 'RFC3986 3.3', bytes: target('////'), allow: EITHER },
    { id: 'TG-73', name: 'a fragment in a query', rfc: 'RFC9112 3.2.1', bytes: target('/p?a#b'), allow: EITHER },
    { id: 'TG-74', name: 'a fragment alone', rfc: 'RFC9112 3.2.1', bytes: target('/#'), allow: EITHER },
    { id: 'TG-75', name: 'a version inside the target', rfc: 'RFC9112 3', bytes: line('GET /p HTTP/1.1 HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'TG-76', name: 'a request line in the query, escaped', rfc: 'RFC3986 2.1', bytes: target('/p?x=%20HTTP/1.1%0d%0aHost:%20evil.test'), allow: [200], target: '/p?x=%20HTTP/1.1%0d%0aHost:%20evil.test' },
    { id: 'TG-77', name: 'escaped control bytes in the path', rfc: 'RFC3986 7.3; CWE-93', bytes: target('/p%0d%0aX-Evil:%201'), allow: EITHER, absent: ['x-evil'] },
    { id: 'TG-78', name: 'a double escape is not unescaped twice', rfc: 'RFC3986 2.4', bytes: target('/a%252e%252e/b'), allow: EITHER, target: '/a%252e%252e/b' },
    { id: 'TG-79', name: 'an over-long encoding of a dot', rfc: 'RFC3629 3', bytes: target('/%c0%ae%c0%ae/p'), allow: EITHER },
    { id: 'TG-80', name: 'dots and a parameter', rfc: 'RFC3986 3.3; CVE-2007-0450 (Tomcat)', bytes: target('/public/..;/admin'), allow: EITHER },
    { id: 'TG-81', name: 'characters that no URI has', rfc: 'RFC3986 2', bytes: target('/<>"{}|^`'), allow: EITHER },
    { id: 'TG-82', name: 'a path of a file system', rfc: 'RFC9110 4', bytes: target('/C:\\windows\\win.ini'), allow: EITHER },
    { id: 'TG-83', name: 'X-Original-URL does not route', rfc: 'Symfony CVE-2018-14773', bytes: line('GET /p HTTP/1.1', ['X-Original-URL: /admin', 'X-Rewrite-URL: /admin']), allow: [200], target: '/p' },
    { id: 'TG-84', name: 'a refused target before a smuggled request', rfc: 'RFC9112 3.2', bytes: `${target('/a%00b')}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n`, allow: REFUSED },
  ],
};
