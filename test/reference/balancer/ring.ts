import { murmur3 } from './key-hash.ts';

const MAX_POINTS = 8_388_608;
const POINTS_PER_MEMBER = 100;

export interface Point {
  position: number;
  /** Index of the member. */
  owner: number;
}

/** Ring of a group (Ketama): points by weight, each at the hash of its owner's name and its number. */
export function ringOf(names: readonly string[], weights: readonly number[], tableSize: number): Point[] {
  const n = names.length;
  const least = BigInt(Math.min(MAX_POINTS - n, Math.max(tableSize, POINTS_PER_MEMBER * n)));
  const total = BigInt(weights.reduce((a, b) => a + b, 0));
  const points = names.flatMap((name, owner) => {
    const exact = least * BigInt(weights[owner]!);
    const count = Math.max(1, Number((exact + total - 1n) / total));
    return Array.from({ length: count }, (_, j): Point => ({ position: murmur3(`${name}_${j}`, 0), owner }));
  });
  return points.sort((a, b) => a.position - b.position || a.owner - b.owner);
}

/** Owners in the order in which a hash asks them: the first point at or after it, then around. */
export function* ringOrder(ring: readonly Point[], hash: bigint): Generator<number> {
  const position = Number(hash >> 32n);
  const first = ring.findIndex((point) => point.position >= position);
  for (let k = 0; k < ring.length; k++) yield ring[(Math.max(0, first) + k) % ring.length]!.owner;
}
