/** What GET /clusters says about the health of endpoints and clusters: since when, and why. */
import { BREAKER_STATE, HEALTH } from '../binding/abi.ts';
import type { Transition, TransitionKind } from '../control/transitions.ts';
import type { CheckedEndpoint } from '../health/health-checks.ts';
import type { CheckRecord, Findings } from '../health/probe.ts';

type Reason = keyof typeof HEALTH;

export interface ShownChange {
  at: string;
  /** healthy, unhealthy, or the kind of a transition: ejected, breakerOpened ... */
  what: string;
  text: string;
}

export interface ShownHealth {
  state: 'available' | 'unavailable';
  /** Why it is unavailable; halfOpen: available, but for the probes of its circuit breaker only. */
  reasons: Reason[];
  /** When the state began: with the oldest of the reasons. Null: as long as anybody remembers. */
  since: string | null;
  /** What was seen then; one text for each reason. */
  evidence: string | null;
  /** When an ejection, or the open time of its breaker, ends. */
  until: string | null;
  lastCheck: { at: string; ok: boolean | null; tookMs: number; text: string } | null;
  /** Null: it is not checked, or right now. */
  nextCheck: string | null;
  /** The newest one last. */
  history: ShownChange[];
}

/** Changes that are shown. */
const HISTORY = 16;
/** They say that something is over, or was not done. */
const HARMLESS: ReadonlySet<string> = new Set<TransitionKind>(['wouldEject', 'notEjected']);
/** What has set a bit of an endpoint's health word, beside its checks. */
const CAUSES: Readonly<Partial<Record<Reason, TransitionKind>>> = { ejected: 'ejected', open: 'breakerOpened', halfOpen: 'breakerHalfOpened' };

interface Cause {
  atMs: number;
  text: string;
  untilMs: number | null;
}

/** `bits`: HEALTH of the endpoint now; `transitions`: what outlier detection and its breaker did, oldest first. */
export function endpointHealth(bits: number, checked: CheckedEndpoint | null, transitions: readonly Transition[]): ShownHealth {
  const reasons = (Object.keys(HEALTH) as Reason[]).filter((reason) => (bits & HEALTH[reason]) !== 0);
  const findings = checked?.findings ?? null;
  const changes = [
    ...(findings?.history ?? []).map(({ atMs, to, text }) => ({ atMs, what: to, text })),
    ...transitions.map(({ atMs, kind, text }) => ({ atMs, what: kind, text })),
  ].sort((a, b) => a.atMs - b.atMs);
  const last = changes.findLast(({ what }) => !HARMLESS.has(what));
  const causes = reasons.length > 0 ? reasons.flatMap((reason) => causeOf(reason, findings, transitions)) : last === undefined ? [] : [{ ...last, untilMs: null }];
  const ends = causes.flatMap(({ untilMs }) => (untilMs === null ? [] : [untilMs]));
  return {
    state: (bits & ~HEALTH.halfOpen) === 0 ? 'available' : 'unavailable',
    reasons,
    since: causes.length === 0 ? null : isoTime(Math.min(...causes.map(({ atMs }) => atMs))),
    evidence: causes.map(({ text }) => text).filter((text) => text !== '').join('; ') || null,
    until: ends.length === 0 ? null : isoTime(Math.max(...ends)),
    lastCheck: findings === null || findings.last === null ? null : shownCheck(findings.last),
    nextCheck: checked === null || checked.nextAtMs === null ? null : isoTime(checked.nextAtMs),
    history: shownChanges(changes),
  };
}

function causeOf(reason: Reason, findings: Readonly<Findings> | null, transitions: readonly Transition[]): Cause[] {
  const kind = CAUSES[reason];
  if (kind !== undefined) return transitions.filter((transition) => transition.kind === kind).slice(-1);
  if (findings === null || reason === 'drained') return [];
  // Before the first verdict there are only failures that did not decide yet.
  return [{ atMs: findings.sinceMs, text: findings.evidence === '' ? (findings.last?.text ?? '') : findings.evidence, untilMs: null }];
}

export interface ShownBreaker {
  state: keyof typeof BREAKER_STATE;
  since: string | null;
  evidence: string | null;
  until: string | null;
  history: ShownChange[];
}

/** Of the breaker of a whole cluster. */
export function clusterBreaker(state: number, transitions: readonly Transition[]): ShownBreaker {
  const last = transitions.at(-1);
  const name = (Object.keys(BREAKER_STATE) as (keyof typeof BREAKER_STATE)[]).find((key) => BREAKER_STATE[key] === state) ?? 'closed';
  return {
    state: name,
    since: last === undefined ? null : isoTime(last.atMs),
    evidence: last?.text ?? null,
    until: name !== 'open' || last === undefined || last.untilMs === null ? null : isoTime(last.untilMs),
    history: shownChanges(transitions.map(({ atMs, kind, text }) => ({ atMs, what: kind, text }))),
  };
}

function shownChanges(changes: readonly { atMs: number; what: string; text: string }[]): ShownChange[] {
  return changes.slice(-HISTORY).map(({ atMs, what, text }) => ({ at: isoTime(atMs), what, text }));
}

/** ok null: the check said nothing about the endpoint. */
function shownCheck({ atMs, kind, tookMs, text }: CheckRecord): NonNullable<ShownHealth['lastCheck']> {
  return { at: isoTime(atMs), ok: kind === 'void' ? null : kind === 'passed', tookMs: Math.round(tookMs * 1000) / 1000, text };
}

const isoTime = (atMs: number): string => new Date(atMs).toISOString();
