/**
 * One rule a row: what nginx ("upstream sent …"), llhttp and RFC 9112 say of an answer, each tried whole, byte by byte and cut in two at every
 * place. `refused` is an error of the head or the body; else the row tells what is read.
 */
import { describe, expect, it } from 'vitest';
import { parseResponse, type ResponseOptions } from '../../../src/binding/messages.ts';
import type { NativeResponse } from '../../../src/binding/native.ts';

interface Rule {
  name: string;
  text: string;
  options?: ResponseOptions;
  expected: 'refused' | 'truncated' | Partial<NativeResponse>;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const END = 'Content-Length: 0\r\n\r\n';
const CLOSED: ResponseOptions = { closed: true };

const STATUS_LINES: Rule[] = [
  { name: 'no reason, no space', text: `HTTP/1.1 301\r\n${END}`, expected: { status: 301, statusLine: '301', done: true } },
  { name: 'no reason after the space', text: `HTTP/1.1 200 \r\n${END}`, expected: { statusLine: '200 ', done: true } },
  { name: 'a second space belongs to the reason', text: `HTTP/1.1 200  OK\r\n${END}`, expected: { statusLine: '200  OK' } },
  { name: 'obs-text in the reason', text: `HTTP/1.1 404 Nicht gef\xfcnden\r\n${END}`, expected: { statusLine: '404 Nicht gef\xfcnden' } },
  { name: 'highest code', text: `HTTP/1.1 599 x\r\n${END}`, expected: { status: 599 } },
  { name: 'a letter is missing', text: `HTP/1.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'letters too many', text: `HTTPER/1.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'lower case', text: `http/1.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'a digit too many before the dot', text: `HTTP/01.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'version 11.1', text: `HTTP/11.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'a digit too many behind the dot', text: `HTTP/1.01 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'version 5.6', text: `HTTP/5.6 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'version 2', text: `HTTP/2 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'version 0.9 by its words', text: `HTTP/0.9 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'a body without a head (HTTP/0.9)', text: '<html>hello</html>\r\n\r\n', expected: 'refused' },
  { name: 'another protocol of the same form', text: `RTSP/1.0 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'Shoutcast', text: `ICY 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'TAB after the version', text: `HTTP/1.1\t200 OK\r\n${END}`, expected: 'refused' },
  { name: 'two spaces after the version', text: `HTTP/1.1  200 OK\r\n${END}`, expected: 'refused' },
  { name: 'TAB after the code', text: `HTTP/1.1 200\tOK\r\n${END}`, expected: 'refused' },
  { name: 'CR in front', text: `\rHTTP/1.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'empty line in front', text: `\r\nHTTP/1.1 200 OK\r\n${END}`, expected: 'refused' },
  { name: 'code of one digit', text: `HTTP/1.1 2 OK\r\n${END}`, expected: 'refused' },
  { name: 'code of four digits', text: `HTTP/1.1 2000 OK\r\n${END}`, expected: 'refused' },
  { name: 'code with a sign', text: `HTTP/1.1 +20 OK\r\n${END}`, expected: 'refused' },
  { name: 'code 600', text: `HTTP/1.1 600 x\r\n${END}`, expected: 'refused' },
  { name: 'code 099', text: `HTTP/1.1 099 x\r\n${END}`, expected: 'refused' },
  { name: 'NUL in the reason', text: `HTTP/1.1 200 O\0K\r\n${END}`, expected: 'refused' },
  { name: 'escape sequence in the reason', text: `HTTP/1.1 200 \x1b[31m\r\n${END}`, expected: 'refused' },
  { name: 'CR in the reason', text: `HTTP/1.1 200 O\rK\r\n${END}`, expected: 'refused' },
];

const FIELDS: Rule[] = [
  { name: 'every mark of a token in a name', text: `${OK}!#$%&'*+-.^_\`|~: x\r\n${END}`, expected: { fields: ["!#$%&'*+-.^_`|~", 'x', 'Content-Length', '0'] } },
  { name: 'no space after the colon, TABs around a value', text: `${OK}A:b\r\nB:\t c \t\r\n${END}`, expected: { fields: ['A', 'b', 'B', 'c', 'Content-Length', '0'] } },
  { name: 'an empty value does not swallow the next line', text: `${OK}Pragma: \r\nLocation: /x\r\n${END}`, expected: { fields: ['Pragma', '', 'Location', '/x', 'Content-Length', '0'] } },
  { name: 'names that only begin or end like known ones', text: `${OK}Content-Length-X: 9\r\nX-Transfer-Encoding: gzip\r\n_onnection: close\r\n${END}`, expected: { framing: 'length', persistent: true, done: true } },
  { name: 'the same name twice stays two lines', text: `${OK}Set-Cookie: a\r\nSet-Cookie: b\r\n${END}`, expected: { fields: ['Set-Cookie', 'a', 'Set-Cookie', 'b', 'Content-Length', '0'] } },
  { name: 'a line folded under another', text: `${OK}A: b\r\n c\r\n${END}`, expected: 'refused' },
  { name: 'a line folded under the status line', text: `${OK} A: b\r\n${END}`, expected: 'refused' },
  { name: 'a framing field folded', text: `${OK}Transfer-Encoding: chunked\r\n  abc\r\n\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'a line of white space only', text: `${OK}A: b\r\n \r\n${END}`, expected: 'refused' },
  { name: 'space before the colon', text: `${OK}Content-Length : 0\r\n\r\n`, expected: 'refused' },
  { name: 'TAB before the colon', text: `${OK}A\t: b\r\n${END}`, expected: 'refused' },
  { name: 'no name', text: `${OK}: b\r\n${END}`, expected: 'refused' },
  { name: 'no colon', text: `${OK}A b\r\n${END}`, expected: 'refused' },
  { name: 'brackets in a name', text: `${OK}A[]: b\r\n${END}`, expected: 'refused' },
  { name: 'NUL in a name', text: `${OK}A\0: b\r\n${END}`, expected: 'refused' },
  { name: 'a byte beyond ASCII in a name', text: `${OK}\xc4: b\r\n${END}`, expected: 'refused' },
  { name: 'NUL in a value', text: `${OK}A: b\0c\r\n${END}`, expected: 'refused' },
  { name: 'DEL in a value', text: `${OK}A: b\x7f\r\n${END}`, expected: 'refused' },
  { name: 'CR between two fields', text: `${OK}A: 1\rB: 2\r\n${END}`, expected: 'refused' },
  { name: 'CR CR LF', text: `${OK}A: 1\r\r\n${END}`, expected: 'refused' },
  { name: 'LF only, everywhere', text: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', expected: 'refused' },
  { name: 'LF only, once', text: `${OK}A: b\n${END}`, expected: 'refused' },
  { name: 'LF only in the empty line', text: `${OK}Content-Length: 0\r\n\n`, expected: 'refused' },
];

const LENGTHS: Rule[] = [
  { name: 'TABs around it', text: `${OK}Content-Length:\t5\t\r\n\r\nhello`, expected: { body: 'hello', done: true, rest: 0 } },
  { name: 'zeros in front', text: `${OK}Content-Length: 00005\r\n\r\nhello`, expected: { body: 'hello', done: true } },
  { name: 'equal ones in two lines and a list', text: `${OK}Content-Length: 5\r\nContent-Length: 5, 5\r\n\r\nhello`, expected: { body: 'hello', done: true } },
  { name: 'different ones', text: `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`, expected: 'refused' },
  { name: 'different ones in a list', text: `${OK}Content-Length: 5, 6\r\n\r\nhello!`, expected: 'refused' },
  { name: 'space inside', text: `${OK}Content-Length: 4 2\r\n\r\n`, expected: 'refused' },
  { name: 'vertical TAB behind', text: `${OK}Content-Length: 4\x0b\r\n\r\n`, expected: 'refused' },
  { name: 'empty', text: `${OK}Content-Length:\r\n\r\n`, expected: 'refused' },
  { name: 'empty item of a list', text: `${OK}Content-Length: 5,\r\n\r\nhello`, expected: 'refused' },
  { name: 'minus', text: `${OK}Content-Length: -1\r\n\r\n`, expected: 'refused' },
  { name: 'plus', text: `${OK}Content-Length: +5\r\n\r\nhello`, expected: 'refused' },
  { name: 'hexadecimal', text: `${OK}Content-Length: 0x5\r\n\r\nhello`, expected: 'refused' },
  { name: 'fraction', text: `${OK}Content-Length: 5.0\r\n\r\nhello`, expected: 'refused' },
  { name: '2^64 and five', text: `${OK}Content-Length: 18446744073709551621\r\n\r\nhello`, expected: 'refused' },
  { name: 'malformed on an answer without a body', text: 'HTTP/1.1 304 x\r\nContent-Length: x\r\n\r\n', expected: 'refused' },
  { name: 'more data than specified', text: `${OK}Content-Length: 5\r\n\r\nhelloHTTP/1.1`, expected: { body: 'hello', done: true, rest: 8 } },
  { name: 'less data than specified', text: `${OK}Content-Length: 5\r\n\r\nhell`, options: CLOSED, expected: 'truncated' },
  { name: 'data after an answer to HEAD', text: `${OK}Content-Length: 5\r\n\r\nhello`, options: { toHead: true }, expected: { body: '', done: true, rest: 5, persistent: true } },
  { name: 'data after a 204', text: 'HTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', expected: { body: '', done: true, rest: 19 } },
  { name: 'data after a 304', text: 'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\nhello', expected: { body: '', done: true, rest: 5 } },
  { name: 'neither length nor coding: until the end', text: 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK', options: CLOSED, expected: { body: 'HTTP/1.1 200 OK', done: true, persistent: false } },
  { name: 'keep-alive of 1.0 does not make a length', text: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nbody', options: CLOSED, expected: { body: 'body', done: true, persistent: false } },
  { name: 'Upgrade in a 200 changes nothing', text: `${OK}Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody`, expected: { body: 'body', done: true } },
];

const CODINGS: Rule[] = [
  { name: 'white space and another case', text: `${OK}Transfer-Encoding:\t CHUNKED \r\n\r\n0\r\n\r\n`, expected: { framing: 'chunked', done: true } },
  ...['', 'identity', 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,', ', chunked', 'chunkedchunked', 'xchunked', 'chunked;a=b', '"chunked"', 'chun ked'].map(
    (value): Rule => ({ name: `unknown: "${value}"`, text: `${OK}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`, expected: 'refused' }),
  ),
  { name: 'in two lines', text: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'in two lines, the last one identity', text: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'with a length before', text: `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'with a length behind', text: `${OK}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'empty, with a length', text: `${OK}Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello`, expected: 'refused' },
  { name: 'on HTTP/1.0', text: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', expected: 'refused' },
  { name: 'unknown, in an answer to HEAD', text: `${OK}Transfer-Encoding: gzip\r\n\r\n`, options: { toHead: true }, expected: 'refused' },
];

const CHUNKS: Rule[] = [
  { name: 'sizes in both cases, with zeros', text: `${CHUNKED}00a\r\n0123456789\r\nB\r\nabcdefghijk\r\n000\r\n\r\n`, expected: { body: '0123456789abcdefghijk', done: true, rest: 0 } },
  { name: 'extensions with names, values and quotes', text: `${CHUNKED}2;a;b=c;d="e; f"\r\nok\r\n0;x\r\n\r\n`, expected: { body: 'ok', done: true } },
  { name: 'a size that is padded', text: `${CHUNKED}2  \r\nok\r\n0 \t\r\n\r\n`, expected: { body: 'ok', done: true } },
  { name: 'trailers are passed over', text: `${CHUNKED}2\r\nok\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n`, expected: { body: 'ok', done: true, rest: 0, fields: ['Transfer-Encoding', 'chunked'] } },
  { name: 'data after the last chunk', text: `${CHUNKED}0\r\n\r\nHTTP/1.1 200 OK\r\n`, expected: { done: true, rest: 17 } },
  { name: 'data after trailers', text: `${CHUNKED}0\r\nX-T: 1\r\n\r\nx`, expected: { done: true, rest: 1 } },
  { name: 'no size', text: `${CHUNKED}\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'a sign', text: `${CHUNKED}+2\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'a minus', text: `${CHUNKED}-2\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'a space in front', text: `${CHUNKED} 2\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: '0x', text: `${CHUNKED}0x2\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'a letter that is no digit', text: `${CHUNKED}g\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'an underscore', text: `${CHUNKED}0_2\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: '2^64 and two', text: `${CHUNKED}10000000000000002\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: '2^63', text: `${CHUNKED}8000000000000000\r\nok`, expected: 'refused' },
  { name: 'words without a semicolon', text: `${CHUNKED}2 erfr\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'LF only after the size', text: `${CHUNKED}2\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'CR only after the size', text: `${CHUNKED}2\rok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'LF in an extension', text: `${CHUNKED}2;a\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'CR in a quoted extension', text: `${CHUNKED}2;a="\r"\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'a quoted extension does not hide a line end', text: `${CHUNKED}2;a="\r\nok\r\n0\r\n\r\n`, expected: { body: 'ok', done: true, rest: 0 } },
  { name: 'NUL in an extension', text: `${CHUNKED}2;a\0\r\nok\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'LF only after the data', text: `${CHUNKED}2\r\nok\n0\r\n\r\n`, expected: 'refused' },
  { name: 'nothing after the data', text: `${CHUNKED}2\r\nok0\r\n\r\n`, expected: 'refused' },
  { name: 'a byte more than the size', text: `${CHUNKED}2\r\nok!\r\n0\r\n\r\n`, expected: 'refused' },
  { name: 'LF only as the end', text: `${CHUNKED}0\r\n\n`, expected: 'refused' },
  { name: 'a folded trailer', text: `${CHUNKED}0\r\nX-T: 1\r\n 2\r\n\r\n`, expected: 'refused' },
  { name: 'a trailer without a colon', text: `${CHUNKED}0\r\nHTTP\r\n\r\n`, expected: 'refused' },
  { name: 'a trailer with a space in its name', text: `${CHUNKED}0\r\nX T: 1\r\n\r\n`, expected: 'refused' },
  { name: 'a status line among the trailers', text: `${CHUNKED}0\r\nHTTP/1.1 200 OK\r\n\r\n`, expected: 'refused' },
  { name: 'NUL in a trailer', text: `${CHUNKED}0\r\nX-T: \0\r\n\r\n`, expected: 'refused' },
  { name: 'CR in a trailer', text: `${CHUNKED}0\r\nX-T: a\rb\r\n\r\n`, expected: 'refused' },
  { name: 'no last chunk', text: `${CHUNKED}2\r\nok\r\n`, options: CLOSED, expected: 'truncated' },
  { name: 'no empty line at the end', text: `${CHUNKED}2\r\nok\r\n0\r\n`, options: CLOSED, expected: 'truncated' },
  { name: 'the end inside a size', text: `${CHUNKED}2`, options: CLOSED, expected: 'truncated' },
];

const EXCHANGES: Rule[] = [
  { name: 'interim answers are passed over', text: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}${END}`, expected: { interim: [100, 103], status: 200, done: true } },
  { name: 'framing in an interim answer frames nothing', text: `HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n${OK}${END}`, expected: { interim: [103], status: 200, done: true } },
  { name: 'interim answers only', text: 'HTTP/1.1 100 Continue\r\n\r\n', options: CLOSED, expected: 'truncated' },
  { name: 'an interim answer that is wrong', text: `HTTP/1.1 100 Continue\r\nA : b\r\n\r\n${OK}${END}`, expected: 'refused' },
  { name: 'sixteen interim answers', text: `${'HTTP/1.1 102 x\r\n\r\n'.repeat(16)}${OK}${END}`, expected: { status: 200, done: true } },
  { name: 'seventeen interim answers', text: `${'HTTP/1.1 102 x\r\n\r\n'.repeat(17)}${OK}${END}`, expected: 'refused' },
  { name: '101 without asking', text: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n', expected: 'refused' },
  { name: '1.0 closes', text: `HTTP/1.0 200 OK\r\n${END}`, expected: { persistent: false } },
  { name: '1.0 stays with keep-alive', text: `HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive\r\n${END}`, expected: { persistent: true } },
  { name: '1.1 stays', text: `${OK}${END}`, expected: { persistent: true } },
  { name: '1.1 closes when it says so, in any case and anywhere in the list', text: `${OK}Connection: x\r\nConnection: keep-alive , CLOSE\r\n${END}`, expected: { persistent: false } },
  { name: 'closed is not close', text: `${OK}Connection: closed, "close", close;\r\n${END}`, expected: { persistent: true } },
  { name: 'the connection ends before an answer', text: '', options: CLOSED, expected: 'truncated' },
  { name: 'the connection ends in a head', text: `${OK}A: b\r\n`, options: CLOSED, expected: 'truncated' },
];

const LIMITS: Rule[] = [
  { name: '128 lines', text: `${OK}${'A: b\r\n'.repeat(127)}${END}`, expected: { status: 200, done: true } },
  { name: '129 lines', text: `${OK}${'A: b\r\n'.repeat(128)}${END}`, expected: 'refused' },
  { name: 'a head of 64 KiB', text: `${OK}A: ${'x'.repeat(65_536 - OK.length - END.length - 5)}\r\n${END}`, expected: { status: 200, done: true } },
  { name: 'a head of a byte more', text: `${OK}A: ${'x'.repeat(65_537 - OK.length - END.length - 5)}\r\n${END}`, expected: 'refused' },
  { name: 'a head without an end', text: `${OK}A: ${'x'.repeat(65_536)}`, expected: 'refused' },
  { name: 'an extension of 4 KiB', text: `${CHUNKED}0;${'x'.repeat(4096)}\r\n\r\n`, expected: { done: true } },
  { name: 'an extension of a byte more', text: `${CHUNKED}0;${'x'.repeat(4097)}\r\n\r\n`, expected: 'refused' },
  { name: 'trailers over 16 KiB', text: `${CHUNKED}0\r\n${`A: ${'x'.repeat(1000)}\r\n`.repeat(17)}\r\n`, expected: 'refused' },
];

/** Whole, byte by byte, and in two pieces at every place; of long messages at some. */
function everyWay(text: string): number[][] {
  const places = Array.from({ length: text.length }, (_, i) => i).slice(1);
  return [[], ...(text.length > 2000 ? [places.filter((i) => i % 997 === 0)] : [places, ...places.map((i) => [i])])];
}

describe.each(Object.entries({ 'status line': STATUS_LINES, 'header lines': FIELDS, 'Content-Length': LENGTHS, 'Transfer-Encoding': CODINGS, chunks: CHUNKS, exchange: EXCHANGES, limits: LIMITS }))('%s', (_group, rules) => {
  it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_name, { text, options = {}, expected }) => {
    const bytes = Buffer.from(text, 'latin1');
    for (const ends of everyWay(text)) {
      const result = parseResponse(bytes, { ...options, ends });
      if (expected === 'refused') expect({ error: result.error !== undefined, truncated: result.truncated, ends }).toEqual({ error: true, truncated: false, ends });
      else if (expected === 'truncated') expect({ truncated: result.truncated, ends }).toEqual({ truncated: true, ends });
      else expect({ error: result.error, ...result, ends }).toMatchObject({ error: undefined, ...expected, ends });
    }
  });
});
