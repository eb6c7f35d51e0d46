/** Large bodies that are never in memory as a whole: the same bytes every time, compared by hash. */
import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';

export const KIB = 1024;
export const MIB = 1024 * 1024;
const SHIFT = 64 * 1024;

/** xorshift32: bytes that neither repeat in short periods nor change between runs. */
function noise(size: number): Buffer {
  const words = new Uint32Array(size / 4);
  let x = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer);
}

const NOISE = noise(MIB + SHIFT);

/** Piece by piece; each starts elsewhere in the noise, so that a piece lost or sent twice changes the hash. */
export function* pieces(total: number, size = 64 * 1024): Generator<Buffer> {
  for (let at = 0, n = 0; at < total; at += size, n++) {
    const from = (n * 7919) % SHIFT;
    yield NOISE.subarray(from, from + Math.min(size, total - at));
  }
}

/** The first bytes of it, in memory. */
export const binaryOf = (size: number): Buffer => Buffer.concat([...pieces(size)]);

/** UTF-8 of exactly that many bytes, with characters of one to four of them. */
export function textOf(size: number): Buffer {
  const pattern = Buffer.from('Mühlgraben, 水车, 🜄 ');
  const out = Buffer.alloc(size, 'x');
  for (let at = 0; at + pattern.length <= size; at += pattern.length) pattern.copy(out, at);
  return out;
}

export function hashOf(total: number, size?: number): string {
  const hash = createHash('sha256');
  for (const piece of pieces(total, size)) hash.update(piece);
  return hash.digest('hex');
}

/** Writes them with back-pressure; `onProgress` is told how much the stream has accepted. */
export async function pump(into: Writable, total: number, { size, onProgress }: { size?: number; onProgress?: (bytes: number) => void } = {}): Promise<void> {
  let sent = 0;
  for (const piece of pieces(total, size)) {
    if (into.destroyed) return;
    if (!into.write(piece)) await once(into, ['drain', 'close']);
    sent += piece.length;
    onProgress?.(sent);
  }
}

/** The first of several events, without leaving a listener behind. */
function once(stream: Writable, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

/** Reads a stream to its end. */
export async function drink(from: Readable): Promise<{ bytes: number; hash: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of from) {
    bytes += (piece as Buffer).length;
    hash.update(piece as Buffer);
  }
  return { bytes, hash: hash.digest('hex') };
}
