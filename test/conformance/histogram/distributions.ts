/** Seeded samples, whole numbers as the engine takes them. */
export const DISTRIBUTIONS: Readonly<Record<string, (random: () => number) => number>> = {
  uniform: (random) => random() * 1_000_000,
  lognormal: (random) => Math.exp(8 + 1.5 * normal(random)),
  bimodal: (random) => (random() < 0.8 ? 300 + 40 * normal(random) : 250_000 + 9_000 * normal(random)),
  constant: () => 1_000_003,
  pareto: (random) => Math.min(64 / (1 - random()) ** 1.3, 2 ** 39),
};

/** mulberry32: small, good enough, and the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box-Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function samplesOf(name: string, count: number, seed = 7): Float64Array {
  const draw = DISTRIBUTIONS[name];
  if (draw === undefined) throw new Error(`no distribution ${name}`);
  const random = randomOf(seed);
  return Float64Array.from({ length: count }, () => Math.max(0, Math.floor(draw(random))));
}
