/** The frame codec of the engine against that of the package `ws`: the same streams, whole or broken, cut anywhere. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWebSocketReader, webSocketAccept, writeWebSocketClose, writeWebSocketFrame } from '../../../src/binding/websocket-codec.ts';
import { clientClose, clientFrame, event, receive, serverFrame, type Outcome } from './ws.ts';

const KINDS: Record<number, string> = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };

interface Read extends Outcome {
  /** Bytes up to the end, or up to where the error was found. */
  consumed: number;
}

function read(chunks: readonly Uint8Array[], maxMessage: number): Read {
  const reader = createWebSocketReader(maxMessage);
  const events: string[] = [];
  let message: Uint8Array[] = [];
  let consumed = 0;
  for (const chunk of chunks) {
    const reading = reader.feed(chunk);
    consumed += reading.consumed;
    for (const { opcode, data, end, closeCode } of reading.pieces) {
      const kind = KINDS[opcode];
      if (kind === undefined) throw new Error(`a piece has opcode ${opcode}`);
      if (opcode >= 8) {
        events.push(event(kind, data, closeCode));
        continue;
      }
      message.push(data);
      if (!end) continue;
      events.push(event(kind, Buffer.concat(message)));
      message = [];
    }
    if (reading.error !== '') return { events, closeCode: reading.closeCode, error: reading.error, consumed };
  }
  return { events, closeCode: 0, error: '', consumed };
}

const RESERVED = 'reserved bits are set in a frame';
const UNKNOWN = 'frame with an unknown opcode';
const MASKED = 'masked frame from a server';
const FRAGMENTED_CONTROL = 'fragmented control frame';
const CONTROL_TOO_LONG = 'control frame over 125 bytes';
const NOT_MINIMAL = 'frame length in more bytes than it needs';
const LENGTH_TOO_LARGE = 'frame length of 2^63 or more';
const MESSAGE_TOO_LARGE = 'message over the limit';
const UNEXPECTED = 'continuation without a message';
const EXPECTED = 'new message inside of a fragmented one';
const INVALID_UTF8 = 'text is not valid UTF-8';
const BAD_CLOSE_CODE = 'close code that may not be sent';
const BAD_CLOSE_PAYLOAD = 'close frame of one byte';

/** Which sentences of the engine are one error of `ws`. */
const SAME_ERROR: Record<string, string[]> = {
  '': [''],
  WS_ERR_UNEXPECTED_RSV_1: [RESERVED],
  WS_ERR_UNEXPECTED_RSV_2_3: [RESERVED],
  WS_ERR_INVALID_OPCODE: [UNKNOWN, UNEXPECTED, EXPECTED],
  WS_ERR_EXPECTED_FIN: [FRAGMENTED_CONTROL],
  WS_ERR_UNEXPECTED_MASK: [MASKED],
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: [CONTROL_TOO_LONG, BAD_CLOSE_PAYLOAD],
  WS_ERR_INVALID_CLOSE_CODE: [BAD_CLOSE_CODE],
  WS_ERR_INVALID_UTF8: [INVALID_UTF8],
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: [MESSAGE_TOO_LARGE],
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: [MESSAGE_TOO_LARGE],
};

const sameList = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((one, i) => one === b[i]);
const startsWith = (list: readonly string[], start: readonly string[]): boolean => sameList(list.slice(0, start.length), start);
const agree = (ours: Read, theirs: Outcome): boolean =>
  sameList(ours.events, theirs.events) && ours.closeCode === theirs.closeCode && SAME_ERROR[theirs.error]?.includes(ours.error) === true;

interface Disagreement {
  name: string;
  why: string;
  example: Uint8Array;
  applies(ours: Read, theirs: Outcome, length: number): boolean;
}

/** Where the two differ, and why that is right. Anything else is a fault of one of them. */
const DISAGREEMENTS: Disagreement[] = [
  {
    name: 'a length in more bytes than it needs',
    why: 'RFC 6455 section 5.2: "the minimal number of bytes MUST be used to encode the length". ws does not look, and reads on.',
    example: Buffer.from('817e000161', 'hex'),
    applies: (ours, theirs) => ours.error === NOT_MINIMAL && startsWith(theirs.events, ours.events),
  },
  {
    name: 'a length of 2^63 or more',
    why: 'Section 5.2: "the most significant bit MUST be 0", which makes it an error of the protocol (1002); to ws everything above 2^53 - 1 is too large (1009).',
    example: Buffer.from('827f8000000000000000', 'hex'),
    applies: (ours, theirs) => ours.error === LENGTH_TOO_LARGE && theirs.error === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH' && sameList(ours.events, theirs.events),
  },
  {
    name: 'a text that is already bad before its end',
    why: 'Section 8.1 wants the connection failed; the engine passes pieces on, so it has to look at each. ws looks at the end, so control frames and other errors may come before, but never the text.',
    example: Buffer.concat([serverFrame(1, Buffer.from([0xff]), false), serverFrame(9, Buffer.from('x'))]),
    applies: (ours, theirs) =>
      ours.error === INVALID_UTF8 && startsWith(theirs.events, ours.events) && theirs.events.slice(ours.events.length).every((one) => /^(ping|pong|close) /.test(one)),
  },
  {
    name: 'a bad first byte that is the last one so far',
    why: 'ws looks at the first two bytes together.',
    example: Buffer.from([0xc1]),
    applies: (ours, theirs, length) =>
      [RESERVED, UNKNOWN, FRAGMENTED_CONTROL, UNEXPECTED, EXPECTED].includes(ours.error) && ours.consumed === length && theirs.error === '' && sameList(ours.events, theirs.events),
  },
  {
    name: 'a masked control frame of a bad length',
    why: 'Both are an error of the protocol (1002); ws looks at the length first.',
    example: Buffer.from('89fe', 'hex'),
    applies: (ours, theirs) => ours.error === MASKED && theirs.error === 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH' && sameList(ours.events, theirs.events),
  },
];

/** Cuts a stream at these places, given as shares of its length. */
function cut(stream: Uint8Array, shares: readonly number[]): Uint8Array[] {
  const ends = [...new Set([...shares.map((share) => Math.floor(share * stream.length)), stream.length])].sort((a, b) => a - b);
  return ends.map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end)).filter((chunk) => chunk.length > 0);
}

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 6 });
const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: 'binary', maxLength: 40 }).map((string) => new Uint8Array(Buffer.from(string)));
const sized = fc.constantFrom(0, 1, 125, 126, 127, 200, 65_535, 65_536).map((size) => new Uint8Array(size).fill(0x61));
const control = fc.oneof(
  fc.tuple(fc.constantFrom(9, 10), bytes).map(([opcode, payload]) => serverFrame(opcode, payload)),
  fc.tuple(fc.constantFrom(9, 10), sized).map(([opcode, payload]) => serverFrame(opcode, payload.subarray(0, 125))),
);
const closeCode = fc.oneof(fc.constantFrom(999, 1000, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 1016, 2999, 3000, 4999, 5000), fc.nat(0xffff));
const close = fc.oneof(
  fc.constant(serverFrame(8, new Uint8Array(0))),
  fc.tuple(closeCode, fc.oneof(text, bytes)).map(([code, reason]) => serverFrame(8, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason.subarray(0, 123)]))),
);
/** A message in any number of frames, with control frames between them. */
const message = fc
  .tuple(fc.boolean(), fc.oneof({ weight: 6, arbitrary: text }, { weight: 1, arbitrary: sized }, { weight: 2, arbitrary: bytes }), shares, fc.array(control, { maxLength: 6 }))
  .map(([isText, payload, places, controls]) => {
    const parts = cut(payload, places);
    // An empty message, or an empty frame at the end of it.
    if (parts.length === 0 || places.length > 4) parts.push(new Uint8Array(0));
    const opcode = isText ? 1 : 2;
    return Buffer.concat(parts.flatMap((part, i) => [serverFrame(i === 0 ? opcode : 0, part, i === parts.length - 1), ...(i < parts.length - 1 ? controls.slice(i, i + 1) : [])]));
  });
/** Heads that nobody should send, in front of whatever comes next. */
const oddHead = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255)).map((head) => Buffer.from(head)),
  fc.tuple(fc.constantFrom(0x81, 0x82, 0x01, 0x02, 0x80, 0x00), fc.constantFrom(0, 1, 125, 126, 1000)).map(([first, length]) => Buffer.from([first, 126, length >> 8, length & 0xff])),
  fc.tuple(fc.constantFrom(0x81, 0x82, 0x80, 0x00), fc.constantFrom(0n, 5n, 65_535n, 65_536n, 1n << 53n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n)).map(([first, length]) => {
    const head = Buffer.from([first, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeBigUInt64BE(length, 2);
    return head;
  }),
);
const stream = fc
  .array(fc.oneof({ weight: 8, arbitrary: message }, { weight: 3, arbitrary: control }, { weight: 1, arbitrary: close }, { weight: 1, arbitrary: oddHead }), { maxLength: 8 })
  .map((frames) => Buffer.concat(frames));
const mutation = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), how: fc.constantFrom('set', 'flip', 'insert', 'delete', 'end'), byte: fc.nat(255) });

function mutate(whole: Buffer, mutations: readonly { at: number; how: string; byte: number }[]): Buffer {
  return mutations.reduce((one, { at, how, byte }) => {
    const i = Math.floor(at * one.length);
    const [before, after] = [one.subarray(0, i), one.subarray(i)];
    if (how === 'set') return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
    if (how === 'flip') return Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (1 << (byte & 7))]), after.subarray(1)]);
    if (how === 'insert') return Buffer.concat([before, Buffer.from([byte]), after]);
    return how === 'delete' ? Buffer.concat([before, after.subarray(1)]) : before;
  }, whole);
}

const limit = fc.constantFrom(1, 30, 200, 65_535, 1 << 20);

describe('the frame reader and the receiver of ws', () => {
  it.each(DISAGREEMENTS)('differ about $name', async ({ example, applies }) => {
    const ours = read([example], 1000);
    const theirs = await receive([example], 1000);
    expect(agree(ours, theirs)).toBe(false);
    expect(applies(ours, theirs, example.length)).toBe(true);
  });

  it('read the same out of any stream, but for these', { timeout: 120_000 }, async () => {
    const seen = { agreed: 0, refused: 0, different: 0 };
    await fc.assert(
      fc.asyncProperty(stream, fc.array(mutation, { maxLength: 3 }), limit, shares, shares, async (whole, mutations, maxMessage, ourCuts, theirCuts) => {
        const bytesRead = mutate(whole, mutations);
        const ours = read(cut(bytesRead, ourCuts), maxMessage);
        const theirs = await receive(cut(bytesRead, theirCuts), maxMessage);
        if (agree(ours, theirs)) {
          seen[ours.error === '' ? 'agreed' : 'refused']++;
          return;
        }
        seen.different++;
        const known = DISAGREEMENTS.some(({ applies }) => applies(ours, theirs, bytesRead.length));
        if (!known) expect({ ...ours, stream: bytesRead.toString('hex') }).toEqual(theirs);
        expect(known).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    // The generator makes enough of each to mean something.
    expect(seen.agreed).toBeGreaterThan(1_000);
    expect(seen.refused).toBeGreaterThan(500);
    expect(seen.different).toBeGreaterThan(50);
  });
});

const mask = fc.oneof(fc.constant(0), fc.nat(0xffff_ffff));

describe('the frame writer and the sender of ws', () => {
  it('write the same frames', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 9, 10), fc.oneof(bytes, sized), mask, (opcode, payload, word) => {
        expect(Buffer.compare(writeWebSocketFrame(opcode, payload, word), clientFrame(opcode, payload, word))).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('write the same Close frames', () => {
    const code = closeCode.filter((one) => (one >= 1000 && one <= 1014 && ![1004, 1005, 1006].includes(one)) || (one >= 3000 && one <= 4999));
    fc.assert(
      fc.property(code, text, mask, (one, reason, word) => {
        const short = reason.subarray(0, 123);
        expect(Buffer.compare(writeWebSocketClose(one, short, word), clientClose(one, short, word))).toBe(0);
      }),
    );
    expect(Buffer.compare(writeWebSocketClose(1005, new Uint8Array(0), 7), clientClose(undefined, new Uint8Array(0), 7))).toBe(0);
  });

  it('are read by a server alike', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(2, 9, 10), bytes, mask), { maxLength: 6 }), shares, async (frames, places) => {
        const written = Buffer.concat(frames.map(([opcode, payload, word]) => writeWebSocketFrame(opcode, payload, word)));
        const outcome = await receive(cut(written, places), 1 << 20, true);
        expect(outcome).toEqual({ events: frames.map(([opcode, payload]) => event(KINDS[opcode] ?? '', payload)), closeCode: 0, error: '' });
      }),
      { numRuns: 200 },
    );
  });
});

it('Sec-WebSocket-Accept is what OpenSSL makes of the key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (nonce) => {
      const key = Buffer.from(nonce).toString('base64');
      expect(webSocketAccept(key)).toBe(createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'));
    }),
  );
});
