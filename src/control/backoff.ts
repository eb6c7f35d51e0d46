/** A worker that dies younger than this makes the next pause longer. */
const SHORT_LIFE_MS = 1_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** How long to wait before the next attempt: not at all after a long life, else twice as long as the last time. */
export class Backoff {
  #shortLives = 0;

  pauseMs(livedMs: number): number {
    this.#shortLives = livedMs < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    return this.#shortLives === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (this.#shortLives - 1), LONGEST_PAUSE_MS);
  }
}
