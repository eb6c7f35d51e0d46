/** A retry budget of its own, apart from those of the clusters, and the draws of a back-off: for tests and benches. */
import { addon } from './load.ts';

export interface RetryBudget {
  /** `n` requests of a worker. */
  add(worker: number, n: number, nowMs: number): void;
  /** Takes a retry; false when there is none left. */
  take(percent: number, minPerSecond: number, nowMs: number): boolean;
  /** Requests of the window, and retries taken in it. */
  requests(nowMs: number): number;
  spent(nowMs: number): number;
  /** Each of some threads asks `n` times, and goes `stepMs` on in between: how many were granted to all of them. */
  hammer(percent: number, minPerSecond: number, nowMs: number, stepMs: number, n: number, threads: number): number;
  /** Mean nanoseconds of a request counted, and of a take that is granted (or, without a budget, refused), in loops in C++. */
  timeAdds(n: number, nowMs: number): number;
  timeTakes(n: number, nowMs: number, threads: number, budget: boolean): number;
}

export function createRetryBudget(windowMs: number): RetryBudget {
  return new addon.RetryBudget(windowMs);
}

/** Waits in milliseconds before retry `retry` (1, 2, ...), as many as there is room for in `out`. */
export function drawBackoffs(baseMs: number, maxMs: number, retry: number, seed: number, out: Float64Array): void {
  addon.drawBackoffs(baseMs, maxMs, retry, seed, out);
}
