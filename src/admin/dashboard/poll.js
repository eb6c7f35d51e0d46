/**
 * Asks once a second while the page is looked at. An error doubles the wait, up to 30 s, until an answer comes; a hidden tab asks
 * nothing and asks at once when it is shown again. There is never more than one question under way.
 */
const EVERY_MS = 1000;
const MAX_WAIT_MS = 30_000;

export class Poller {
  #ask;
  #failed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asking = false;
  #stopped = true;
  #waitMs = EVERY_MS;

  /**
   * @param {() => Promise<void>} ask
   * @param {(error: unknown, waitMs: number) => void} failed called with the wait before the next try
   */
  constructor(ask, failed) {
    this.#ask = ask;
    this.#failed = failed;
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) clearTimeout(this.#timer);
      else void this.#tick();
    });
  }

  start() {
    this.#stopped = false;
    this.now();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  get stopped() {
    return this.#stopped;
  }

  /** Does not wait for the next second; also once while it is stopped. */
  now() {
    this.#waitMs = EVERY_MS;
    void this.#tick(true);
  }

  async #tick(once = false) {
    if ((this.#stopped && !once) || this.#asking || document.hidden) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    const began = performance.now();
    let waitMs = EVERY_MS;
    try {
      await this.#ask();
      this.#waitMs = EVERY_MS;
      waitMs = Math.max(50, EVERY_MS - (performance.now() - began));
    } catch (error) {
      this.#waitMs = Math.min(MAX_WAIT_MS, this.#waitMs * 2);
      waitMs = this.#waitMs;
      this.#failed(error, waitMs);
    }
    this.#asking = false;
    if (!this.#stopped && !document.hidden) this.#timer = setTimeout(() => void this.#tick(), waitMs);
  }
}
