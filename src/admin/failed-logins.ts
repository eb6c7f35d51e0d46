import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { printable } from '../core/printable.ts';
import type { AdminCounters } from './admin-counters.ts';
import type { Rejection } from './auth.ts';

/** Whoever tries tokens must not be able to fill the log. */
const LINE_PERIOD_MS = 10_000;
const MOST_TARGET = 200;

/** Counts every one, and logs one in ten seconds with the number of those before it. */
export class FailedLogins {
  readonly #counters: AdminCounters;
  readonly #log: Logger;
  readonly #clock: Clock;
  #untold = 0;
  #toldMs = -Infinity;

  constructor(counters: AdminCounters, log: Logger, clock: Clock) {
    this.#counters = counters;
    this.#log = log;
    this.#clock = clock;
  }

  note(reason: Rejection, peer: string, method: string, target: string): void {
    this.#counters.rejected(reason);
    this.#untold++;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldMs < LINE_PERIOD_MS) return;
    const more = this.#untold - 1;
    this.#log.warn({ peer, reason, method, target: printable(target.slice(0, MOST_TARGET)), more }, `admin request with ${reason === 'missing' ? 'no' : 'a wrong'} token refused${more === 0 ? '' : `, and ${more} before it`}`);
    this.#untold = 0;
    this.#toldMs = nowMs;
  }
}
