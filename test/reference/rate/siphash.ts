/** SipHash-c-d as the paper has it (https://www.aumasson.jp/siphash/siphash.pdf, section 2), on BigInts. */
const MASK = (1n << 64n) - 1n;
const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & MASK;

export function siphash(compressionRounds: number, finalRounds: number, key: readonly [bigint, bigint], bytes: Uint8Array): bigint {
  const [k0, k1] = key;
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = (): void => {
    v0 = (v0 + v1) & MASK;
    v2 = (v2 + v3) & MASK;
    v1 = rotate(v1, 13n) ^ v0;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v1) & MASK;
    v0 = (v0 + v3) & MASK;
    v1 = rotate(v1, 17n) ^ v2;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = rotate(v2, 32n);
  };
  // Whole words of eight bytes, little-endian; the last one ends with the length.
  const padded = new Uint8Array((Math.floor(bytes.length / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  const view = new DataView(padded.buffer);
  for (let i = 0; i < padded.length; i += 8) {
    const word = view.getBigUint64(i, true);
    v3 ^= word;
    for (let k = 0; k < compressionRounds; k++) round();
    v0 ^= word;
  }
  v2 ^= 0xffn;
  for (let k = 0; k < finalRounds; k++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}
