import { id64, mix64 } from './key-hash.ts';

/**
 * Members, best first, for a hash (weighted rendezvous: -w / ln u has the greatest value at a member with chance w / W, and
 * a member that leaves changes nothing among the others). A tie goes to the first.
 */
export function rendezvousOrder(names: readonly string[], weights: readonly number[], hash: bigint): number[] {
  // 53 bits: u = (draw + 0.5) / 2^53 lies in (0, 1).
  const draws = names.map((name) => Number(mix64(hash ^ id64(name)) >> 11n));
  const areEqual = weights.every((weight) => weight === weights[0]);
  const scores = draws.map((draw, i) => (areEqual ? draw : weights[i]! / -Math.log((draw + 0.5) * 2 ** -53)));
  return names.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
}
