/** So many eligible endpoints are looked at. */
const WINDOW = 16;

/**
 * The lowest load / weight of up to 16 slots at equal distances, from `start` on; ties go to the one that comes first. When none of
 * the 16 is eligible it is the next behind `start` that is. -1 = nobody. `latency.ts` has the loads.
 */
export function leastTimeFrom(
  start: number,
  weights: readonly number[],
  loads: readonly number[],
  eligible: (index: number) => boolean = () => true,
): number {
  const n = weights.length;
  const distance = Math.max(1, Math.floor(n / WINDOW));
  const looked = Array.from({ length: Math.min(n, WINDOW) }, (_, k) => (start + k * distance) % n).filter(eligible);
  const score = (of: number) => loads[of]! / weights[of]!;
  if (looked.length > 0) return looked.reduce((best, i) => (score(i) < score(best) ? i : best));
  return Array.from({ length: n }, (_, k) => (start + k) % n).find(eligible) ?? -1;
}

/** Chance of each slot: every start is as likely. */
export function leastTimeOdds(
  weights: readonly number[],
  loads: readonly number[],
  eligible: (index: number) => boolean = () => true,
): number[] {
  const odds = weights.map(() => 0);
  for (const start of weights.keys()) {
    const pick = leastTimeFrom(start, weights, loads, eligible);
    if (pick >= 0) odds[pick] = odds[pick]! + 1 / weights.length;
  }
  return odds;
}
