import { POISON, answer, type Group, type UpstreamCase } from '../case.ts';

const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';

export const UPSTREAM_FRAMING: Group<UpstreamCase> = {
  title: 'Framing',
  about: 'HEAD, 1xx, 204 and 304 have no body, then comes Transfer-Encoding, then Content-Length, then the end of the connection. What contradicts itself is 502.',
  reasons: ['badContentLength', 'conflictingContentLength', 'badTransferEncoding', 'lengthAndTransferEncoding', 'badFieldName', 'badFieldValue', 'extraBytes'],
  cases: [
    { id: 'U01', name: 'a length and a coding', rfc: 'RFC9112 6.3(3)', bytes: answer(['Content-Length: 3', 'Transfer-Encoding: chunked'], CHUNKS), allow: [502, 200], reuse: false },
    { id: 'U02', name: 'two lengths', rfc: 'RFC9112 6.3(5)', bytes: answer(['Content-Length: 5', 'Content-Length: 10'], 'helloworld'), allow: [502], reuse: false },
    { id: 'U03', name: 'the same length twice', rfc: 'RFC9110 8.6', bytes: answer(['Content-Length: 5', 'Content-Length: 5'], 'hello'), allow: [502, 200] },
    { id: 'U05', name: 'a length above 2^64', rfc: 'RFC9110 8.6', bytes: answer(['Content-Length: 18446744073709551621'], 'hello'), allow: [502], reuse: false },
    { id: 'U06', name: 'a coding that is not chunked', rfc: 'RFC9112 6.3(4)', bytes: answer(['Transfer-Encoding: gzip'], 'hello'), allow: [502, 200], reuse: false, end: 'close' },
    { id: 'U18', name: '304 with a length', rfc: 'RFC9112 6.3(1), RFC9110 15.4.5', bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n', allow: [304], reuse: true },
    { id: 'U19', name: 'a body to HEAD', rfc: 'RFC9112 6.3(1)', bytes: answer(['Content-Length: 6'], 'POISON'), allow: [200], reuse: false, method: 'HEAD' },
    { id: 'U34', name: 'a body that ends with the connection', rfc: 'RFC9112 6.3(8)', bytes: answer(['Connection: close'], 'hello'), allow: [200], reuse: false, end: 'close', body: 'hello' },
    { id: 'U40', name: '304 with a coding', rfc: 'RFC9112 6.3(1)', bytes: 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', allow: [304] },
    ...[
      ['+5', 'a sign'], ['-5', 'a negative number'], ['0x5', 'a hexadecimal number'], ['5.0', 'a fraction'], ['5e0', 'an exponent'], ['"5"', 'quotes'], ['5;', 'a semicolon'], ['5,6', 'a list of different values'], ['5,', 'a list with an empty end'], [',5', 'a list with an empty begin'], ['5 5', 'two values'], ['', 'nothing'], ['\xa05', 'a no-break space'], ['5a', 'a letter'], ['five', 'a word'], ['9223372036854775808', '2^63'], ['5_0', 'a digit separator'],
    ].map(([value, name], i): UpstreamCase => ({ id: `UF-${i + 1}`, name: `Content-Length with ${String(name)}`, rfc: 'RFC9110 8.6', bytes: answer([`Content-Length: ${String(value)}`], 'hello'), allow: [502], reuse: false })),
    { id: 'UF-20', name: 'Content-Length: 5, 5', rfc: 'RFC9110 8.6 (MAY collapse)', bytes: answer(['Content-Length: 5, 5'], 'hello'), allow: [502, 200], body: 'hello' },
    { id: 'UF-21', name: 'Content-Length: 05', rfc: 'RFC9110 8.6 (1*DIGIT)', bytes: answer(['Content-Length: 05'], 'hello'), allow: [502, 200], body: 'hello' },
    { id: 'UF-22', name: 'two lengths, one in a list', rfc: 'RFC9112 6.3(5)', bytes: answer(['Content-Length: 5, 5', 'Content-Length: 6'], 'hello!'), allow: [502], reuse: false },
    { id: 'UF-23', name: 'two lengths of the same number, written differently', rfc: 'RFC9112 6.3(5)', bytes: answer(['Content-Length: 5', 'Content-Length: 005'], 'hello'), allow: [502, 200] },
    ...[
      ['xchunked', 'another word'], ['chunked, chunked', 'the coding twice'], ['gzip, chunked', 'another coding first'], ['chunked, gzip', 'another coding last'], ['identity', 'identity'], ['', 'nothing'], ['"chunked"', 'quotes'], ['chunked;q=1', 'a parameter'], ['\x0bchunked', 'a vertical tab'], ['chun\x00ked', 'a NUL'], ['\xa0chunked', 'a no-break space'], ['chunked cow', 'a second word'],
    ].map(([value, name], i): UpstreamCase => ({ id: `UF-${i + 30}`, name: `Transfer-Encoding with ${String(name)}`, rfc: 'RFC9112 6.1, 6.3(4)', bytes: answer([`Transfer-Encoding: ${String(value)}`], CHUNKS), allow: [502], reuse: false })),
    { id: 'UF-45', name: 'two lines of chunked', rfc: 'RFC9112 6.1', bytes: answer(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], CHUNKS), allow: [502, 200], reuse: false },
    { id: 'UF-46', name: 'CHUNKED', rfc: 'RFC9112 7 (not case-sensitive)', bytes: answer(['Transfer-Encoding: CHUNKED'], CHUNKS), allow: [200], reuse: true, body: 'hello' },
    { id: 'UF-47', name: 'a length of 0 and a coding', rfc: 'RFC9112 6.3(3)', bytes: answer(['Content-Length: 0', 'Transfer-Encoding: chunked'], CHUNKS), allow: [502, 200], reuse: false },
    { id: 'UF-48', name: 'a length and a coding of HTTP/1.0', rfc: 'RFC9112 6.1', bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello', allow: [502, 200], reuse: false },
    { id: 'UF-49', name: 'a coding with a space before its colon', rfc: 'RFC9112 5.1', bytes: answer(['Content-Length: 5', 'Transfer-Encoding : chunked'], 'hello'), allow: [502], reuse: false },
    { id: 'UF-50', name: '204 with a body', rfc: 'RFC9112 6.3(1)', bytes: `HTTP/1.1 204 No Content\r\n\r\n${POISON}`, allow: [204], reuse: false },
    { id: 'UF-51', name: '204 with a length', rfc: 'RFC9110 8.6 (MUST NOT send)', bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nPOISON', allow: [204, 502], reuse: false, absent: ['content-length'] },
    { id: 'UF-52', name: '204 with a coding', rfc: 'RFC9112 6.1 (MUST NOT send)', bytes: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', allow: [204, 502], absent: ['transfer-encoding', 'content-length'] },
    { id: 'UF-53', name: '304 with a body', rfc: 'RFC9112 6.3(1)', bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nPOISON', allow: [304], reuse: false },
    { id: 'UF-54', name: 'a chunked body to HEAD', rfc: 'RFC9112 6.3(1)', bytes: answer(['Transfer-Encoding: chunked'], '6\r\nPOISON\r\n0\r\n\r\n'), allow: [200], reuse: false, method: 'HEAD' },
    { id: 'UF-55', name: 'HEAD with a length and no body', rfc: 'RFC9110 9.3.2', bytes: answer(['Content-Length: 99']), allow: [200], reuse: true, method: 'HEAD' },
    { id: 'UF-56', name: 'HEAD without a length', rfc: 'RFC9110 9.3.2', bytes: answer(['X-A: b']), allow: [200], method: 'HEAD' },
    { id: 'UF-57', name: '205 with a body', rfc: 'RFC9110 15.3.6', bytes: 'HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello', allow: [205, 502] },
    { id: 'UF-58', name: 'no length and no end', rfc: 'RFC9112 6.3(8)', bytes: answer(['X-A: b'], 'hello'), allow: ['silence', 'abort'], reuse: false },
  ],
};
