import { EITHER, REFUSED, REFUSED_CODING, SMUGGLED, line, post, type ClientCase, type Group } from '../case.ts';

/** How the next bytes look when the length was believed, or the coding. */
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';

const lengths: ClientCase[] = [
  { id: 'C05', name: 'Content-Length: 5, 5', rfc: 'RFC9110 8.6', bytes: post(['Content-Length: 5, 5'], 'hello'), allow: EITHER },
  { id: 'C08', name: 'Content-Length: -1', rfc: 'RFC9110 8.6; CVE-2023-34188 (Mongoose)', bytes: post(['Content-Length: -1'], 'hello'), allow: REFUSED },
  { id: 'C11', name: 'Content-Length: 5a', rfc: 'RFC9110 8.6', bytes: post(['Content-Length: 5a'], 'hello'), allow: REFUSED },
  { id: 'C12', name: 'empty Content-Length before a smuggled request', rfc: 'RFC9110 8.6; CVE-2023-40225 (HAProxy)', bytes: post(['Content-Length: '], SMUGGLED), allow: REFUSED },
  { id: 'C13', name: 'empty Content-Length, then the real one', rfc: 'RFC9112 6.3; CVE-2023-40225 (HAProxy)', bytes: post(['Content-Length: ', 'Content-Length: 56'], SMUGGLED), allow: REFUSED },
  { id: 'C14', name: 'Content-Length: 1 0', rfc: 'RFC9110 8.6; CVE-2018-7159 (Node)', bytes: post(['Content-Length: 1 0'], '0123456789'), allow: REFUSED },
  { id: 'C15', name: 'Content-Length above 2^64', rfc: 'RFC9110 8.6 (must anticipate large numerals)', bytes: post(['Content-Length: 18446744073709551621'], 'hello'), allow: [400, 413, 'close'] },
  { id: 'C17', name: 'Content-Length with 0xA0 in front', rfc: 'RFC9110 5.5, 8.6', bytes: post(['Content-Length: \xa05'], 'hello'), allow: REFUSED, gap: { rule: 'trimsHighBytes', today: [200], forwarded: 1 } },
  { id: 'C118', name: 'Content-Length: -0', rfc: 'RFC9110 8.6', bytes: post(['Content-Length: -0'], SMUGGLED), allow: REFUSED },
  ...[
    ['+5', 'a sign'], ['0x5', 'a hexadecimal number'], ['0b101', 'a binary number'], ['5.0', 'a fraction'], ['5e0', 'an exponent'], ['5_0', 'a digit separator'], ['"5"', 'quotes'], ['5;', 'a semicolon'],
    ['5,', 'a list with an empty end'], [',5', 'a list with an empty begin'], ['5,6', 'a list of different values'], ['5 5', 'two values'], ['5\t5', 'two values with a tab'], ['5\x005', 'a NUL'], ['\x0b5', 'a vertical tab in front'],
    ['5\x0c', 'a form feed behind'], ['\x1c5', 'a control byte that some call white space'], ['-5', 'a negative number'], ['\xd9\xa5', 'a digit that is not ASCII'], ['five', 'a word'], ['5chunked', 'the other framing'], ['5\xc2\xa05', 'a no-break space inside'],
  ].map(([value, name], i): ClientCase => ({ id: `CL-${i + 1}`, name: `Content-Length with ${name}`, rfc: 'RFC9110 8.6', bytes: post([`Content-Length: ${value}`], 'hello'), allow: REFUSED })),
  { id: 'CL-30', name: 'Content-Length with 0xA0 behind', rfc: 'RFC9110 5.5, 8.6', bytes: post(['Content-Length: 5\xa0'], 'hello'), allow: REFUSED, gap: { rule: 'trimsHighBytes', today: [200], forwarded: 1 } },
  { id: 'CL-31', name: 'Content-Length with a byte order mark', rfc: 'RFC9110 5.5, 8.6', bytes: post(['Content-Length: \xef\xbb\xbf5'], 'hello'), allow: REFUSED, gap: { rule: 'trimsHighBytes', today: [200], forwarded: 1 } },
  { id: 'CL-32', name: 'Content-Length: 05', rfc: 'RFC9110 8.6 (1*DIGIT)', bytes: post(['Content-Length: 05'], 'hello'), allow: EITHER, body: 'hello', kept: { 'content-length': '5' } },
  { id: 'CL-33', name: 'Content-Length with white space around', rfc: 'RFC9110 5.5 (OWS)', bytes: post(['Content-Length: \t 5 \t'], 'hello'), allow: [200], body: 'hello' },
  { id: 'CL-34', name: 'Content-Length of 2^32 + 5: a truncated count would be 5', rfc: 'RFC9110 8.6; CWE-190', bytes: post(['Content-Length: 4294967301'], 'hello' + SMUGGLED), allow: [400, 413, 'close', 'silence'], forwarded: 0 },
  { id: 'CL-35', name: 'Content-Length of 2^63', rfc: 'RFC9110 8.6; CWE-190', bytes: post(['Content-Length: 9223372036854775808'], 'hello' + SMUGGLED), allow: [400, 413, 'close'] },
  { id: 'CL-36', name: 'Content-Length of 400 digits', rfc: 'RFC9110 8.6', bytes: post([`Content-Length: ${'0'.repeat(399)}5`], 'hello'), allow: [...EITHER, 413] },
  { id: 'CL-37', name: 'two equal Content-Length lines', rfc: 'RFC9112 6.3', bytes: post(['Content-Length: 5', 'Content-Length: 5'], 'hello'), allow: EITHER, body: 'hello' },
  { id: 'CL-38', name: 'two Content-Length lines, the small one first', rfc: 'RFC9112 6.3; CWE-444', bytes: post(['Content-Length: 5', 'Content-Length: 62'], 'hello' + SMUGGLED), allow: REFUSED },
  { id: 'CL-39', name: 'two Content-Length lines, the large one first', rfc: 'RFC9112 6.3; CWE-444', bytes: post(['Content-Length: 62', 'content-length: 5'], 'hello' + SMUGGLED), allow: REFUSED },
  { id: 'CL-40', name: 'two Content-Length lines far apart', rfc: 'RFC9112 6.3', bytes: post(['Content-Length: 5', ...Array.from({ length: 20 }, (_, i) => `X-${i}: ${i}`), 'CONTENT-LENGTH: 0'], 'hello'), allow: REFUSED },
  { id: 'CL-41', name: 'a name that is Content-Length but for a tab', rfc: 'RFC9112 5.1', bytes: post(['Content-Length\t: 56'], SMUGGLED), allow: REFUSED },
  { id: 'CL-42', name: 'a name that is Content-Length but for a space inside', rfc: 'RFC9110 5.1', bytes: post(['Content Length: 56'], SMUGGLED), allow: REFUSED },
  { id: 'CL-43', name: 'a name that is Content-Length but for a NUL', rfc: 'RFC9110 5.1', bytes: post(['Content-Length\0: 56'], SMUGGLED), allow: REFUSED },
  { id: 'CL-44', name: 'Content_Length beside the real one', rfc: 'RFC9110 5.1', bytes: post(['Content-Length: 5', 'Content_Length: 0'], 'hello'), allow: EITHER, body: 'hello', absent: ['content_length'] },
  { id: 'CL-45', name: 'Content-Length: 0 on a POST', rfc: 'RFC9112 6.3', bytes: post(['Content-Length: 0']), allow: [200], body: '' },
];

const both: ClientCase[] = [
  { id: 'C01', name: 'CL.TE: both fields, the length first', rfc: 'RFC9112 6.1, 6.3(3), 11.2; CWE-444', bytes: post(['Content-Length: 6', 'Transfer-Encoding: chunked'], '0\r\n\r\nG'), allow: REFUSED },
  { id: 'TE-1', name: 'TE.CL: both fields, the coding first', rfc: 'RFC9112 6.1, 6.3(3), 11.2; CWE-444', bytes: post(['Transfer-Encoding: chunked', 'Content-Length: 4'], `38\r\n${SMUGGLED}\r\n0\r\n\r\n`), allow: REFUSED },
  { id: 'TE-2', name: 'CL.TE with a smuggled request', rfc: 'RFC9112 6.3(3); CWE-444', bytes: post(['Content-Length: 61', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-3', name: 'both fields far apart', rfc: 'RFC9112 6.3(3)', bytes: post(['Content-Length: 61', ...Array.from({ length: 30 }, (_, i) => `X-${i}: ${i}`), 'tRANSFER-eNCODING: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-4', name: 'both fields, the length 0', rfc: 'RFC9112 6.3(3); PortSwigger 0.CL', bytes: post(['Content-Length: 0', 'Transfer-Encoding: chunked'], CHUNKS), allow: REFUSED },
  { id: 'TE-5', name: 'both fields on a GET', rfc: 'RFC9112 6.3(3)', bytes: line('GET /p HTTP/1.1', ['Content-Length: 5', 'Transfer-Encoding: chunked'], CHUNKS), allow: REFUSED },
  { id: 'TE-6', name: 'an empty Transfer-Encoding beside a length', rfc: 'RFC9112 6.1, 6.3', bytes: post(['Transfer-Encoding: ', 'Content-Length: 5'], 'hello'), allow: REFUSED_CODING },
  { id: 'TE-7', name: 'a length beside a coding that is not chunked', rfc: 'RFC9112 6.3(4)', bytes: post(['Transfer-Encoding: xchunked', 'Content-Length: 5'], 'hello'), allow: REFUSED_CODING },
  { id: 'C35', name: 'Transfer_Encoding beside a length', rfc: 'RFC9110 5.1; nginx underscores_in_headers', bytes: post(['Content-Length: 5', 'Transfer_Encoding: chunked'], 'hello'), allow: [200, 400], body: 'hello', absent: ['transfer_encoding', 'transfer-encoding'] },
  { id: 'C19', name: 'a space before the colon of Transfer-Encoding', rfc: 'RFC9112 5.1; CVE-2019-16869', bytes: post(['Content-Length: 3', 'Transfer-Encoding : chunked'], '0\r\n\r\n'), allow: REFUSED },
  { id: 'TE-8', name: 'a tab before the colon of Transfer-Encoding', rfc: 'RFC9112 5.1', bytes: post(['Content-Length: 61', 'Transfer-Encoding\t: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-9', name: 'a NUL before the colon of Transfer-Encoding', rfc: 'RFC9110 5.1', bytes: post(['Content-Length: 61', 'Transfer-Encoding\0: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-10', name: 'a space before Transfer-Encoding: a folded line', rfc: 'RFC9112 5.2', bytes: post(['Content-Length: 61', ' Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-11', name: 'Transfer-Encoding behind a bare LF', rfc: 'RFC9112 2.2', bytes: post(['Content-Length: 61', 'X-A: b\nTransfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-12', name: 'a name that a lower-casing of the whole of Unicode would make Transfer-Encoding', rfc: 'RFC9110 5.1', bytes: post(['Content-Length: 61', 'Transfer-Encod\xc4\xb1ng: chunked'], `0\r\n\r\n${SMUGGLED}`), allow: REFUSED },
  { id: 'TE-13', name: 'a second colon before the coding', rfc: 'RFC9112 6.1', bytes: post(['Content-Length: 5', 'Transfer-Encoding:: chunked'], 'hello'), allow: REFUSED_CODING },
];

const codings: ClientCase[] = [
  { id: 'C21', name: 'Transfer-Encoding: chunked, identity', rfc: 'RFC9112 6.3(4); CVE-2019-15605 (Node)', bytes: post(['Transfer-Encoding: chunked, identity'], CHUNKS), allow: REFUSED_CODING },
  { id: 'C22', name: 'Transfer-Encoding: identity', rfc: 'RFC9112 6.3(4), 7 (removed from the registry)', bytes: post(['Transfer-Encoding: identity'], 'hello'), allow: REFUSED_CODING },
  { id: 'C23', name: 'Transfer-Encoding: ,chunked', rfc: 'RFC9110 5.6.1', bytes: post(['Transfer-Encoding: ,chunked'], '0\r\n\r\n'), allow: [200, ...REFUSED_CODING] },
  { id: 'C24', name: 'two Transfer-Encoding: chunked lines', rfc: 'RFC9112 6.1 (not more than once), 7.1; CVE-2020-8287 (Node)', bytes: post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '1\r\nZ\r\n0\r\n\r\n'), allow: REFUSED_CODING },
  { id: 'C25', name: 'TE.TE: chunked, and a line of identity', rfc: 'RFC9112 6.3(4); PortSwigger TE.TE', bytes: post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], CHUNKS), allow: REFUSED_CODING },
  { id: 'C27', name: 'Transfer-Encoding with 0xA0 in front', rfc: 'RFC9110 5.6.3', bytes: post(['Transfer-Encoding: \xa0chunked'], '0\r\n\r\n'), allow: REFUSED_CODING, gap: { rule: 'trimsHighBytes', today: [200], forwarded: 1 } },
  { id: 'C28', name: 'Transfer-Encoding: "chunked"', rfc: 'RFC9112 7 (a token)', bytes: post(['Transfer-Encoding: "chunked"'], '0\r\n\r\n'), allow: REFUSED_CODING },
  { id: 'C31', name: 'Transfer-Encoding in HTTP/1.0', rfc: 'RFC9112 6.1 (faulty framing)', bytes: `POST /p HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`, allow: [400, 505, 'close'] },
  ...[
    ['xchunked', 'another word'], ['chunkedx', 'a longer word'], ['chunke', 'a shorter word'], ['chunked;q=1', 'a parameter'], ['chunked;', 'an empty parameter'], ['chunked, chunked', 'the coding twice'], ['gzip', 'another coding'], ['chunked, gzip', 'another coding last'],
    ['gzip, chunked', 'another coding first'], ['identity, chunked', 'identity first'], ['chunked,identity', 'identity last, no space'], ['chunked cow', 'a second word'], ['cow chunked', 'a first word'], ['\x0bchunked', 'a vertical tab in front'], ['chunked\x0b', 'a vertical tab behind'],
    ['\x0cchunked', 'a form feed in front'], ['chun\x00ked', 'a NUL inside'], ["'chunked'", 'apostrophes'], ['[chunked]', 'brackets'], ['chunked\x1f', 'a control byte behind'], ['0', 'a number'], ['chunk ed', 'a space inside'], ['c\xc4\xa7unked', 'a letter that is not ASCII'], ['chunKed'.replace('K', '\xe2\x84\xaa'), 'the Kelvin sign for a K'], ['chunked\x7f', 'DEL behind'],
  ].map(([value, name], i): ClientCase => ({ id: `TE-${i + 20}`, name: `Transfer-Encoding with ${name}`, rfc: 'RFC9112 6.1, 6.3(4), 7', bytes: post([`Transfer-Encoding: ${value}`], CHUNKS), allow: REFUSED_CODING })),
  { id: 'TE-50', name: 'chunked, with a list of nothing behind', rfc: 'RFC9110 5.6.1', bytes: post(['Transfer-Encoding: chunked,'], CHUNKS), allow: [200, ...REFUSED_CODING], body: 'hello' },
  { id: 'TE-51', name: 'Transfer-Encoding: CHUNKED', rfc: 'RFC9112 7 (not case-sensitive)', bytes: post(['Transfer-Encoding: CHUNKED'], CHUNKS), allow: [200], body: 'hello', kept: { 'transfer-encoding': 'chunked' } },
  { id: 'TE-52', name: 'Transfer-Encoding with white space around', rfc: 'RFC9110 5.5 (OWS)', bytes: post(['Transfer-Encoding:\t chunked \t'], CHUNKS), allow: [200], body: 'hello', kept: { 'transfer-encoding': 'chunked' } },
  { id: 'TE-53', name: 'Transfer-Encoding without white space', rfc: 'RFC9110 5.5 (OWS)', bytes: post(['Transfer-Encoding:chunked'], CHUNKS), allow: [200], body: 'hello' },
  { id: 'TE-54', name: 'an empty Transfer-Encoding alone', rfc: 'RFC9112 6.1', bytes: post(['Transfer-Encoding:'], CHUNKS), allow: REFUSED_CODING },
  { id: 'TE-55', name: 'an empty Transfer-Encoding, then chunked', rfc: 'RFC9112 6.1', bytes: post(['Transfer-Encoding:', 'Transfer-Encoding: chunked'], CHUNKS), allow: REFUSED_CODING },
  { id: 'TE-56', name: 'identity, then a line of chunked', rfc: 'RFC9112 6.3(4)', bytes: post(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], CHUNKS), allow: REFUSED_CODING },
  { id: 'TE-57', name: 'a folded Transfer-Encoding', rfc: 'RFC9112 5.2', bytes: post(['Transfer-Encoding:', ' chunked'], CHUNKS), allow: [...REFUSED_CODING] },
  { id: 'TE-58', name: 'a chunked GET', rfc: 'RFC9110 9.3.1', bytes: line('GET /p HTTP/1.1', ['Transfer-Encoding: chunked'], CHUNKS), allow: EITHER, body: 'hello' },
  { id: 'TE-59', name: 'Transfer-Encoding with 0xFF behind', rfc: 'RFC9110 5.6.3', bytes: post(['Transfer-Encoding: chunked\xff'], CHUNKS), allow: REFUSED_CODING, gap: { rule: 'trimsHighBytes', today: [200], forwarded: 1 } },
  { id: 'TE-60', name: 'a bare CR before the coding', rfc: 'RFC9112 2.2', bytes: post(['Transfer-Encoding: \rchunked'], CHUNKS), allow: REFUSED_CODING, gap: { rule: 'waitsForLineEnd', today: ['silence'] } },
];

export const FRAMING: Group<ClientCase> = {
  title: 'Framing',
  about: 'Where a request ends: one Content-Length of digits, or one Transfer-Encoding that is exactly chunked, never both, never more than one. What goes upstream is framed anew in any case.',
  reasons: ['contentLength', 'transferEncoding', 'unknownTransferCoding', 'lengthAndTransferEncoding', 'repeatedHeader', 'headerValue'],
  cases: [...lengths, ...both, ...codings],
};
