import { REFUSED_LINE, SMUGGLED, line, type ClientCase, type Group } from '../case.ts';

/** The same bytes in every run. */
function noise(size: number, seed: number): string {
  let x = seed;
  return Array.from({ length: size }, () => {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode((x >>> 16) & 0xff);
  }).join('');
}

const REFUSED_NOISE = [...REFUSED_LINE, 431, 'silence'] as const;

export const VERSIONS: Group<ClientCase> = {
  title: 'Request line and other protocols',
  about: 'Method, one space, target, one space, HTTP/1.1, CRLF; anything else is another protocol, and refused.',
  reasons: ['method', 'methodRefused', 'target'],
  cases: [
    { id: 'C64', name: 'http/1.1', rfc: 'RFC9112 2.3 (case-sensitive)', bytes: line('GET /p http/1.1'), allow: REFUSED_LINE },
    { id: 'C65', name: 'HTTP/9.9', rfc: 'RFC9110 15.6.6', bytes: line('GET /p HTTP/9.9'), allow: REFUSED_LINE },
    { id: 'C66', name: 'HTTP/0.9', rfc: 'RFC9112 2.3, App. A; CVE-2017-7656 (Jetty)', bytes: 'GET /p\r\n', allow: REFUSED_LINE },
    { id: 'C68', name: 'two spaces', rfc: 'RFC9112 3', bytes: line('GET  /p HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'C69', name: 'tabs', rfc: 'RFC9112 3', bytes: line('GET\t/p\tHTTP/1.1'), allow: REFUSED_LINE },
    { id: 'C72', name: 'an empty line before the request', rfc: 'RFC9112 2.2 (SHOULD ignore)', bytes: `\r\n${line('GET /p HTTP/1.1')}`, allow: [200, 400, 505, 'close'], gap: { rule: 'waitsForRequestLine', today: ['silence'] } },
    { id: 'C107', name: 'TLS on a plain port', rfc: 'RFC9112 3', bytes: '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03', allow: REFUSED_LINE },
    { id: 'C108', name: 'PROXY protocol 1 from anyone', rfc: 'HAProxy proxy-protocol.txt 2', bytes: `PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n${line('GET /p HTTP/1.1')}`, allow: REFUSED_LINE },
    { id: 'VE-1', name: 'HTTP/1.0', rfc: 'RFC9110 2.5 (a server SHOULD answer)', bytes: line('GET /p HTTP/1.0'), allow: [200], gap: { rule: 'onlyHttp11', today: [505] } },
    { id: 'VE-2', name: 'HTTP/1.0 with keep-alive and a length', rfc: 'RFC9112 9.3', bytes: line('POST /p HTTP/1.0', ['Connection: keep-alive', 'Content-Length: 56'], SMUGGLED), allow: [200], gap: { rule: 'onlyHttp11', today: [505] } },
    ...[
      ['HTTP/1.2', 'a minor version of the future'], ['HTTP/2.0', 'a major version of the future'], ['HTTP/1.10', 'two digits'], ['HTTP/01.1', 'a zero in front'], ['HTTP/1.01', 'a zero inside'], ['HTTP/1.', 'no minor version'], ['HTTP/1', 'no dot'], ['HTTP/11', 'no dot and two digits'], ['HTTP/1,1', 'a comma'], ['HTTP/1.1 ', 'a space behind'], ['HTTP/1.1\t', 'a tab behind'],
      ['HTTP /1.1', 'a space inside'], ['HTTPS/1.1', 'another name'], ['HTTP/1.1x', 'a letter behind'], ['HTTP\\1.1', 'a backslash'], ['HTTP/1.1\0', 'a NUL behind'], ['xHTTP/1.1', 'a letter in front'], ['HTTP/-1.1', 'a sign'], ['HTTP/1.1 x', 'a word behind'], ['HTTP/\xc2\xb9.1', 'a digit that is not ASCII'], ['Http/1.1', 'mixed case'],
    ].map(([version, name], i): ClientCase => ({ id: `VE-${i + 10}`, name: `a version with ${name}`, rfc: 'RFC9112 2.3', bytes: line(`GET /p ${version}`), allow: REFUSED_LINE })),
    { id: 'VE-40', name: 'no version', rfc: 'RFC9112 2.3', bytes: 'GET /p\r\nHost: a.test\r\n\r\n', allow: REFUSED_LINE, gap: { rule: 'waitsForLineEnd', today: ['silence', 505] } },
    { id: 'VE-41', name: 'no version and a space', rfc: 'RFC9112 2.3', bytes: 'GET /p \r\nHost: a.test\r\n\r\n', allow: REFUSED_LINE },
    { id: 'VE-42', name: 'a space before the method', rfc: 'RFC9112 2.2', bytes: ` ${line('GET /p HTTP/1.1')}`, allow: REFUSED_LINE },
    { id: 'VE-43', name: 'a vertical tab between the parts', rfc: 'RFC9112 3', bytes: line('GET\x0b/p\x0bHTTP/1.1'), allow: REFUSED_LINE },
    { id: 'VE-44', name: 'a bare LF before the request', rfc: 'RFC9112 2.2', bytes: `\n${line('GET /p HTTP/1.1')}`, allow: [200, ...REFUSED_LINE] },
    { id: 'VE-45', name: 'a thousand empty lines', rfc: 'RFC9112 2.2', bytes: '\r\n'.repeat(1000), allow: REFUSED_NOISE },
    { id: 'VE-46', name: 'a byte order mark before the request', rfc: 'RFC9112 3', bytes: `\xef\xbb\xbf${line('GET /p HTTP/1.1')}`, allow: REFUSED_LINE },
    { id: 'VE-47', name: 'a NUL before the request', rfc: 'RFC9112 3', bytes: `\0${line('GET /p HTTP/1.1')}`, allow: REFUSED_LINE },
    { id: 'VE-48', name: 'words before the method', rfc: 'RFC9112 3', bytes: line('Extra lineGET /p HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'VE-49', name: 'a version of three numbers', rfc: 'RFC9112 2.3', bytes: line('GET /p HTTP/1.1.1'), allow: REFUSED_LINE },
    { id: 'VE-50', name: 'the preface of HTTP/2', rfc: 'RFC9113 3.4', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00', allow: REFUSED_LINE },
    { id: 'VE-51', name: 'the preface of HTTP/2 with a path and our version', rfc: 'RFC9113 3.4', bytes: 'PRI /p HTTP/1.1\r\nHost: a.test\r\n\r\nSM\r\n\r\n', allow: [200, 405, 501, ...REFUSED_LINE] },
    { id: 'VE-52', name: 'a whole ClientHello', rfc: 'RFC8446 4.1.2', bytes: `\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03${noise(160, 7)}`, allow: REFUSED_NOISE },
    { id: 'VE-53', name: 'an alert of TLS', rfc: 'RFC8446 6', bytes: '\x15\x03\x01\x00\x02\x02\x28', allow: REFUSED_NOISE },
    { id: 'VE-54', name: 'PROXY protocol 1, unknown', rfc: 'HAProxy proxy-protocol.txt 2', bytes: `PROXY UNKNOWN\r\n${line('GET /p HTTP/1.1')}`, allow: REFUSED_LINE },
    { id: 'VE-55', name: 'PROXY protocol 2 with a name that we are told to believe', rfc: 'HAProxy proxy-protocol.txt 2', bytes: `\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x11\x11\x00\x50${line('GET /p HTTP/1.1')}`, allow: [200, ...REFUSED_LINE], kept: { 'x-forwarded-for': '127.0.0.1' } },
    { id: 'VE-56', name: 'PROXY protocol 2 that is longer than it should be', rfc: 'HAProxy proxy-protocol.txt 2', bytes: `\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff${noise(64, 3)}${line('GET /p HTTP/1.1')}`, allow: REFUSED_NOISE },
    { id: 'VE-57', name: 'PROXY protocol 2 of another version', rfc: 'HAProxy proxy-protocol.txt 2', bytes: `\r\n\r\n\0\r\nQUIT\n\x11\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x11\x11\x00\x50${line('GET /p HTTP/1.1')}`, allow: REFUSED_NOISE },
    { id: 'VE-58', name: 'a banner of SSH', rfc: 'RFC4253 4.2', bytes: 'SSH-2.0-OpenSSH_9.2p1 Debian\r\n', allow: REFUSED_NOISE },
    { id: 'VE-59', name: 'a greeting of SMTP', rfc: 'RFC5321 4.1.1.1', bytes: 'EHLO evil.test\r\nMAIL FROM:<a@b>\r\n', allow: REFUSED_NOISE },
    { id: 'VE-60', name: 'a command of Redis', rfc: 'RFC9112 3; CWE-918', bytes: '*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n', allow: REFUSED_NOISE },
    { id: 'VE-61', name: 'a request of SIP', rfc: 'RFC3261 7.1', bytes: 'OPTIONS sip:a.test SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n', allow: REFUSED_LINE },
    { id: 'VE-62', name: 'an answer for a request', rfc: 'RFC9112 2.1', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nHost: a.test\r\n\r\n', allow: REFUSED_LINE },
    { id: 'VE-63', name: 'random bytes', rfc: 'RFC9112 3', bytes: noise(300, 1), allow: REFUSED_NOISE },
    { id: 'VE-64', name: 'other random bytes', rfc: 'RFC9112 3', bytes: noise(3000, 2), allow: REFUSED_NOISE },
    { id: 'VE-65', name: '64 KiB of zeros', rfc: 'RFC9112 3', bytes: '\0'.repeat(65_536), allow: REFUSED_NOISE },
    { id: 'VE-66', name: '200 kB without a line end', rfc: 'RFC9112 3', bytes: 'A'.repeat(200_000), allow: [...REFUSED_LINE, 414, 431] },
    { id: 'VE-67', name: 'half a request line', rfc: 'RFC9112 8', bytes: 'GET /p HT', allow: ['silence', 'close', 408] },
    { id: 'VE-68', name: 'half a head', rfc: 'RFC9112 8', bytes: 'GET /p HTTP/1.1\r\nHost: a.test\r\n', allow: ['silence', 'close', 408] },
    { id: 'VE-69', name: 'a source of Icecast', rfc: 'RFC9112 2.3', bytes: line('SOURCE /p ICE/1.0'), allow: REFUSED_LINE },
    { id: 'VE-70', name: 'JSON', rfc: 'RFC9112 3', bytes: '{"method":"GET","target":"/p"}\r\n\r\n', allow: REFUSED_NOISE },
  ],
};
