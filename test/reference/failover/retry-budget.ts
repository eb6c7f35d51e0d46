/**
 * A retry budget in the plainest form: every request and every retry is remembered with its time. What the native one
 * says has to be equal, decision by decision.
 */
const BUCKETS = 10;

export class ReferenceRetryBudget {
  readonly #windowMs: number;
  readonly #requests: number[] = [];
  readonly #retries: number[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(nowMs: number): void {
    this.#requests.push(nowMs);
  }

  take(percent: number, minPerSecond: number, nowMs: number): boolean {
    const allowed = Math.floor((this.requests(nowMs) * percent * 10 + minPerSecond * this.#windowMs) / 1000);
    if (this.spent(nowMs) >= allowed) return false;
    this.#retries.push(nowMs);
    return true;
  }

  requests(nowMs: number): number {
    return this.#inWindow(this.#requests, nowMs);
  }

  spent(nowMs: number): number {
    return this.#inWindow(this.#retries, nowMs);
  }

  /** The window is the tenth of `nowMs` and the nine before it. */
  #inWindow(times: readonly number[], nowMs: number): number {
    const tenth = (ms: number): number => Math.floor((ms * BUCKETS) / this.#windowMs);
    return times.filter((ms) => tenth(ms) > tenth(nowMs) - BUCKETS).length;
  }
}

/** Bound of the wait before retry `retry`, by repeated doubling. */
export function referenceBackoffBound(baseMs: number, maxMs: number, retry: number): number {
  let bound = baseMs;
  for (let n = 1; n < retry && bound < maxMs; n++) bound *= 2;
  return Math.min(bound, maxMs);
}
