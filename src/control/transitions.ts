import { TRANSITION_KIND, TRANSITION_REASON } from '../binding/abi.ts';
import type { NativeTransition } from '../binding/native.ts';

export type TransitionKind = keyof typeof TRANSITION_KIND;
export type TransitionReason = (typeof TRANSITION_REASON)[number];

/** A change of mind about an endpoint, or about a whole cluster, in words for people. */
export interface Transition {
  /** Wall time. */
  atMs: number;
  kind: TransitionKind;
  reason: TransitionReason;
  /** "ejected for 30 s: 5 answers of 5xx in a row" */
  text: string;
  /** Wall time at which it ends by itself; null = it has no end of its own. */
  untilMs: number | null;
}

const KINDS = new Map<number, TransitionKind>(Object.entries(TRANSITION_KIND).map(([name, number]) => [number, name as TransitionKind]));

/** `wallMs` is now. Null for what this version does not know. */
export function describeTransition(from: NativeTransition, wallMs: number): Transition | null {
  const kind = KINDS.get(from.kind);
  const reason = TRANSITION_REASON[from.reason];
  if (kind === undefined || reason === undefined) return null;
  const evidence = evidenceText(reason, from);
  const what = kindText(kind, from);
  return {
    atMs: wallMs - from.ageMs,
    kind,
    reason,
    text: evidence === '' ? what : `${what}: ${evidence}`,
    untilMs: from.leftMs < 0 ? null : wallMs + from.leftMs,
  };
}

function kindText(kind: TransitionKind, { ageMs, leftMs }: NativeTransition): string {
  const duration = leftMs < 0 ? '' : ` for ${durationText(ageMs + leftMs)}`;
  switch (kind) {
    case 'ejected':
      return `ejected${duration}`;
    case 'unejected':
      return 'back from its ejection';
    case 'wouldEject':
      return 'would be ejected, but for shadow';
    case 'notEjected':
      return 'not ejected, as too few would be left';
    case 'breakerOpened':
      return `circuit breaker open${duration}`;
    case 'breakerHalfOpened':
      return 'circuit breaker half-open';
    case 'breakerClosed':
      return 'circuit breaker closed';
  }
}

function evidenceText(reason: TransitionReason, { value, limit, requests }: NativeTransition): string {
  switch (reason) {
    case 'none':
      return '';
    case 'consecutive5xx':
      return `${value} answers of 5xx in a row`;
    case 'consecutiveGatewayErrors':
      return `${value} answers of 502, 503 or 504 in a row`;
    case 'consecutiveLocalErrors':
      return `${value} attempts without an answer in a row`;
    case 'successRate':
      return `${percentText(value)} of ${requests} requests succeeded, below ${percentText(limit)}`;
    case 'failurePercentage':
    case 'failureRatio':
      return `${percentText(value)} of ${requests} requests failed, the limit is ${percentText(limit)}`;
    case 'latency':
      return `${durationText(value / 1000)} to the first byte, above ${durationText(limit / 1000)}, by ${requests} requests`;
    case 'ejectionEnded':
    case 'intervalPassed':
      return 'its time has passed';
    case 'healthCheckPassed':
      return 'a health check passed';
    case 'detectionRemoved':
      return 'outlier detection was switched off';
    case 'probeFailed':
      return 'a probe failed';
    case 'probesPassed':
      return 'the probes passed';
    case 'breakerRemoved':
      return 'the breaker was removed';
  }
}

/** Of a share from 0 to 1. */
function percentText(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function durationText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms * 100) / 100} ms` : `${Math.round(ms / 100) / 10} s`;
}
