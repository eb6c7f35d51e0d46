import { mix64, murmur3 } from './key-hash.ts';

const MAX_SLOTS = 5_000_011;

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
}

/** Number of slots: a prime, since only then each member's walk meets every slot. */
export function maglevSize(tableSize: number): number {
  let size = Math.min(Math.max(tableSize, 3), MAX_SLOTS);
  while (!isPrime(size)) size++;
  return size;
}

/**
 * Table of a group (Maglev, NSDI'16, with Envoy's weights): the members take turns, in the order of their names, and each
 * takes the next free slot of its own permutation; a lighter one sits out turns.
 */
export function maglevOf(names: readonly string[], weights: readonly number[], tableSize: number): number[] {
  const size = maglevSize(tableSize);
  const heaviest = Math.max(...weights);
  const walks = names
    .map((name, owner) => ({
      owner,
      key: Buffer.from(name),
      at: murmur3(name, 0) % size,
      skip: (murmur3(name, 1) % (size - 1)) + 1,
      target: 0,
    }))
    .sort((a, b) => Buffer.compare(a.key, b.key) || a.owner - b.owner);
  const table = new Array<number>(size).fill(-1);
  let filled = 0;
  for (let turn = 1; filled < size; turn++) {
    for (const walk of walks) {
      if (filled === size) break;
      if (turn * weights[walk.owner]! < walk.target) continue;
      walk.target += heaviest;
      while (table[walk.at] !== -1) walk.at = (walk.at + walk.skip) % size;
      table[walk.at] = walk.owner;
      filled++;
    }
  }
  return table;
}

/** Owners in the order in which a hash asks them: its slot, then the slots of further hashes made of it. */
export function* maglevOrder(table: readonly number[], hash: bigint): Generator<number> {
  for (let next = hash; ; next = mix64(next)) yield table[Number(next % BigInt(table.length))]!;
}
