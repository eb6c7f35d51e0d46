/**
 * What one end of a WebSocket may be sent, and what it must make of it (RFC 6455), written for a peer that echoes messages.
 * The cases follow the groups of the Autobahn testsuite, whose numbers they carry as far as it has them; "M" are our own.
 * Either end can be examined: frames of clients are masked, frames of servers are not.
 */
import { MIB, binaryOf, textOf } from '../../support/bulk.ts';
import { OPCODE, closePayload, cutInto, fragments, frame, type FrameOptions } from '../../support/websocket-frames.ts';

export interface WebSocketCase {
  id: string;
  name: string;
  /** Section of RFC 6455. */
  rfc: string;
  send: Buffer[];
  /** Messages that come back, in order. */
  echoes: { opcode: number; payload: Buffer }[];
  /** Payloads of the pongs, in order. */
  pongs: Buffer[];
  /** The connection must be failed with this code. */
  fails?: number;
  /** The case closes; this is the code in the answer: the same, since the closing handshake repeats it (section 5.5.1). */
  closes?: number;
}

export interface Side {
  /** The cases are a client's. */
  masked: boolean;
  /** Bytes; the largest message that is taken. */
  maxMessage: number;
}

const { text: TEXT, binary: BINARY, continuation: CONTINUATION, close: CLOSE, ping: PING, pong: PONG } = OPCODE;
const utf8 = (value: string): Buffer => Buffer.from(value, 'utf8');
const hex = (value: string): Buffer => Buffer.from(value.replaceAll(' ', ''), 'hex');
const nameOf = (opcode: number): string => (opcode === TEXT ? 'text' : 'binary');

const payloadOf = (opcode: number, size: number): Buffer => (opcode === TEXT ? textOf(size) : binaryOf(size));

/** UTF-8 as the encoding scheme would write it, also what it must not (surrogates, more than 0x10ffff, too many bytes). */
function encode(point: number, bytes: number): Buffer {
  if (bytes === 1) return Buffer.from([point]);
  const lead = [0, 0, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc][bytes] ?? 0;
  const tail = Array.from({ length: bytes - 1 }, (_, i) => 0x80 | (Math.floor(point / 64 ** (bytes - 2 - i)) % 64));
  return Buffer.from([lead | Math.floor(point / 64 ** (bytes - 1)), ...tail]);
}

const KOSME = utf8('κόσμε');

/** Section of Markus Kuhn's stress test that the sequence is of, in words; the sequence; and whether it is UTF-8. */
const UTF8: [group: string, name: string, bytes: Buffer, valid: boolean][] = [
  ['6.5', 'a word with accents', utf8('Hello-µ@ßöäüàá-UTF-8!!'), true],
  ...Array.from({ length: KOSME.length + 1 }, (_, i): [string, string, Buffer, boolean] => {
    const part = KOSME.subarray(0, i);
    return ['6.6', `the first ${i} bytes of a Greek word`, part, utf8(part.toString('utf8')).equals(part)];
  }),
  ...[[0, 1], [0x80, 2], [0x800, 3], [0x10000, 4]].map(([point = 0, n = 0]): [string, string, Buffer, boolean] => ['6.7', `the first sequence of ${n} bytes`, encode(point, n), true]),
  ['6.8', 'the first sequence of 5 bytes', encode(0x200000, 5), false],
  ['6.8', 'the first sequence of 6 bytes', encode(0x4000000, 6), false],
  ...[[0x7f, 1], [0x7ff, 2], [0xffff, 3], [0x10ffff, 4]].map(([point = 0, n = 0]): [string, string, Buffer, boolean] => ['6.9', `the last sequence of ${n} bytes`, encode(point, n), true]),
  ['6.10', 'the last number of 4 bytes, which is no character', encode(0x1fffff, 4), false],
  ['6.10', 'the last number of 5 bytes', encode(0x3ffffff, 5), false],
  ['6.10', 'the last number of 6 bytes', encode(0x7fffffff, 6), false],
  ['6.11', 'U+D7FF, before the surrogates', encode(0xd7ff, 3), true],
  ['6.11', 'U+E000, after the surrogates', encode(0xe000, 3), true],
  ['6.11', 'U+FFFD', encode(0xfffd, 3), true],
  ['6.11', 'U+10FFFF, the last character', encode(0x10ffff, 4), true],
  ['6.11', 'U+110000, one more', encode(0x110000, 4), false],
  ['6.12', 'a continuation byte alone', hex('80'), false],
  ['6.12', 'the last continuation byte alone', hex('bf'), false],
  ...[2, 3, 4, 5, 6].map((n): [string, string, Buffer, boolean] => ['6.12', `${n} continuation bytes`, hex('80bf80bf80bf').subarray(0, n), false]),
  ['6.12', 'all continuation bytes', Buffer.from(Array.from({ length: 64 }, (_, i) => 0x80 + i)), false],
  ...([[2, 0xc0, 32], [3, 0xe0, 16], [4, 0xf0, 8], [5, 0xf8, 4], [6, 0xfc, 2]] as const).map(([n, first, count]): [string, string, Buffer, boolean] => [
    '6.13', `all first bytes of ${n}, each before a space`, Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.from([first + i, 0x20]))), false,
  ]),
  ...([[0, 2], [0, 3], [0, 4], [0, 5], [0, 6], [0x7ff, 2], [0xffff, 3], [0x1fffff, 4], [0x3ffffff, 5], [0x7fffffff, 6]] as const).map(([point, n]): [string, string, Buffer, boolean] => [
    '6.14', `${n} bytes (${point.toString(16)}) without the last`, encode(point, n).subarray(0, -1), false,
  ]),
  ['6.15', 'many unfinished sequences in a row', Buffer.concat([2, 3, 4, 5, 6].map((n) => encode(0, n).subarray(0, -1))), false],
  ['6.16', '0xFE', hex('fe'), false],
  ['6.16', '0xFF', hex('ff'), false],
  ['6.16', '0xFE 0xFE 0xFF 0xFF', hex('fefeffff'), false],
  ...[2, 3, 4, 5, 6].map((n): [string, string, Buffer, boolean] => ['6.17', `a slash in ${n} bytes`, encode(0x2f, n), false]),
  ...([[0x7f, 2], [0x7ff, 3], [0xffff, 4], [0x1fffff, 5], [0x3ffffff, 6]] as const).map(([point, n]): [string, string, Buffer, boolean] => ['6.18', `${point.toString(16)} in ${n} bytes, one too many`, encode(point, n), false]),
  ...[2, 3, 4, 5, 6].map((n): [string, string, Buffer, boolean] => ['6.19', `NUL in ${n} bytes`, encode(0, n), false]),
  ...[0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff].map((point): [string, string, Buffer, boolean] => ['6.20', `the surrogate U+${point.toString(16).toUpperCase()} alone`, encode(point, 3), false]),
  ...[0xd800, 0xdb7f, 0xdb80, 0xdbff].flatMap((high) => [0xdc00, 0xdfff].map((low): [string, string, Buffer, boolean] => [
    '6.21', `the surrogates ${high.toString(16)} ${low.toString(16)} as a pair`, Buffer.concat([encode(high, 3), encode(low, 3)]), false,
  ])),
  ...Array.from({ length: 17 }, (_, plane) => plane * 0x10000).flatMap((plane) => [0xfffe, 0xffff].map((low): [string, string, Buffer, boolean] => {
    const point = plane + low;
    return ['6.22', `U+${point.toString(16).toUpperCase()}, which is no character but may be sent`, encode(point, plane === 0 ? 3 : 4), true];
  })),
  ...[0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff].map((point): [string, string, Buffer, boolean] => ['6.23', `U+${point.toString(16).toUpperCase()}`, encode(point, 3), true]),
];

/** Codes that may be in a close frame (sections 7.4.1 and 7.4.2, and 1012-1014 of the registry of IANA). */
export const GOOD_CLOSE_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const BAD_CLOSE_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];

export function webSocketCases({ masked, maxMessage }: Side): WebSocketCase[] {
  const list: WebSocketCase[] = [];
  const f = (opcode: number, payload: Buffer | string = '', options: FrameOptions = {}): Buffer => frame(opcode, payload, { masked, ...options });
  const parts = (opcode: number, payloads: readonly (Buffer | string)[]): Buffer[] => fragments(opcode, payloads, { masked });
  const text = (value: string | Buffer): WebSocketCase['echoes'][number] => ({ opcode: TEXT, payload: Buffer.from(value) });
  const add = (id: string, rfc: string, name: string, send: Buffer[], { echoes = [], pongs = [], ...end }: Partial<WebSocketCase> = {}): void => {
    list.push({ id, rfc, name, send, echoes, pongs, ...end });
  };
  const hello = f(TEXT, 'Hello, world!');
  const helloBack = text('Hello, world!');

  // 1: one frame of every interesting length
  for (const [group, opcode] of [['1.1', TEXT], ['1.2', BINARY]] as const) {
    [0, 1, 125, 126, 127, 128, 65535, 65536].forEach((size, i) => {
      const payload = payloadOf(opcode, size);
      add(`${group}.${i + 1}`, '5.2', `${nameOf(opcode)} of ${size} bytes`, [f(opcode, payload)], { echoes: [{ opcode, payload }] });
    });
  }

  // 2: pings and pongs
  const odd = hex('00fffefdfcfb00ff');
  const longest = Buffer.alloc(125, 0xfe);
  add('2.1', '5.5.2', 'ping without payload', [f(PING)], { pongs: [Buffer.alloc(0)] });
  add('2.2', '5.5.2', 'ping with text', [f(PING, 'Hello')], { pongs: [utf8('Hello')] });
  add('2.3', '5.5.2', 'ping with bytes that are no UTF-8', [f(PING, odd)], { pongs: [odd] });
  add('2.4', '5.5.2', 'ping of 125 bytes', [f(PING, longest)], { pongs: [longest] });
  add('2.5', '5.5', 'ping of 126 bytes', [f(PING, Buffer.alloc(126, 0xfe))], { fails: 1002 });
  add('2.7', '5.5.3', 'pong that nobody asked for', [f(PONG), hello], { echoes: [helloBack] });
  add('2.8', '5.5.3', 'pong with payload that nobody asked for', [f(PONG, 'unasked'), hello], { echoes: [helloBack] });
  add('2.9', '5.5.3', 'pong, then ping', [f(PONG, 'unasked'), f(PING, 'asked')], { pongs: [utf8('asked')] });
  add('2.10', '5.5.2', 'ten pings', Array.from({ length: 10 }, (_, i) => f(PING, `ping ${i}`)), { pongs: Array.from({ length: 10 }, (_, i) => utf8(`ping ${i}`)) });

  // 3: reserved bits, without an extension that gives them a meaning
  for (let rsv = 1; rsv < 8; rsv++) add(`3.${rsv}`, '5.2', `text, then text with reserved bits ${rsv}, then ping`, [hello, f(TEXT, 'Hello', { rsv }), f(PING)], { echoes: [helloBack], fails: 1002 });
  add('3.5b', '5.2', 'binary with reserved bits 5', [f(BINARY, odd, { rsv: 5 })], { fails: 1002 });
  add('3.6b', '5.2', 'ping with reserved bits 6', [f(PING, 'Hello', { rsv: 6 })], { fails: 1002 });
  add('3.7b', '5.2', 'close with reserved bits 7', [f(CLOSE, closePayload(1000), { rsv: 7 })], { fails: 1002 });
  add('3.M1', '5.2', 'continuation with reserved bits 4', [f(TEXT, 'a', { fin: false }), f(CONTINUATION, 'b', { rsv: 4 })], { fails: 1002 });

  // 4: opcodes without a meaning
  for (const [i, opcode] of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].entries()) {
    const id = opcode < 8 ? `4.1.${i + 1}` : `4.2.${i - 4}`;
    add(id, '5.2', `opcode ${opcode} without payload`, [f(opcode), f(PING)], { fails: 1002 });
    add(`${id}b`, '5.2', `text, then opcode ${opcode} with payload`, [hello, f(opcode, 'reserved'), f(PING)], { echoes: [helloBack], fails: 1002 });
  }

  // 5: fragments
  const half = (opcode: number, payload: string): Buffer => f(opcode, payload, { fin: false });
  add('5.1', '5.5', 'ping in two fragments', [half(PING, 'frag'), f(CONTINUATION, 'ment')], { fails: 1002 });
  add('5.2', '5.5', 'pong in two fragments', [half(PONG, 'frag'), f(CONTINUATION, 'ment')], { fails: 1002 });
  add('5.2M', '5.5', 'close in two fragments', [f(CLOSE, closePayload(1000), { fin: false }), f(CONTINUATION, 'bye')], { fails: 1002 });
  add('5.3', '5.4', 'text in two fragments', parts(TEXT, ['frag', 'ment']), { echoes: [text('fragment')] });
  add('5.6', '5.4', 'text in two fragments with a ping between', [half(TEXT, 'frag'), f(PING, 'between'), f(CONTINUATION, 'ment')], { echoes: [text('fragment')], pongs: [utf8('between')] });
  add('5.9', '5.4', 'final continuation of nothing, then text', [f(CONTINUATION, 'lost'), hello], { fails: 1002 });
  add('5.12', '5.4', 'continuation of nothing, then text', [half(CONTINUATION, 'lost'), hello], { fails: 1002 });
  add('5.15', '5.4', 'text in fragments, then a continuation of nothing, then text', [...parts(TEXT, ['frag', 'ment']), half(CONTINUATION, 'lost'), hello], { echoes: [text('fragment')], fails: 1002 });
  add('5.16', '5.4', 'continuations of nothing and texts in turn', [half(CONTINUATION, 'lost'), hello, half(CONTINUATION, 'lost'), hello], { fails: 1002 });
  add('5.18', '5.4', 'text, unfinished, then another text', [half(TEXT, 'frag'), f(TEXT, 'ment')], { fails: 1002 });
  add('5.18b', '5.4', 'text, unfinished, then binary', [half(TEXT, 'frag'), f(BINARY, 'ment')], { fails: 1002 });
  add('5.19', '5.4', 'text in five fragments with pings between', [
    half(TEXT, 'a'), half(CONTINUATION, 'b'), f(PING, 'one'), half(CONTINUATION, 'c'), half(CONTINUATION, 'd'), f(PING, 'two'), f(CONTINUATION, 'e'),
  ], { echoes: [text('abcde')], pongs: [utf8('one'), utf8('two')] });
  add('5.M1', '5.4', 'binary in a hundred fragments of one byte', parts(BINARY, cutInto(binaryOf(100), 1)), { echoes: [{ opcode: BINARY, payload: binaryOf(100) }] });
  add('5.M2', '5.4', 'empty fragments before, between and after', parts(TEXT, ['', 'a', '', '', 'b', '']), { echoes: [text('ab')] });
  add('5.M3', '5.4', 'two messages in fragments, one after the other', [...parts(TEXT, ['a', 'b']), ...parts(BINARY, ['c', 'd'])], { echoes: [text('ab'), { opcode: BINARY, payload: utf8('cd') }] });

  // 6: UTF-8
  add('6.1.1', '5.6', 'empty text', [f(TEXT)], { echoes: [text('')] });
  add('6.1.2', '5.6', 'text in three empty fragments', parts(TEXT, ['', '', '']), { echoes: [text('')] });
  add('6.1.3', '5.6', 'text in three fragments, only the middle one with bytes', parts(TEXT, ['', 'middle', '']), { echoes: [text('middle')] });
  const bad = Buffer.concat([KOSME, hex('eda080'), utf8('edited')]);
  add('6.3.1', '8.1', 'a surrogate in the middle of text', [f(TEXT, bad)], { fails: 1007 });
  add('6.4.1', '8.1', 'bad UTF-8 in the second of three fragments', parts(TEXT, [KOSME, hex('f4908080'), 'edited']), { fails: 1007 });
  add('6.4.3', '8.1', 'bad UTF-8 in a message that does not end: refused at once', [half(TEXT, 'good'), f(CONTINUATION, hex('f4908080'), { fin: false })], { fails: 1007 });
  const counts = new Map<string, number>();
  for (const [group, name, bytes, valid] of UTF8) {
    const n = (counts.get(group) ?? 0) + 1;
    counts.set(group, n);
    const end = valid ? { echoes: [text(bytes)] } : { fails: 1007 };
    add(`${group}.${n}`, '8.1', `${name}: ${valid ? 'good' : 'bad'}`, [f(TEXT, bytes)], end);
    if (bytes.length > 1) add(`${group}.${n}f`, '8.1', `${name}, a byte in each fragment: ${valid ? 'good' : 'bad'}`, parts(TEXT, cutInto(bytes, 1)), end);
  }

  // 7: closing
  add('7.1.1', '5.5.1', 'text, then close', [hello, f(CLOSE, closePayload(1000))], { echoes: [helloBack], closes: 1000 });
  add('7.1.2', '5.5.1', 'close twice', [f(CLOSE, closePayload(1000)), f(CLOSE, closePayload(1000))], { closes: 1000 });
  add('7.1.3', '5.5.1', 'ping after close', [f(CLOSE, closePayload(1000)), f(PING, 'late')], { closes: 1000 });
  add('7.1.4', '5.5.1', 'text after close', [f(CLOSE, closePayload(1000)), hello], { closes: 1000 });
  add('7.1.5', '5.5.1', 'close in the middle of a message, then its end', [half(TEXT, 'frag'), f(CLOSE, closePayload(1000)), f(CONTINUATION, 'ment')], { closes: 1000 });
  add('7.1.6', '5.5.1', '256 KiB of text, then close, then ping', [f(TEXT, textOf(256 * 1024)), f(CLOSE, closePayload(1000)), f(PING)], { echoes: [text(textOf(256 * 1024))], closes: 1000 });
  add('7.3.1', '5.5.1', 'close without a code', [f(CLOSE)], { closes: 1005 });
  add('7.3.2', '5.5.1', 'close with half a code', [f(CLOSE, hex('03'))], { fails: 1002 });
  add('7.3.3', '5.5.1', 'close with a code', [f(CLOSE, closePayload(1000))], { closes: 1000 });
  add('7.3.4', '5.5.1', 'close with a code and a reason', [f(CLOSE, closePayload(1000, 'done, danke schön'))], { closes: 1000 });
  add('7.3.5', '5.5.1', 'close with the longest reason', [f(CLOSE, closePayload(1000, 'r'.repeat(123)))], { closes: 1000 });
  add('7.3.6', '5.5', 'close with a reason that is too long', [f(CLOSE, closePayload(1000, 'r'.repeat(124)))], { fails: 1002 });
  add('7.5.1', '8.1', 'close with a reason that is no UTF-8', [f(CLOSE, closePayload(1000, bad))], { fails: 1007 });
  GOOD_CLOSE_CODES.forEach((code, i) => add(`7.7.${i + 1}`, '7.4', `close with ${code}, which is good`, [f(CLOSE, closePayload(code, 'why'))], { closes: code }));
  BAD_CLOSE_CODES.forEach((code, i) => add(`7.9.${i + 1}`, '7.4', `close with ${code}, which must not be sent`, [f(CLOSE, closePayload(code, 'why'))], { fails: 1002 }));

  // 8: what Autobahn has no group for: masks and lengths
  const wrong = masked ? 'a frame that is not masked' : 'a masked frame';
  // Four bytes more, for a reader that takes the start of the payload for a mask.
  const more = Buffer.alloc(4);
  add('8.M1', '5.1', `text in ${wrong}`, [f(TEXT, 'Hello, world!', { masked: !masked }), more], { fails: 1002 });
  add('8.M2', '5.1', `ping in ${wrong}`, [f(PING, 'ping', { masked: !masked }), more], { fails: 1002 });
  add('8.M3', '5.1', `close in ${wrong}`, [f(CLOSE, closePayload(1000), { masked: !masked }), more], { fails: 1002 });
  add('8.M4', '5.2', 'length 5 in two bytes', [f(TEXT, 'Hello', { lengthBytes: 2 })], { fails: 1002 });
  add('8.M5', '5.2', 'length 5 in eight bytes', [f(TEXT, 'Hello', { lengthBytes: 8 })], { fails: 1002 });
  add('8.M6', '5.2', 'length 300 in eight bytes', [f(BINARY, 'x'.repeat(300), { lengthBytes: 8 })], { fails: 1002 });
  add('8.M7', '5.2', 'length with the highest bit', [f(BINARY, 'x', { claim: 1n << 63n })], { fails: 1002 });
  add('8.M8', '10.4', 'length of 2^63 - 1', [f(BINARY, 'x', { claim: (1n << 63n) - 1n })], { fails: 1009 });
  add('8.M9', '10.4', 'length of 2^32 + 5', [f(BINARY, 'Hello', { claim: (1n << 32n) + 5n })], { fails: 1009 });
  add('8.M10', '10.4', 'length of 2 MiB more than is taken', [f(BINARY, 'x', { claim: BigInt(maxMessage + 2 * MIB) })], { fails: 1009 });
  const largest = Buffer.alloc(maxMessage);
  add('8.M11', '10.4', 'fragments that together are one byte too many', parts(BINARY, [largest.subarray(1), 'x', 'x']), { fails: 1009 });
  add('8.M11b', '10.4', 'one byte more than is taken', [f(BINARY, Buffer.alloc(maxMessage + 1))], { fails: 1009 });
  add('8.M12', '5.5', 'ping with its length in two bytes', [f(PING, 'ping', { lengthBytes: 2 })], { fails: 1002 });
  add('8.M13', '5.5', 'ping that claims to have 2^62 bytes', [f(PING, 'ping', { claim: 1n << 62n })], { fails: 1002 });
  add('8.M14', '5.2', 'HTTP instead of frames', [utf8('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')], { fails: 1002 });

  // 9: large messages, large fragments, small packets
  for (const [group, opcode] of [['9.1', TEXT], ['9.2', BINARY]] as const) {
    [64 * 1024, 256 * 1024, MIB, 4 * MIB, 8 * MIB, 16 * MIB].filter((size) => size <= maxMessage).forEach((size, i) => {
      const payload = payloadOf(opcode, size);
      add(`${group}.${i + 1}`, '5.2', `${nameOf(opcode)} of ${size / 1024} KiB`, [f(opcode, payload)], { echoes: [{ opcode, payload }] });
    });
  }
  for (const [group, opcode] of [['9.3', TEXT], ['9.4', BINARY]] as const) {
    [64, 256, 1024, 4096, 16384, 65536, 262144, MIB, 4 * MIB].filter(() => 4 * MIB <= maxMessage).forEach((size, i) => {
      const payload = payloadOf(opcode, 4 * MIB);
      add(`${group}.${i + 1}`, '5.4', `${nameOf(opcode)} of 4 MiB in fragments of ${size} bytes`, [Buffer.concat(parts(opcode, cutInto(payload, size)))], { echoes: [{ opcode, payload }] });
    });
  }
  for (const [group, opcode] of [['9.7', TEXT], ['9.8', BINARY]] as const) {
    [0, 16, 64, 256, 1024, 4096].forEach((size, i) => {
      const payload = payloadOf(opcode, size);
      add(`${group}.${i + 1}`, '5.2', `1,000 messages of ${size} bytes`, Array.from({ length: 1000 }, () => f(opcode, payload)), { echoes: Array.from({ length: 1000 }, () => ({ opcode, payload })) });
    });
  }
  add('10.1.1', '5.4', 'text of 64 KiB in fragments of 1300 bytes', parts(TEXT, cutInto(textOf(65536), 1300)), { echoes: [text(textOf(65536))] });
  return list;
}

/** Bytes; what the tests configure. */
export const WEBSOCKET_MAX_MESSAGE = 16 * MIB;
export const WEBSOCKET_CLIENT_CASES = webSocketCases({ masked: true, maxMessage: WEBSOCKET_MAX_MESSAGE });
export const WEBSOCKET_UPSTREAM_CASES = webSocketCases({ masked: false, maxMessage: WEBSOCKET_MAX_MESSAGE });

/** By the number before the first dot; those of Autobahn, 8 is ours. */
export const WEBSOCKET_GROUPS: Readonly<Record<string, string>> = {
  1: 'Lengths of messages',
  2: 'Pings and pongs',
  3: 'Reserved bits',
  4: 'Unknown opcodes',
  5: 'Fragments',
  6: 'UTF-8',
  7: 'Closing',
  8: 'Masks, lengths and limits',
  9: 'Large messages, and many',
  10: 'Many fragments',
};
export const webSocketGroupOf = ({ id }: WebSocketCase): string => id.split('.')[0] ?? '';
