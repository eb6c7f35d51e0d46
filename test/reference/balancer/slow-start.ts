import type { BalancerSettings, Endpoint } from './settings.ts';

/**
 * Part of its weight that an endpoint has at `nowMs` (Envoy): max(minPercent / 100, (age / window) ^ (1 / aggression)),
 * and all of it outside the window. An endpoint that was there when the process started has no `warmSinceMs`.
 */
export function slowStartFactor(settings: BalancerSettings, endpoint: Endpoint, nowMs: number): number {
  if (settings.slowStartMs === 0 || endpoint.warmSinceMs === 0) return 1;
  const age = Math.max(0, nowMs - endpoint.warmSinceMs);
  if (age >= settings.slowStartMs) return 1;
  const share = age / settings.slowStartMs;
  const aggression = settings.slowStartAggressionMillis / 1000;
  return Math.max(settings.slowStartMinPercent / 100, aggression === 1 ? share : share ** (1 / aggression));
}

export const WEIGHT_SCALE = 65_535;

/**
 * Weights of a group, slow start included, scaled so that the heaviest has 65535 and none is below 1. They are counted in
 * thousandths before: an endpoint of weight 1 that starts slowly has a tenth.
 */
export function effectiveWeights(settings: BalancerSettings, members: readonly Endpoint[], nowMs: number): number[] {
  const thousandths = members.map((endpoint) =>
    BigInt(Math.max(1, Math.floor(endpoint.weight * 1000 * slowStartFactor(settings, endpoint, nowMs)))),
  );
  const heaviest = thousandths.reduce((most, weight) => (weight > most ? weight : most), 0n);
  const scaled = thousandths.map((weight) => Number((weight * BigInt(WEIGHT_SCALE) + heaviest / 2n) / heaviest));
  return scaled.map((weight) => Math.max(1, weight));
}
