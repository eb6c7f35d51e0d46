/** So many eligible endpoints are looked at. */
const WINDOW = 16;

/**
 * The lowest load / weight of up to 16 slots in a row, from `start` on; ties go to the one that comes first. When none of
 * the 16 is eligible it is the next that is. -1 = nobody. `latency.ts` has the loads.
 */
export function leastTimeFrom(
  start: number,
  weights: readonly number[],
  loads: readonly number[],
  eligible: (index: number) => boolean = () => true,
): number {
  let best = -1;
  for (let k = 0; k < weights.length && (k < WINDOW || best < 0); k++) {
    const i = (start + k) % weights.length;
    const score = (of: number) => loads[of]! / weights[of]!;
    if (eligible(i) && (best < 0 || score(i) < score(best))) best = i;
  }
  return best;
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
