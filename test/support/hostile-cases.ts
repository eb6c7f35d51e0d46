import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface HostileCase {
  id: string;
  side: 'client' | 'upstream';
  name: string;
  bytes: string;
  ref: string;
  allow: (number | 'close' | 'abort')[];
  maxForwarded?: number;
  never?: string;
  body?: string;
  tpl?: boolean;
  reuse?: boolean;
  end?: 'close';
  method?: string;
}

export const HOSTILE_CASES = (JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/hostile-cases.json'), 'utf8')) as { cases: HostileCase[] }).cases;

/** The bytes of a case, templates expanded. */
export function bytesOf({ bytes, tpl = false }: HostileCase): Buffer {
  const text = tpl ? bytes.replace(/\{\{REPEAT:(\d+):([^]*?)\}\}/g, (_, n: string, piece: string) => piece.repeat(Number(n))) : bytes;
  return Buffer.from(text, 'latin1');
}

/** The same bytes in different packets: every parser state must survive the end of a packet. */
export const SPLITS: Record<string, (bytes: Buffer) => Buffer[]> = {
  whole: (bytes) => [bytes],
  // Long runs of one byte teach nothing after the first hundreds.
  'byte by byte': (bytes) => cut(bytes, Array.from({ length: Math.min(bytes.length, 600) }, (_, i) => i)),
  'split in every CRLF': (bytes) => cut(bytes, [...bytes.toString('latin1').matchAll(/\r(?=\n)/g)].slice(0, 300).map(({ index }) => index + 1)),
};

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const marks = [...new Set([0, ...at, bytes.length])];
  return marks.slice(1).map((end, i) => bytes.subarray(marks[i], end));
}

/** One packet per loop turn, as far as the kernel plays along. */
export async function sendPieces(write: (piece: Buffer) => void, pieces: readonly Buffer[], goOn: () => boolean): Promise<void> {
  for (const piece of pieces) {
    if (!goOn()) return;
    write(piece);
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
}
