import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Long work in pieces, so that others on the thread get their turn: call `pause` between any two pieces. */
export class Turns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  #startedMs: number;

  /** `turnMs`: longest time on end, give or take a piece. */
  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
    this.#startedMs = clock.monotonicMs();
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() - this.#startedMs >= this.#turnMs;
  }

  /** Lets others run if this turn has lasted long enough. */
  async pause(): Promise<void> {
    if (!this.isOver) return;
    await setImmediate();
    this.#startedMs = this.#clock.monotonicMs();
  }
}
