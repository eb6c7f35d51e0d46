import { get, line, post, type ClientCase, type Group } from '../case.ts';

/** Fields that a client must not be able to take away from the upstream by naming them, and what the upstream must see. */
const PROTECTED: readonly (readonly [nominated: string, sent: readonly string[], seen: Readonly<Record<string, string>>])[] = [
  ['Host', [], { host: 'a.test' }],
  ['Content-Length', ['Content-Length: 0'], { 'content-length': '0' }],
  ['X-Forwarded-For', [], { 'x-forwarded-for': '127.0.0.1' }],
  ['X-Forwarded-Host', [], { 'x-forwarded-host': 'a.test' }],
  ['X-Forwarded-Proto', [], { 'x-forwarded-proto': 'http' }],
  ['Authorization', ['Authorization: Basic eDp5'], { authorization: 'Basic eDp5' }],
  ['Cookie', ['Cookie: a=b'], { cookie: 'a=b' }],
  ['Cache-Control', ['Cache-Control: no-store'], { 'cache-control': 'no-store' }],
  ['Forwarded', ['Forwarded: for=1.2.3.4'], { forwarded: 'for=1.2.3.4' }],
  ['X-Real-IP', ['X-Real-IP: 1.2.3.4'], { 'x-real-ip': '1.2.3.4' }],
];

export const CONNECTION: Group<ClientCase> = {
  title: 'Connection options and hop-by-hop fields',
  about: 'What concerns one connection ends at the proxy, with what Connection names; but a client cannot name away framing, credentials or what the proxy itself says.',
  reasons: ['connectionOptions'],
  cases: [
    { id: 'C95', name: 'fields of the proxy and credentials are named', rfc: 'RFC9110 7.6.1; CVE-2022-31813 (httpd mod_proxy)', bytes: get(['Connection: close, X-Forwarded-For, Authorization, Host, Content-Length', 'Authorization: Basic eDp5']), allow: [200, 400], kept: { authorization: 'Basic eDp5', host: 'a.test', 'x-forwarded-for': '127.0.0.1' } },
    { id: 'C96', name: 'Transfer-Encoding is named', rfc: 'RFC9110 7.6.1', bytes: post(['Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'), allow: [200, 400], body: 'hello' },
    { id: 'C97', name: 'an upgrade to h2c', rfc: 'RFC9110 7.8; h2c smuggling (BishopFox)', bytes: get(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA']), allow: [200, 400], absent: ['upgrade', 'http2-settings', 'connection'] },
    { id: 'C98', name: 'an upgrade to WebSocket with a wrong version, and a request behind', rfc: 'RFC6455 4.2.2, 4.4', bytes: line('GET /ws HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 999', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='], 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\nX-Id: smuggled\r\n\r\n'), allow: [426, 400, 200, 404, 'close'], forwarded: 2, next: true },
    { id: 'C99', name: 'X-Forwarded-* of a peer that is not trusted', rfc: 'RFC7239 8', bytes: get(['X-Forwarded-For: 9.9.9.9', 'X-Forwarded-Proto: https', 'X-Real-IP: 9.9.9.9', 'Forwarded: for=9.9.9.9', 'X-Envoy-Internal: true']), allow: [200], kept: { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' } },
    ...PROTECTED.map(([nominated, sent, seen], i): ClientCase => ({ id: `CO-${i + 1}`, name: `${nominated} is named`, rfc: 'RFC9110 7.6.1; CVE-2022-31813 (httpd mod_proxy)', bytes: get([`Connection: ${nominated.toLowerCase()}`, ...sent]), allow: [200, 400], kept: seen })),
    { id: 'CO-20', name: 'a field that is named goes', rfc: 'RFC9110 7.6.1', bytes: get(['Connection: X-Secret', 'X-Secret: 1', 'X-Other: 2']), allow: [200], absent: ['x-secret'], kept: { 'x-other': '2' } },
    { id: 'CO-21', name: 'fields that are named in a list with gaps and white space', rfc: 'RFC9110 5.6.1, 7.6.1', bytes: get(['Connection: ,, X-One ,\tX-Two,,', 'X-One: 1', 'X-Two: 2']), allow: [200], absent: ['x-one', 'x-two'] },
    { id: 'CO-22', name: 'fields that are named in a second Connection line', rfc: 'RFC9110 5.3, 7.6.1', bytes: get(['Connection: keep-alive', 'X-One: 1', 'Connection: X-One']), allow: [200], absent: ['x-one'] },
    { id: 'CO-23', name: 'a hundred options', rfc: 'RFC9110 7.6.1', bytes: get([`Connection: ${Array.from({ length: 100 }, (_, i) => `x-${i}`).join(', ')}`, 'X-99: 1', 'X-A: 2']), allow: [200, 400], absent: ['x-99'], kept: { 'x-a': '2' } },
    { id: 'CO-24', name: 'hop-by-hop fields that nobody names', rfc: 'RFC9110 7.6.1', bytes: get(['Keep-Alive: timeout=999', 'Proxy-Connection: keep-alive', 'Upgrade: foo/1', 'TE: trailers', 'Trailer: X-T']), allow: [200], absent: ['keep-alive', 'proxy-connection', 'upgrade', 'trailer', 'connection'] },
    { id: 'CO-25', name: 'credentials for the proxy', rfc: 'RFC9110 11.7.2', bytes: get(['Proxy-Authorization: Basic eDp5']), allow: [200, 400, 407], absent: ['proxy-authorization'] },
    { id: 'CO-26', name: 'Connection: close', rfc: 'RFC9112 9.6', bytes: get(['Connection: close']), allow: [200], absent: ['connection'], closes: true },
    { id: 'CO-27', name: 'close among others', rfc: 'RFC9112 9.6', bytes: get(['Connection: keep-alive, CLOSE, x']), allow: [200], absent: ['connection'], closes: true },
    { id: 'CO-28', name: 'an option of five letters that is not close', rfc: 'RFC9112 9.3', bytes: get(['Connection: abcde']), allow: [200], absent: ['connection'] },
    { id: 'CO-29', name: 'an option that is no token', rfc: 'RFC9110 7.6.1', bytes: get(['Connection: "close", (x)']), allow: [200, 400], absent: ['connection'] },
    { id: 'CO-30', name: 'TE that asks for more than trailers', rfc: 'RFC9110 10.1.4', bytes: get(['Connection: TE', 'TE: gzip, chunked;q=0.5']), allow: [200, 400], absent: ['te'] },
    { id: 'CO-31', name: 'an upgrade that Connection does not name', rfc: 'RFC9110 7.8', bytes: get(['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']), allow: [200, 400, 426], absent: ['upgrade'] },
    { id: 'CO-32', name: 'an upgrade with a body', rfc: 'RFC9110 7.8', bytes: post(['Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 5'], 'hello'), allow: [200, 400], body: 'hello', absent: ['upgrade'] },
    { id: 'CO-33', name: 'an upgrade to TLS', rfc: 'RFC2817 3.1', bytes: get(['Connection: Upgrade', 'Upgrade: TLS/1.2']), allow: [200, 400, 426], absent: ['upgrade'] },
    { id: 'CO-34', name: 'HTTP2-Settings that Connection does not name', rfc: 'RFC7540 3.2.1', bytes: get(['Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']), allow: [200, 400], absent: ['http2-settings', 'upgrade'] },
    { id: 'CO-35', name: 'Keep-Alive is named, with a field that looks like it', rfc: 'RFC9110 7.6.1', bytes: get(['Connection: keep-alive', 'Keep-Alive: timeout=5', 'X-Keep-Alive: 1']), allow: [200], absent: ['keep-alive'], kept: { 'x-keep-alive': '1' } },
    { id: 'CO-36', name: 'WebSocket without its key', rfc: 'RFC6455 4.2.1', bytes: get(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']), allow: [200, 400, 426], absent: ['upgrade'] },
    { id: 'CO-37', name: 'WebSocket by POST', rfc: 'RFC6455 4.1', bytes: post(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Content-Length: 0']), allow: [200, 400, 405, 426], absent: ['upgrade'] },
  ],
};
