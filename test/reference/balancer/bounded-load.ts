/**
 * Most requests in flight that each member may have before one more (HAProxy, lb_chash.c; Mirrokni et al.,
 * arXiv:1608.01350): `percent` of the mean by weight, counting the request that is to be placed. The parts of one that
 * rounding leaves are handed out along the members, so that the sum is right. At least 1.
 */
export function bounds(weights: readonly number[], totalActive: number, percent: number): number[] {
  const total = BigInt(weights.reduce((a, b) => a + b, 0));
  const slots = ((BigInt(totalActive) + 1n) * BigInt(percent) + 99n) / 100n;
  let before = 0n;
  return weights.map((own) => {
    const weight = BigInt(own);
    const rest = slots % total;
    const bound = weight * (slots / total) + ((before + weight) * rest) / total - (before * rest) / total;
    before += weight;
    return Math.max(1, Number(bound));
  });
}
