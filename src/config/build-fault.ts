import type { ParsedFault } from './schema-fault.ts';
import type { FaultConfig } from './types.ts';

/** Null when nothing would ever be injected. */
export function buildFault(parsed: ParsedFault | undefined): FaultConfig | null {
  if (parsed === undefined || !parsed.enabled) return null;
  const abort = parsed.abort === undefined || parsed.abort.percent === 0 ? null : { status: parsed.abort.status, perMillion: parsed.abort.percent };
  const delay = parsed.delay === undefined || parsed.delay.percent === 0 || parsed.delay.time === 0 ? null : { ms: parsed.delay.time, perMillion: parsed.delay.percent };
  return abort === null && delay === null ? null : { abort, delay };
}
