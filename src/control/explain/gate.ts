import type { NativeGate, NativeLimit } from '../../binding/explain.ts';
import { at, type Places } from './places.ts';
import type { ExplainedGate, ExplainedLimit } from './schema.ts';

/** Rate limits of a listener, or of a virtual host and route. */
export function explainGate(places: Places, gate: NativeGate | undefined): ExplainedGate | null {
  if (gate === undefined) return null;
  const { refusedBy } = gate;
  return {
    refused: refusedBy === undefined ? null : { by: at(places.limits, refusedBy).name, status: gate.status ?? 429, retryAfterS: gate.retryAfterS ?? 0 },
    limits: gate.limits.map((limit) => explainLimit(places, limit)),
  };
}

function explainLimit(places: Places, { row, key, allowed, left, resetMs, retryAfterMs, shared }: NativeLimit): ExplainedLimit {
  const { name, algorithm, requests, windowMs, burst, shadow, key: parts } = at(places.limits, row);
  return {
    name,
    algorithm,
    requests,
    windowMs,
    burst,
    shadow,
    key: parts.map((part, i) => ({ kind: part.kind, name: part.name, value: key[i] ?? null })),
    counts: allowed !== undefined,
    refuses: allowed === false,
    left: left ?? null,
    resetMs: resetMs ?? null,
    retryAfterMs: retryAfterMs ?? null,
    shared: shared ?? false,
  };
}
