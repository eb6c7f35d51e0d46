import { POISON, type Group, type UpstreamCase } from '../case.ts';

const head = (line: string): string => `${line}\r\nContent-Length: 0\r\n\r\n`;

export const STATUS_LINE: Group<UpstreamCase> = {
  title: 'Status line and versions',
  about: 'HTTP/1.0 or HTTP/1.1, a space, three digits from 100 to 599, and a reason that is text; anything else is 502.',
  reasons: ['notHttp', 'badStatusLine', 'badVersion', 'badStatusCode', 'headTooLarge', 'bareLineFeed', 'truncated'],
  cases: [
    { id: 'U20', name: 'a status of two digits', rfc: 'RFC9112 4', bytes: head('HTTP/1.1 20 OK'), allow: [502], reuse: false },
    { id: 'U22', name: 'status 000', rfc: 'RFC9110 15', bytes: head('HTTP/1.1 000 X'), allow: [502], reuse: false },
    ...[
      ['HTTP/1.1 2000 OK', 'a status of four digits'], ['HTTP/1.1 099 X', 'status 099'], ['HTTP/1.1 600 X', 'status 600'], ['HTTP/1.1 999 X', 'status 999'], ['HTTP/1.1 2 OK', 'a status of one digit'], ['HTTP/1.1  200 OK', 'two spaces'], ['HTTP/1.1\t200 OK', 'a tab'], ['HTTP/1.1 200\tOK', 'a tab behind the status'], ['HTTP/1.1 +20 OK', 'a sign'],
      ['HTTP/1.1 -20 OK', 'a negative status'], ['HTTP/1.1 20x OK', 'a letter in the status'], ['HTTP/1.1 0xC8 OK', 'a hexadecimal status'], ['HTTP/1.1 OK', 'no status'], ['HTTP/1.1', 'only a version'], ['HTTP/1.1 ', 'a version and a space'], ['HTTP/1.1200 OK', 'no space'], ['HTTP/1.1 200OK', 'no space before the reason'], ['HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK', 'digits that are not ASCII'],
      ['HTTP/2.0 200 OK', 'version 2.0'], ['HTTP/2 200 OK', 'version 2'], ['HTTP/1.2 200 OK', 'version 1.2'], ['HTTP/0.9 200 OK', 'version 0.9'], ['HTTP/1.10 200 OK', 'version 1.10'], ['HTTP/01.1 200 OK', 'version 01.1'], ['http/1.1 200 OK', 'small letters'], ['HTTPS/1.1 200 OK', 'another name'], ['ICY 200 OK', 'a protocol of radio stations'], ['HTTP/1,1 200 OK', 'a comma'], ['HTTP/1.x 200 OK', 'a letter in the version'], [' HTTP/1.1 200 OK', 'a space in front'],
      ['HTTP/1.1 200 O\0K', 'a NUL in the reason'], ['HTTP/1.1 200 O\x7fK', 'DEL in the reason'], ['HTTP/1.1 200 O\rK', 'a bare CR in the reason'], ['HTTP/1.1 200 O\x1bK', 'an escape in the reason'], ['GET / HTTP/1.1', 'a request'], ['\x16\x03\x03\x00\x02\x02\x28', 'an alert of TLS'], ['{"ok":true}', 'JSON'], ['\xef\xbb\xbfHTTP/1.1 200 OK', 'a byte order mark'],
    ].map(([line, name], i): UpstreamCase => ({ id: `SL-${i + 1}`, name: String(name), rfc: 'RFC9112 4', bytes: head(String(line)), allow: [502], reuse: false })),
    { id: 'SL-50', name: 'no reason', rfc: 'RFC9112 4', bytes: head('HTTP/1.1 200 '), allow: [200], reuse: true },
    { id: 'SL-51', name: 'no reason and no space before it', rfc: 'RFC9112 4 (harmless; many servers)', bytes: head('HTTP/1.1 200'), allow: [200, 502] },
    { id: 'SL-52', name: 'a reason that is not ASCII', rfc: 'RFC9112 4 (obs-text)', bytes: head('HTTP/1.1 200 \xc3\xa9\xff'), allow: [200, 502] },
    { id: 'SL-53', name: 'a reason that is a header of another answer, on one line', rfc: 'RFC9112 4', bytes: head('HTTP/1.1 200 HTTP/1.1 500 Set-Cookie: a=b'), allow: [200], absent: ['set-cookie'] },
    { id: 'SL-54', name: 'a status nobody knows', rfc: 'RFC9110 15', bytes: head('HTTP/1.1 299 Odd'), allow: [299], reuse: true },
    { id: 'SL-55', name: 'a reason of 60 kB', rfc: 'RFC9112 4', bytes: head(`HTTP/1.1 200 ${'O'.repeat(60_000)}`), allow: [200, 502] },
    { id: 'SL-56', name: 'a status line of 70 kB', rfc: 'RFC9112 4', bytes: head(`HTTP/1.1 200 ${'O'.repeat(70_000)}`), allow: [502], reuse: false },
    { id: 'SL-57', name: 'an empty line before the status line', rfc: 'RFC9112 2.2 (only servers skip it)', bytes: `\r\n${head('HTTP/1.1 200 OK')}`, allow: [502, 200], reuse: false },
    { id: 'SL-58', name: 'a bare LF behind the status line', rfc: 'RFC9112 2.2', bytes: 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', allow: [502], reuse: false },
    { id: 'SL-59', name: 'an answer of HTTP/0.9', rfc: 'RFC9112 App. A', bytes: '<html>POISON</html>', allow: [502], reuse: false, end: 'close' },
    { id: 'SL-60', name: 'HTTP/1.0', rfc: 'RFC9112 9.3', bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello', allow: [200], reuse: false, body: 'hello' },
    { id: 'SL-61', name: 'HTTP/1.0 that keeps its connection', rfc: 'RFC9112 9.3, App. C.2.2', bytes: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello', allow: [200], body: 'hello' },
    { id: 'SL-62', name: 'HTTP/1.0 without a length', rfc: 'RFC9112 6.3(8)', bytes: 'HTTP/1.0 200 OK\r\n\r\nhello', allow: [200], reuse: false, end: 'close', body: 'hello' },
    { id: 'SL-63', name: 'random bytes', rfc: 'RFC9112 4', bytes: '\x93\x01\xfe\x00\x8a\r\n\xff\xff\x10\r\n\r\n\x07', allow: [502], reuse: false },
    { id: 'SL-64', name: 'a malformed answer with another behind it', rfc: 'RFC9112 4', bytes: `HTTP/1.1 xyz\r\n\r\n${POISON}`, allow: [502], reuse: false },
  ],
};
