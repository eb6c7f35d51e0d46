import { POLICY } from '../../../src/binding/abi.ts';
import { decayOf, elapsedMs } from './decay.ts';
import type { BalancerSettings } from './settings.ts';

const { fround } = Math;

/** What is known of the latency of an endpoint. */
export interface Latency {
  /** float32; 0 = never measured. */
  costUs: number;
  stampMs: number;
}

export const UNMEASURED: Latency = { costUs: 0, stampMs: 0 };

const MAX_RETRY_AFTER_MS = 300_000;

/** The cost as it is now: it fades while nobody asks, so that a slow endpoint gets another chance. Reading changes nothing. */
export function projected({ costUs, stampMs }: Latency, settings: BalancerSettings, nowMs: number): number {
  return fround(costUs * decayOf(elapsedMs(stampMs, nowMs), settings.decayMs));
}

/** A sample after an answer: by the peak rule, or for leastTime by a mean in which a new sample weighs 1/8. */
export function observed(latency: Latency, settings: BalancerSettings, rttUs: number, nowMs: number): Latency {
  const sample = fround(Math.min(Math.max(rttUs, 1), 0xffff_ffff));
  const rule = settings.policy === POLICY.leastTime ? meanCost : peakCost;
  return { costUs: rule(latency, settings, sample, nowMs), stampMs: nowMs >>> 0 };
}

/**
 * Peak rule (Finagle, Linkerd): an answer slower than expected is believed at once, a faster one as far as the time since
 * the last has faded that one.
 */
function peakCost(latency: Latency, settings: BalancerSettings, sample: number, nowMs: number): number {
  const expected = projected(latency, settings, nowMs);
  if (expected < sample) return sample;
  const weight = decayOf(elapsedMs(latency.stampMs, nowMs), settings.decayMs);
  return fround(expected + fround(sample * fround(1 - weight)));
}

/** A new sample weighs 1/8, and more as what is remembered fades: cost = cost * kept + sample * (1 - kept). */
function meanCost(latency: Latency, settings: BalancerSettings, sample: number, nowMs: number): number {
  if (latency.costUs === 0) return sample;
  const kept = fround(0.875 * decayOf(elapsedMs(latency.stampMs, nowMs), settings.decayMs));
  return fround(fround(latency.costUs * kept) + fround(sample * fround(1 - kept)));
}

/**
 * A failure counts as a slow answer, or endpoints that fail fast would look fast: as the penalty at least, and as long as
 * the endpoint asks to be left alone (Retry-After, at most 300 s).
 */
export function failed(
  latency: Latency,
  settings: BalancerSettings,
  rttUs: number,
  retryAfterMs: number,
  nowMs: number,
): Latency {
  const sample = Math.max(rttUs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) * 1000, settings.penaltyMs * 1000);
  return observed(latency, settings, sample, nowMs);
}

/** Microseconds as the balancer sees them now, 0 = never measured. */
export function latencyUs(latency: Latency, settings: BalancerSettings, nowMs: number): number {
  return Math.round(projected(latency, settings, nowMs));
}

/**
 * Load that peakEwma compares: expected latency x (requests in flight + 1). An endpoint that was never measured is tried
 * at once, and while that first request is under way it counts as one of the default latency.
 */
export function latencyLoad(latency: Latency, active: number, settings: BalancerSettings, nowMs: number): number {
  const cost = projected(latency, settings, nowMs);
  if (cost > 0) return cost * (active + 1);
  return active === 0 ? 0 : settings.defaultLatencyUs * (active + 1);
}
