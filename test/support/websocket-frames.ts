/** WebSocket frames (RFC 6455 section 5.2) byte by byte: a writer that can write any of them, wrong ones too, and a strict reader. */
import { createHash } from 'node:crypto';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Whatever is masked here, is masked with this key. */
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface FrameOptions {
  fin?: boolean;
  /** The three reserved bits, 0-7; 4 is RSV1. */
  rsv?: number;
  /** Default: yes, as clients must. */
  masked?: boolean;
  /** Length field of 2 or 8 bytes although fewer would do. */
  lengthBytes?: 2 | 8;
  /** What the length field says, instead of the truth. */
  claim?: bigint;
}

export function frame(opcode: number, payload: Buffer | string = '', { fin = true, rsv = 0, masked = true, lengthBytes, claim }: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload);
  const length = claim ?? BigInt(body.length);
  const bytes = lengthBytes ?? (length > 0xffffn ? 8 : length > 125n ? 2 : 0);
  const head = Buffer.alloc(2 + bytes);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (bytes === 8 ? 127 : bytes === 2 ? 126 : Number(length));
  if (bytes === 2) head.writeUInt16BE(Number(length), 2);
  if (bytes === 8) head.writeBigUInt64BE(length, 2);
  return masked ? Buffer.concat([head, MASK, xor(body, MASK)]) : Buffer.concat([head, body]);
}

function xor(body: Buffer, mask: Buffer): Buffer {
  const out = Buffer.from(body);
  for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return out;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

/** One message in frames of these payloads. */
export function fragments(opcode: number, payloads: readonly (Buffer | string)[], options: FrameOptions = {}): Buffer[] {
  return payloads.map((payload, i) => frame(i === 0 ? opcode : OPCODE.continuation, payload, { ...options, fin: i === payloads.length - 1 }));
}

export function cutInto(payload: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.max(1, Math.ceil(payload.length / size)) }, (_, i) => payload.subarray(i * size, (i + 1) * size));
}

export interface Frame {
  opcode: number;
  fin: boolean;
  payload: Buffer;
}

/** 1005 for a close frame without a code. */
export const closeCode = ({ payload }: Frame): number => (payload.length >= 2 ? payload.readUInt16BE(0) : 1005);

/** Throws on everything that RFC 6455 does not allow of that side; what the proxy writes must be flawless. */
export class FrameReader {
  readonly #masked: boolean;
  #bytes: Buffer = Buffer.alloc(0);

  /** masked: frames of a client. */
  constructor(masked: boolean) {
    this.#masked = masked;
  }

  push(bytes: Buffer): Frame[] {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const frames: Frame[] = [];
    for (let found = this.#next(); found !== null; found = this.#next()) frames.push(found);
    return frames;
  }

  #next(): Frame | null {
    const bytes = this.#bytes;
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return null;
    if ((first & 0x70) !== 0) throw new Error(`reserved bits in 0x${first.toString(16)}`);
    const opcode = first & 0x0f;
    if (!Object.values(OPCODE).includes(opcode as 0)) throw new Error(`opcode ${opcode}`);
    if (second >= 0x80 !== this.#masked) throw new Error(this.#masked ? 'a frame that is not masked' : 'a masked frame');
    let length = second & 0x7f;
    let at = 2;
    if (opcode >= 8 && (length > 125 || first < 0x80)) throw new Error('a control frame that is too long, or fragmented');
    if (length === 126) {
      if (bytes.length < 4) return null;
      length = bytes.readUInt16BE(2);
      at = 4;
      if (length < 126) throw new Error(`length ${length} in two bytes`);
    } else if (length === 127) {
      if (bytes.length < 10) return null;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
      if (length < 0x10000) throw new Error(`length ${length} in eight bytes`);
    }
    const mask = bytes.subarray(at, at + 4);
    if (this.#masked) at += 4;
    if (bytes.length < at + length) return null;
    const payload = bytes.subarray(at, at + length);
    this.#bytes = bytes.subarray(at + length);
    return { opcode, fin: first >= 0x80, payload: this.#masked ? xor(payload, mask) : payload };
  }
}

/** The key that the handshakes here are made with: the one of RFC 6455 section 1.3. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2). */
export const acceptOf = (key: string): string => createHash('sha1').update(key + GUID).digest('base64');
