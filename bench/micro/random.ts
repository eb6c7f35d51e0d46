/** Seeded numbers for the inputs of the benches, so that every run and every contender gets the same. */
export type Random = () => number;

/** sfc32, whole numbers in [0, 2^32). */
export function random(seed: number): Random {
  let [a, b, c, counter] = [0x9e3779b9, 0x243f6a88, seed | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** In [0, n). */
export const below = (next: Random, n: number): number => Math.floor((next() / 2 ** 32) * n);
