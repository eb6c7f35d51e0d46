/** Outlier detection of a cluster of its own, apart from the data plane: for tests and measurements. */
import { RECORDS, type RecordFields } from './abi.ts';
import { addon } from './load.ts';

/** The numbers of an OUTLIER record. */
export type OutlierSettings = RecordFields<'OUTLIER'>;

export interface OutlierCluster {
  /** An answer that a worker saw; `random`: 64 bits, low and high. */
  answer(endpoint: number, worker: number, status: number, firstByteUs: number, nowMs: number, randomLow: number, randomHigh: number): void;
  /** An attempt without an answer. */
  fail(endpoint: number, worker: number, nowMs: number, randomLow: number, randomHigh: number): void;
  /** Bits of HEALTH that other mechanisms set and clear. */
  setHealth(endpoint: number, set: number, clear: number): void;
  /** What the control plane does; when it wants to be called again, -1 = not at all. */
  tick(nowMs: number, randomLow: number, randomHigh: number): number;
  /** HEALTH, untilMs, multiplier, ejections. */
  state(endpoint: number, out: Float64Array): void;
  /** ejected, ejections, shadowed, overflow. */
  counters(out: Float64Array): void;
  /** Rows of kind, reason, endpoint, atMs, untilMs, value, limit, requests. */
  take(): Float64Array;
  /** Nanoseconds that detection adds to an answer of that status. */
  timeAnswers(n: number, status: number): number;
  /** Nanoseconds of a sweep after every endpoint got so many more answers from each worker. */
  timeTick(answers: number, workers: number, nowMs: number): number;
}

/** The first sweep is due an interval after `nowMs`. */
export function createOutlierCluster(settings: OutlierSettings, endpoints: number, nowMs: number): OutlierCluster {
  const words = Uint32Array.from(RECORDS.OUTLIER, (field) => settings[field]);
  return new addon.OutlierCluster(words, endpoints, nowMs);
}
