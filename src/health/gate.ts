/**
 * Lets so many connects be under way at once, and the others wait in order: the first checks of a large cluster would otherwise
 * be a burst of SYNs, and of TLS handshakes on the one thread that makes them.
 */
export class Gate {
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  /** Calls `enter` at once and returns null; or calls it when a place becomes free, unless the function returned is called before. */
  pass(enter: () => void): (() => void) | null {
    if (this.#held < this.#limit) {
      this.#held++;
      enter();
      return null;
    }
    // A function of its own: the same one may wait twice.
    const waiter = (): void => enter();
    this.#waiting.add(waiter);
    return () => void this.#waiting.delete(waiter);
  }

  /** Once for every `enter`. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#held--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
