import { DOWNSTREAM_ERROR, INCIDENT_KIND, INCIDENT_TEXT, RESPONSE_FLAG, UPSTREAM_ERROR } from '../binding/abi.ts';
import type { NativeIncident } from '../binding/native.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { printable } from '../core/printable.ts';
import type { Engine } from './engine.ts';

/** The workers keep that many until they are read. */
const MOST_PER_WORKER = 256;
const TICK_MS = 1_000;
/** Of one reason in one tick; the others are counted in one line more. */
export const LINES_PER_REASON = 10;

const KINDS: Record<number, { reasons: readonly string[]; level: 'info' | 'warn'; what: string; more: string }> = {
  [INCIDENT_KIND.downstream]: { reasons: DOWNSTREAM_ERROR, level: 'info', what: 'request refused', more: 'more requests refused for this reason' },
  [INCIDENT_KIND.upstream]: { reasons: UPSTREAM_ERROR, level: 'warn', what: 'upstream broke the protocol', more: 'more answers of upstreams refused for this reason' },
  [INCIDENT_KIND.failure]: { reasons: RESPONSE_FLAG, level: 'warn', what: 'request failed', more: 'more requests failed for this reason' },
};

/**
 * Writes to the log what the workers report: requests that were refused for what they are, upstreams that broke the protocol,
 * requests that failed because of an upstream, a timeout or a limit.
 * Once a second and at the end, so that no request waits for a log; at most LINES_PER_REASON lines of each reason a second,
 * whatever a hostile peer sends, and everything from the network made visible.
 */
export class IncidentLog {
  readonly #engine: Pick<Engine, 'takeIncidents'>;
  /** How many were lost because they were not read in time, since the start. */
  readonly #dropped: () => number;
  readonly #log: Logger;
  readonly #clock: Clock;
  #droppedBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(engine: Pick<Engine, 'takeIncidents'>, dropped: () => number, log: Logger, clock: Clock) {
    this.#engine = engine;
    this.#dropped = dropped;
    this.#log = log;
    this.#clock = clock;
  }

  start(): void {
    this.#timer = setInterval(() => this.flush(), TICK_MS).unref();
  }

  /** Everything that was reported until now, and nothing afterwards. */
  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  flush(): void {
    const counts = new Map<string, { incident: NativeIncident; count: number }>();
    for (const incident of this.#engine.takeIncidents(MOST_PER_WORKER)) {
      const key = `${incident.kind} ${incident.reason}`;
      const seen = counts.get(key) ?? { incident, count: 0 };
      seen.count++;
      counts.set(key, seen);
      if (seen.count <= LINES_PER_REASON) this.#line(incident);
    }
    for (const { incident, count } of counts.values()) {
      if (count > LINES_PER_REASON) this.#more(incident, count - LINES_PER_REASON);
    }
    const dropped = this.#dropped();
    if (dropped > this.#droppedBefore) this.#log.warn({ count: dropped - this.#droppedBefore }, 'incidents were neither logged nor counted above: too many at once');
    this.#droppedBefore = dropped;
  }

  #line(incident: NativeIncident): void {
    const kind = KINDS[incident.kind];
    if (kind === undefined) return;
    const texts = Object.fromEntries(
      INCIDENT_TEXT.flatMap((name, i) => {
        const text = incident.texts[i] ?? '';
        return text === '' ? [] : [[name, printable(text) + (incident.cut[i] === true ? '...' : '')]];
      }),
    );
    this.#log[kind.level](
      {
        at: new Date(this.#clock.wallMs() - incident.ageMs).toISOString(),
        reason: kind.reasons[incident.reason] ?? String(incident.reason),
        ...(incident.status === 0 ? {} : { status: incident.status }),
        ...(incident.peer === '' ? {} : { peer: incident.peer }),
        ...(incident.attempts === 0 ? {} : { attempts: incident.attempts }),
        ...texts,
      },
      `${kind.what}: ${incident.sentence.trimEnd()}`,
    );
  }

  #more(incident: NativeIncident, count: number): void {
    const kind = KINDS[incident.kind];
    if (kind !== undefined) this.#log[kind.level]({ reason: kind.reasons[incident.reason] ?? String(incident.reason), count }, `${count} ${kind.more}`);
  }
}
