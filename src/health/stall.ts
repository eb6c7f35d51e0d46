import type { Clock } from '../core/clock.ts';

/** Timers come late by a millisecond or two on an idle loop, by some ten in a collection of garbage. */
const TICK_MS = 50;
const NOISE_MS = 20;

export interface Stalls {
  /** Milliseconds that were lost since the watch began. Not to be asked after its end. */
  lostMs: () => number;
  end: () => void;
}

/**
 * How long this thread's loop stood still, as far as that cost checks their time. A timer that ticks while anybody watches:
 * a tick that comes late by more than NOISE_MS was held up. Costs twenty wake-ups a second, and none while nobody watches.
 */
export class StallWatch {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #watchers = 0;
  #timer: NodeJS.Timeout | undefined;
  #tickMs = 0;
  #stalledMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Begins to watch, until `end` is called. */
  watch(): Stalls {
    if (this.#watchers++ === 0) this.#start();
    else this.#look();
    const before = this.#stalledMs;
    let isOver = false;
    return {
      lostMs: () => {
        this.#look();
        return this.#stalledMs - before;
      },
      end: () => {
        if (isOver) return;
        isOver = true;
        if (--this.#watchers === 0) clearInterval(this.#timer);
      },
    };
  }

  #start(): void {
    this.#tickMs = this.#clock.monotonicMs();
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #tick(): void {
    this.#look();
    this.#tickMs = this.#clock.monotonicMs();
  }

  /** Takes note of a tick that is overdue. */
  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#tickMs - TICK_MS;
    if (lateMs <= NOISE_MS) return;
    this.#stalledMs += lateMs;
    // The same time is not lost twice.
    this.#tickMs = nowMs - TICK_MS;
  }
}
