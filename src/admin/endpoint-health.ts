/** What GET /clusters says about the health of an endpoint, and why. */
import { HEALTH } from '../binding/abi.ts';
import type { CheckedEndpoint } from '../health/health-checks.ts';
import type { CheckRecord } from '../health/probe.ts';

type Reason = keyof typeof HEALTH;

export interface ShownHealth {
  state: 'available' | 'unavailable';
  /** Why it is unavailable; halfOpen: available, for the probes of its circuit breaker only. */
  reasons: Reason[];
  /** When that began; null = since the start, or nobody knows. */
  since: string | null;
  /** What was seen that made it so. */
  evidence: string | null;
  lastCheck: { at: string; ok: boolean | null; tookMs: number; text: string } | null;
  /** Null: not checked, or just now. */
  nextCheck: string | null;
  /** The newest one last. */
  history: { at: string; what: string; text: string }[];
}

/** `bits`: HEALTH of the endpoint now. */
export function endpointHealth(bits: number, checked: CheckedEndpoint | null): ShownHealth {
  const reasons = (Object.keys(HEALTH) as Reason[]).filter((reason) => (bits & HEALTH[reason]) !== 0);
  const findings = checked?.findings ?? null;
  const evidence = findings?.evidence ?? '';
  return {
    state: (bits & ~HEALTH.halfOpen) === 0 ? 'available' : 'unavailable',
    reasons,
    since: findings === null ? null : isoTime(findings.sinceMs),
    evidence: evidence === '' ? null : evidence,
    lastCheck: findings?.last === null || findings === null ? null : shownCheck(findings.last),
    nextCheck: checked?.nextAtMs == null ? null : isoTime(checked.nextAtMs),
    history: (findings?.history ?? []).map(({ atMs, to, text }) => ({ at: isoTime(atMs), what: to, text })),
  };
}

/** ok null: the check said nothing about the endpoint. */
function shownCheck({ atMs, kind, tookMs, text }: CheckRecord): NonNullable<ShownHealth['lastCheck']> {
  return { at: isoTime(atMs), ok: kind === 'void' ? null : kind === 'passed', tookMs: Math.round(tookMs * 1000) / 1000, text };
}

const isoTime = (atMs: number): string => new Date(atMs).toISOString();
