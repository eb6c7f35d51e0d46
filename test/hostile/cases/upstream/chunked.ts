import { POISON, type Group, type Outcome, type UpstreamCase } from '../case.ts';

const BROKEN: readonly Outcome[] = ['abort', 'close', 502];
const body = (chunks: string, fields = ''): string => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${fields}\r\n${chunks}`;
const LAST = '0\r\n\r\n';

export const UPSTREAM_CHUNKED: Group<UpstreamCase> = {
  title: 'Chunked bodies',
  about: 'Decoded strictly and encoded anew. Once the head has gone to the client, all that is left is to cut it off where it can see that.',
  reasons: ['badChunkSize', 'badChunkEnd', 'chunkExtensionTooLong', 'badTrailer', 'trailersTooLarge', 'badTransferEncoding', 'truncated'],
  cases: [
    { id: 'U29', name: 'a size that is none, later', rfc: 'RFC9112 7.1, 8', bytes: body('5\r\nhello\r\nzz\r\n'), allow: BROKEN, reuse: false },
    { id: 'U30', name: 'a size of 17 digits', rfc: 'RFC9112 7.1', bytes: body('fffffffffffffffff\r\nhello'), allow: BROKEN, reuse: false },
    { id: 'U31', name: 'data that is not followed by CRLF', rfc: 'RFC9112 7.1', bytes: body(`5\r\nhelloXX${LAST}`), allow: BROKEN, reuse: false },
    { id: 'U32', name: 'trailers that would frame and set', rfc: 'RFC9110 6.5.1, 6.5.2', bytes: body('5\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 99\r\nSet-Cookie: t=1\r\n\r\n', 'Trailer: X-T\r\n'), allow: [200], body: 'hello', absent: ['set-cookie'] },
    { id: 'U33', name: 'a chunked body of HTTP/1.0', rfc: 'RFC9112 6.1', bytes: `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n${LAST}`, allow: [502, 200], reuse: false },
    ...[
      ['0x5', 'a prefix of hexadecimal'], ['+5', 'a sign'], ['-5', 'a negative number'], ['g', 'a digit above f'], ['', 'nothing'], [' 5', 'a space in front'], ['\t5', 'a tab in front'], ['5,5', 'a list'], ['5_0', 'a digit separator'], ['"5"', 'quotes'], ['5\x00', 'a NUL behind'], ['5\x0b', 'a vertical tab behind'], ['five', 'a word'], ['5\xa0', 'a no-break space'], [';x', 'only an extension'], ['5;\x00x', 'a NUL in an extension'], ['5;\x07', 'a control byte in an extension'],
    ].map(([size, name], i): UpstreamCase => ({ id: `UC-${i + 1}`, name: `a size with ${String(name)}`, rfc: 'RFC9112 7.1', bytes: body(`${String(size)}\r\nhello\r\n${LAST}`), allow: BROKEN, reuse: false })),
    { id: 'UC-20', name: 'a size of 2^64 + 5', rfc: 'RFC9112 7.1; CWE-190', bytes: body(`10000000000000005\r\nhello\r\n${LAST}${POISON}`), allow: BROKEN, reuse: false },
    { id: 'UC-21', name: 'a size of 2^64 - 1', rfc: 'RFC9112 7.1; CWE-190', bytes: body(`ffffffffffffffff\r\nhello`), allow: BROKEN, reuse: false },
    { id: 'UC-22', name: 'a size with fourteen zeros in front', rfc: 'RFC9112 7.1 (1*HEXDIG)', bytes: body(`000000000000005\r\nhello\r\n${LAST}`), allow: [200, ...BROKEN], body: 'hello' },
    { id: 'UC-23', name: 'a size that ends in a bare LF', rfc: 'RFC9112 7.1', bytes: body(`5\nhello\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-24', name: 'a size that ends in a bare CR', rfc: 'RFC9112 7.1', bytes: body(`5\rhello\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-25', name: 'data that ends in a bare LF', rfc: 'RFC9112 7.1', bytes: body(`5\r\nhello\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-26', name: 'data that is too long', rfc: 'RFC9112 7.1', bytes: body(`5\r\nhello!\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-27', name: 'data that is too short', rfc: 'RFC9112 7.1', bytes: body(`6\r\nhello\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-28', name: 'a bare LF in an extension', rfc: 'RFC9112 7.1.1; CVE-2025-55315 (Kestrel)', bytes: body(`2;\nxx\r\n3d\r\n${LAST}${POISON}`), allow: BROKEN, reuse: false },
    { id: 'UC-29', name: 'a bare CR in an extension', rfc: 'RFC9112 7.1.1', bytes: body(`5;a\rb\r\nhello\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-30', name: 'an extension', rfc: 'RFC9112 7.1.1', bytes: body(`5;name=value\r\nhello\r\n0;x\r\n\r\n`), allow: [200], reuse: true, body: 'hello' },
    { id: 'UC-31', name: 'an extension of 64 KiB', rfc: 'RFC9112 7.1.1; CVE-2023-39326 (Go)', bytes: body(`5;e=${'a'.repeat(65_536)}\r\nhello\r\n${LAST}`), allow: [...BROKEN, 200] },
    { id: 'UC-32', name: 'trailers of 64 KiB', rfc: 'RFC9112 7.1.2', bytes: body(`5\r\nhello\r\n0\r\nX-A: ${'a'.repeat(65_536)}\r\n\r\n`), allow: [...BROKEN, 200], reuse: false },
    { id: 'UC-33', name: 'a NUL in a trailer', rfc: 'RFC9110 5.5', bytes: body('5\r\nhello\r\n0\r\nX-A: \0\r\n\r\n'), allow: [...BROKEN, 200], reuse: false },
    { id: 'UC-34', name: 'a bare LF behind a trailer', rfc: 'RFC9112 2.2', bytes: body(`5\r\nhello\r\n0\r\nX-A: b\n\r\n${POISON}`), allow: [...BROKEN, 200], reuse: false },
    { id: 'UC-35', name: 'two bytes for the end of the last chunk, then an answer', rfc: 'RFC9112 7.1.2', bytes: body(`5\r\nhello\r\n0\r\nXX${POISON}`), allow: [...BROKEN, 200, 'silence'], reuse: false },
    { id: 'UC-36', name: 'an empty line between chunks', rfc: 'RFC9112 7.1', bytes: body(`5\r\nhello\r\n\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-37', name: 'no last chunk, and the end', rfc: 'RFC9112 8', bytes: body('5\r\nhello\r\n'), allow: BROKEN, reuse: false, end: 'close' },
    { id: 'UC-38', name: 'a last chunk without its empty line, and the end', rfc: 'RFC9112 8', bytes: body('5\r\nhello\r\n0\r\n'), allow: BROKEN, reuse: false, end: 'close' },
    { id: 'UC-39', name: 'half a size, and the end', rfc: 'RFC9112 8', bytes: body('5\r\nhello\r\n5'), allow: BROKEN, reuse: false, end: 'close' },
    { id: 'UC-40', name: 'no chunk at all, and the end', rfc: 'RFC9112 8', bytes: body(''), allow: BROKEN, reuse: false, end: 'close' },
    { id: 'UC-41', name: 'half a chunk, and a reset', rfc: 'RFC9112 8', bytes: body('5\r\nhe'), allow: BROKEN, reuse: false, end: 'reset' },
    { id: 'UC-42', name: 'chunks of one byte', rfc: 'RFC9112 7.1', bytes: body(`${'1\r\nx\r\n'.repeat(80)}${LAST}`), allow: [200], reuse: true, body: 'x'.repeat(80) },
    { id: 'UC-43', name: 'nothing but the last chunk', rfc: 'RFC9112 7.1', bytes: body(LAST), allow: [200], reuse: true, body: '' },
    { id: 'UC-44', name: 'sizes in both cases', rfc: 'RFC5234 2.3', bytes: body(`a\r\n0123456789\r\nB\r\n0123456789a\r\n${LAST}`), allow: [200], reuse: true, body: '01234567890123456789a' },
    { id: 'UC-45', name: 'a word behind the size', rfc: 'RFC9112 7.1', bytes: body(`5 x\r\nhello\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-46', name: 'a size that is padded', rfc: 'RFC9112 7.1.1 (BWS)', bytes: body(`5   \r\nhello\r\n${LAST}`), allow: [200, ...BROKEN], body: 'hello' },
    { id: 'UC-47', name: 'a line end in an extension that is quoted', rfc: 'RFC9112 7.1.1', bytes: body(`5;a="b\r\nc"\r\nhello\r\n${LAST}`), allow: BROKEN, reuse: false },
    { id: 'UC-48', name: 'a bare LF behind the last chunk', rfc: 'RFC9112 7.1', bytes: body(`5\r\nhello\r\n0\n\r\n`), allow: BROKEN, reuse: false },
    { id: 'UC-49', name: 'a bare LF for the empty line', rfc: 'RFC9112 7.1', bytes: body(`5\r\nhello\r\n0\r\n\n`), allow: BROKEN, reuse: false },
    { id: 'UC-50', name: 'trailers that are no fields', rfc: 'RFC9112 7.1.2', bytes: body('5\r\nhello\r\n0\r\nnonsense\r\n\r\n'), allow: [...BROKEN, 200], body: 'hello' },
    { id: 'UC-51', name: 'a folded trailer', rfc: 'RFC9112 5.2, 7.1.2', bytes: body('5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n'), allow: [...BROKEN, 200], body: 'hello' },
    { id: 'UC-52', name: 'ten thousand chunks of one byte', rfc: 'RFC9112 7.1', bytes: body(`${'1\r\nx\r\n'.repeat(10_000)}${LAST}`), allow: [200], reuse: true, body: 'x'.repeat(10_000) },
  ],
};
