const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Written form of a duration; `0` stands for "none" where a key allows it. */
export const DURATION_PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;

/** Largest duration: what a signed 32-bit count of milliseconds holds (Node timers and the timer wheel share it). */
export const MAX_DURATION_MS = 0x7fff_ffff;

/** Milliseconds of `250ms`, `1.5s`, `1m`, `2h` or `0`; undefined when the text is none of these, or too large. */
export function parseDuration(text: string | number): number | undefined {
  if (text === 0 || text === '0') return 0;
  const match = DURATION_PATTERN.exec(String(text));
  if (match === null) return undefined;
  const durationMs = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  // A fraction of a millisecond cannot be kept: refuse it rather than round a short timeout to "none".
  return Number.isInteger(durationMs) && durationMs <= MAX_DURATION_MS ? durationMs : undefined;
}

/** Shortest exact written form, the inverse of `parseDuration`. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0';
  for (const unit of ['h', 'm', 's'] as const) {
    if (durationMs % UNIT_MS[unit] === 0) return `${durationMs / UNIT_MS[unit]}${unit}`;
  }
  return `${durationMs}ms`;
}
