/** Inclusive range of byte values. */
export type ByteRange = readonly [min: number, max: number];

/** Code points whose UTF-8 forms have the same length, and the surrogates left out (they have no UTF-8 form). */
const BLOCKS = [
  [0x0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
] as const;

function encode(codePoint: number): number[] {
  if (codePoint < 0x80) return [codePoint];
  if (codePoint < 0x800) return [0xc0 | (codePoint >> 6), 0x80 | (codePoint & 63)];
  if (codePoint < 0x10000) return [0xe0 | (codePoint >> 12), 0x80 | ((codePoint >> 6) & 63), 0x80 | (codePoint & 63)];
  return [
    0xf0 | (codePoint >> 18),
    0x80 | ((codePoint >> 12) & 63),
    0x80 | ((codePoint >> 6) & 63),
    0x80 | (codePoint & 63),
  ];
}

/**
 * Splits a range of one encoded length until every byte position is an independent range: the algorithm of
 * RE2 and of Rust's utf8-ranges (https://swtch.com/~rsc/regexp/regexp3.html, "UTF-8").
 */
function split(min: number, max: number, out: ByteRange[][]): void {
  for (let shift = 6; shift <= 18; shift += 6) {
    const mask = (1 << shift) - 1;
    // Only where a byte before the last `shift` bits differs do the bits below have to be a full block.
    if ((min & ~mask) === (max & ~mask)) continue;
    if ((min & mask) !== 0) {
      split(min, min | mask, out);
      split((min | mask) + 1, max, out);
      return;
    }
    if ((max & mask) !== mask) {
      split(min, (max & ~mask) - 1, out);
      split(max & ~mask, max, out);
      return;
    }
  }
  const low = encode(min);
  const high = encode(max);
  out.push(low.map((byte, i): ByteRange => [byte, high[i] ?? byte]));
}

/** Sequences of byte ranges that together are exactly the UTF-8 forms of the code points min..max. */
export function utf8Sequences(min: number, max: number): ByteRange[][] {
  const out: ByteRange[][] = [];
  for (const [first, last] of BLOCKS) {
    const from = Math.max(min, first);
    const to = Math.min(max, last);
    if (from > to) continue;
    if (to < 0x80) out.push([[from, to]]);
    else split(from, to, out);
  }
  return out;
}
