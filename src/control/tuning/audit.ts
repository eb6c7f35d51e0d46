import { formatProblem, type ConfigProblem } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Difference } from './diff.ts';

/** Entries that are remembered. */
export const AUDITED = 1_000;
/** Of one entry; the others are counted. A whole new configuration would fill the ring with megabytes. */
const MOST_DIFFERENCES = 50;
/** Of one value, as JSON. */
const MOST_VALUE_CHARS = 1_000;

export type AuditOutcome = 'applied' | 'refused' | 'rolledBack' | 'confirmed';

/** Something that somebody did to the running proxy, or tried to. */
export interface AuditNews {
  /** Name of a token or address of a peer; "file" for a reload, "guard" and "timer" for what undoes a change. */
  who: string;
  /** In one line: "PATCH clusters.items", "drain". */
  what: string;
  outcome: AuditOutcome;
  /** Of the configuration after it. */
  version?: number | null;
  diff?: readonly Difference[];
  /** Why it was refused or rolled back. */
  why?: string;
  problems?: readonly ConfigProblem[];
}

export interface AuditEntry {
  at: string;
  who: string;
  what: string;
  outcome: AuditOutcome;
  version: number | null;
  diff: Difference[];
  /** Differences that are not listed. */
  more: number;
  why: string | null;
}

/** Who did what, when: the newest in memory, all of them in the log (field `audit`). */
export class Audit {
  readonly #entries: AuditEntry[] = [];
  readonly #log: Logger;
  readonly #clock: Clock;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Oldest first. */
  get entries(): readonly AuditEntry[] {
    return this.#entries;
  }

  note({ who, what, outcome, version = null, diff = [], why, problems = [] }: AuditNews): void {
    const reasons = [...(why === undefined ? [] : [why]), ...problems.slice(0, 5).map(formatProblem)];
    const entry: AuditEntry = {
      at: new Date(this.#clock.wallMs()).toISOString(),
      who,
      what,
      outcome,
      version,
      diff: diff.slice(0, MOST_DIFFERENCES).map(shortened),
      more: Math.max(0, diff.length - MOST_DIFFERENCES),
      why: reasons.length === 0 ? null : reasons.join('; '),
    };
    this.#entries.push(entry);
    if (this.#entries.length > AUDITED) this.#entries.shift();
    this.#log[outcome === 'refused' || outcome === 'rolledBack' ? 'warn' : 'info']({ audit: entry }, `${what}: ${TEXT[outcome]}`);
  }
}

const TEXT: Readonly<Record<AuditOutcome, string>> = { applied: 'applied', refused: 'refused', rolledBack: 'rolled back', confirmed: 'confirmed' };

function shortened({ path, ...values }: Difference): Difference {
  const short: Difference = { path };
  for (const side of ['from', 'to'] as const) {
    if (!(side in values)) continue;
    const text = JSON.stringify(values[side]);
    short[side] = text.length <= MOST_VALUE_CHARS ? values[side] : `${text.slice(0, MOST_VALUE_CHARS)}… (${text.length} characters)`;
  }
  return short;
}
