/** Chance of each index when one is drawn by weight among the eligible. */
export function drawOdds(weights: readonly number[], eligible: (index: number) => boolean = () => true): number[] {
  const own = weights.map((weight, i) => (eligible(i) ? weight : 0));
  const sum = own.reduce((a, b) => a + b, 0);
  return own.map((weight) => (sum === 0 ? 0 : weight / sum));
}

/**
 * Every way of drawing `count` different indexes by weight, one after the other, with its chance. Fewer when there are
 * not so many.
 */
export function* distinctDraws(
  weights: readonly number[],
  count: number,
  drawn: readonly number[] = [],
): Generator<{ drawn: readonly number[]; chance: number }> {
  const odds = drawOdds(weights, (i) => !drawn.includes(i));
  if (drawn.length === count || odds.every((chance) => chance === 0)) {
    yield { drawn, chance: 1 };
    return;
  }
  for (const [i, chance] of odds.entries())
    if (chance > 0)
      for (const rest of distinctDraws(weights, count, [...drawn, i])) yield { drawn: rest.drawn, chance: chance * rest.chance };
}

/** Chance of each index to be the choice out of `count` different ones. */
export function choiceOdds(
  weights: readonly number[],
  count: number,
  choose: (drawn: readonly number[]) => number,
): number[] {
  const odds = weights.map(() => 0);
  for (const { drawn, chance } of distinctDraws(weights, count)) {
    const choice = drawn.length === 0 ? undefined : choose(drawn);
    if (choice !== undefined) odds[choice] = odds[choice]! + chance;
  }
  return odds;
}
