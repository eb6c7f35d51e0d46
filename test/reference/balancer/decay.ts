const { fround } = Math;

const STEPS = 512;
const STEPS_PER_UNIT = 32;
const TABLE = Array.from({ length: STEPS + 1 }, (_, i) => fround(Math.exp(-i / STEPS_PER_UNIT)));

/** A stamp up to this far in the future is as good as now: the clocks of two workers differ. */
const FUTURE_MS = 60_000;

/** Milliseconds from one 32-bit stamp to another. */
export function elapsedMs(stampMs: number, nowMs: number): number {
  const elapsed = (nowMs - stampMs) >>> 0;
  return elapsed > 0xffff_ffff - FUTURE_MS ? 0 : elapsed;
}

/**
 * exp(-elapsed / decay) in float32: straight lines between the points of a table of 512 steps of 1/32. It lies above the
 * curve by at most 1.3e-4 of the value, and is 0 from 16 decay times on.
 */
export function decayOf(elapsed: number, decayMs: number): number {
  const scale = fround(STEPS_PER_UNIT / fround(Math.max(1, decayMs)));
  const steps = fround(fround(elapsed) * scale);
  if (steps >= STEPS) return 0;
  const i = Math.floor(steps);
  const rise = fround(TABLE[i + 1]! - TABLE[i]!);
  return fround(TABLE[i]! + fround(rise * fround(steps - i)));
}
