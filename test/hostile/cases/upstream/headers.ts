import { answer, type Group, type UpstreamCase } from '../case.ts';

const EMPTY = 'Content-Length: 0';

export const HEADERS: Group<UpstreamCase> = {
  title: 'Headers',
  about: 'The same syntax as for requests: CRLF, tokens, no folding, no control bytes, at most 128 lines and 64 KiB; anything else is 502 and the end of the connection. What concerns one connection ends here.',
  reasons: ['badFieldName', 'badFieldValue', 'bareLineFeed', 'tooManyFields', 'headTooLarge', 'badContentLength'],
  cases: [
    { id: 'U23', name: 'a bare CR in a value', rfc: 'RFC9110 5.5, RFC9112 11.1', bytes: answer(['X-A: b\rSet-Cookie: s=1', EMPTY]), allow: [502], reuse: false },
    { id: 'U24', name: 'a NUL in a value', rfc: 'RFC9110 5.5', bytes: answer(['X-A: b\x00c', EMPTY]), allow: [502], reuse: false },
    { id: 'U25', name: 'a folded line', rfc: 'RFC9112 5.2 (a proxy MUST refuse or replace)', bytes: answer(['X-A: b', ' c', EMPTY]), allow: [502, 200] },
    { id: 'U27', name: 'a field without a name, and one without a colon', rfc: 'RFC9112 5', bytes: answer([': b', 'nocolon', EMPTY]), allow: [502], reuse: false },
    { id: 'U35', name: '2000 lines', rfc: 'RFC9112 2.2, 5; CVE-2023-38039 (curl)', bytes: answer([...Array.from({ length: 2000 }, () => `X-A: ${'b'.repeat(40)}`), EMPTY]), allow: [502, 200] },
    ...[
      [': b', 'no name'], ['nocolon', 'no colon'], ['X A: b', 'a space in the name'], ['X-A : b', 'a space before the colon'], ['X-A\t: b', 'a tab before the colon'], ['X-\x00A: b', 'a NUL in the name'], ['X-\xe9: b', 'a name that is not ASCII'], ['X[A]: b', 'brackets in the name'], ['"X": b', 'quotes in the name'], ['X-A: b\nSet-Cookie: s=1', 'a bare LF in the value'], ['X-A: b\x01', 'a control byte in the value'],
      ['X-A: b\x7f', 'DEL in the value'], ['X-A: b\x1b[2J', 'an escape of a terminal'], ['X-\rA: b', 'a bare CR in the name'], ['X-A\r: b', 'a bare CR before the colon'], ['X-A:\rb', 'a bare CR behind the colon'], ['X-A: b\r', 'two CRs at the end'], [' X-A: b', 'a fold as the first line'], ['X-A: b\x0b', 'a vertical tab'], ['HTTP/1.1 200 OK', 'a second status line'], [':', 'a colon alone'], ['\0', 'a NUL alone'],
    ].map(([field, name], i): UpstreamCase => ({ id: `UH-${i + 1}`, name: String(name), rfc: 'RFC9110 5.1, 5.5; RFC9112 5', bytes: answer([String(field), EMPTY]), allow: [502], reuse: false, absent: ['set-cookie'] })),
    { id: 'UH-30', name: 'a folded length', rfc: 'RFC9112 5.2', bytes: answer(['Content-Length:', ' 0']), allow: [502], reuse: false },
    { id: 'UH-31', name: 'a fold that holds a coding', rfc: 'RFC9112 5.2', bytes: answer(['X-A: b', '\tTransfer-Encoding: chunked', 'Content-Length: 5'], 'hello'), allow: [502, 200], absent: ['transfer-encoding'] },
    { id: 'UH-32', name: 'bare LFs everywhere', rfc: 'RFC9112 2.2', bytes: 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello', allow: [502], reuse: false },
    { id: 'UH-33', name: 'a bare LF as the empty line', rfc: 'RFC9112 2.2', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello', allow: [502], reuse: false },
    { id: 'UH-34', name: 'a line of one space for the empty line', rfc: 'RFC9112 5.2', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n \r\nhello\r\n\r\n', allow: [502], reuse: false },
    { id: 'UH-35', name: '128 lines', rfc: 'RFC6585 5', bytes: answer([...Array.from({ length: 127 }, (_, i) => `X-${i}: v`), EMPTY]), allow: [200], reuse: true },
    { id: 'UH-36', name: '129 lines', rfc: 'RFC6585 5', bytes: answer([...Array.from({ length: 128 }, (_, i) => `X-${i}: v`), EMPTY]), allow: [502], reuse: false },
    { id: 'UH-37', name: 'a line of 70 kB', rfc: 'RFC9110 5.4', bytes: answer([`X-A: ${'b'.repeat(70_000)}`, EMPTY]), allow: [502], reuse: false },
    { id: 'UH-38', name: 'a head of a megabyte that never ends', rfc: 'RFC9110 5.4', bytes: `HTTP/1.1 200 OK\r\nX-A: ${'b'.repeat(1024 * 1024)}`, allow: [502], reuse: false },
    { id: 'UH-39', name: 'a line of 32 kB', rfc: 'RFC9110 5.4', bytes: answer([`X-A: ${'b'.repeat(32_000)}`, EMPTY]), allow: [200, 502] },
    { id: 'UH-40', name: 'hop-by-hop fields', rfc: 'RFC9110 7.6.1', bytes: answer(['Keep-Alive: timeout=99', 'Proxy-Connection: keep-alive', 'Upgrade: h2c', 'Trailer: X', 'Connection: X-Hop', 'X-Hop: 1', EMPTY]), allow: [200], absent: ['keep-alive', 'proxy-connection', 'upgrade', 'trailer', 'x-hop'] },
    { id: 'UH-41', name: 'Connection names what the client must see', rfc: 'RFC9110 7.6.1', bytes: answer(['Connection: Set-Cookie, Content-Length, Cache-Control', 'Set-Cookie: a=b', 'Content-Length: 5'], 'hello'), allow: [200], body: 'hello' },
    { id: 'UH-42', name: 'obs-text that is not UTF-8', rfc: 'RFC9110 5.5', bytes: answer(['X-A: \xe9\xff', EMPTY]), allow: [200], reuse: true },
    { id: 'UH-43', name: 'characters whose low byte is CR LF', rfc: 'RFC9110 5.5; CWE-113', bytes: answer(['X-A: \xc4\x8d\xc4\x8aSet-Cookie: s=1', EMPTY]), allow: [200, 502], absent: ['set-cookie'] },
    { id: 'UH-44', name: 'an empty value', rfc: 'RFC9110 5.5', bytes: answer(['X-A:', EMPTY]), allow: [200], reuse: true },
    { id: 'UH-45', name: 'no field at all, and the end', rfc: 'RFC9112 6.3(8)', bytes: 'HTTP/1.1 200 OK\r\n\r\nhello', allow: [200], reuse: false, end: 'close', body: 'hello' },
  ],
};
