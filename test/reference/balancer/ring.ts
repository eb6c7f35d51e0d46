import { murmur3 } from './key-hash.ts';

const MAX_POINTS = 8_388_608n;
const POINTS_PER_MEMBER = 100;

export interface Point {
  position: number;
  /** Index of the member. */
  owner: number;
}

/**
 * Points of the heaviest member: the least power of two that gives the ring its `tableSize`, and 100 points a member of
 * mean weight. As a power of two it hardly ever changes when members come and go, so those that stay keep their points.
 */
function mostPoints(weights: readonly number[], tableSize: number): bigint {
  const n = BigInt(weights.length);
  const heaviest = BigInt(Math.max(...weights));
  const total = BigInt(weights.reduce((a, b) => a + b, 0));
  const wanted = BigInt(Math.max(tableSize, POINTS_PER_MEMBER * weights.length));
  let most = 1n;
  while (most * total < heaviest * wanted) most *= 2n;
  while (most > 1n && most * total + heaviest * n > heaviest * MAX_POINTS) most /= 2n;
  return most;
}

/** Ring of a group (Ketama): points by weight, each at the hash of its owner's name and its number. */
export function ringOf(names: readonly string[], weights: readonly number[], tableSize: number): Point[] {
  const heaviest = BigInt(Math.max(...weights));
  const most = mostPoints(weights, tableSize);
  const points = names.flatMap((name, owner) => {
    const count = Math.max(1, Number((most * BigInt(weights[owner]!) + heaviest - 1n) / heaviest));
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
