/**
 * Of two endpoints the one with the lower (requests in flight + 1) ^ bias / weight; a tie, and two idle ones, go to the
 * first: an idle cluster shares by weight then, and so does one without a bias. The fractions are compared by
 * cross-multiplication.
 */
export function leastRequestOf(
  weights: readonly number[],
  active: readonly number[],
  bias: number,
  [first, second]: readonly number[],
): number {
  if (second === undefined || bias === 0 || (active[first!] === 0 && active[second] === 0)) return first!;
  const load = (of: number, other: number) => (active[of]! + 1) ** bias * weights[other]!;
  return load(second, first!) < load(first!, second) ? second : first!;
}
