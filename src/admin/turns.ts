/** Who goes next: so that no number of requests keeps the control plane from its other work for longer than one of them takes. */
import type { Socket } from 'node:net';

/** Lets one caller through in each turn of the event loop, in the order in which they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#last;
  }
}

/**
 * The requests of one connection one after the other: the next begins when the answer before it is sent. Node would begin all that came
 * in one piece at once, and keep their answers until somebody reads them.
 */
export class Pipeline {
  readonly #most: number;
  readonly #waiting = new WeakMap<Socket, (() => void)[]>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Calls `begin`, now or when it is its turn; false when too many wait. Whoever began calls `end`. */
  begin(socket: Socket, begin: () => void): boolean {
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) {
      this.#waiting.set(socket, []);
      begin();
      return true;
    }
    if (waiting.length >= this.#most) return false;
    waiting.push(begin);
    return true;
  }

  end(socket: Socket): void {
    const next = this.#waiting.get(socket)?.shift();
    if (next === undefined) this.#waiting.delete(socket);
    else next();
  }
}
