/** A circuit breaker of its own, apart from those of the data plane: for tests and benches. */
import { addon } from './load.ts';

export interface BreakerSettings {
  /** Share of failures that opens, x 1000. */
  thresholdMillis: number;
  /** At least 10. */
  windowMs: number;
  minRequests: number;
  intervalMs: number;
  maxIntervalMs: number;
  jitterPercent: number;
  probes: number;
  successes: number;
}

/** What an outcome did to a breaker; the numbers are BreakerEvent::Kind. */
export const BREAKER_EVENT = { none: 0, opened: 1, reopened: 2, halfOpened: 3, closed: 4 } as const;

/** Whoever is let through gets a ticket; 0 = not let through. A ticket of an earlier period counts for nothing. */
export interface Breaker {
  /** BREAKER_STATE. */
  state(): number;
  /** 0 unless open. */
  openUntilMs(): number;
  admit(nowMs: number): number;
  /** For requests that pass without taking a place: 0 unless closed. */
  ticket(): number;
  /** A place among the probes, while half-open. */
  tryProbe(nowMs: number): number;
  giveBackProbe(ticket: number): void;
  /** From open to half-open where that is due. */
  halfOpen(nowMs: number): boolean;
  /** Whether the holder of the ticket may try once more. */
  permits(ticket: number): boolean;
  /** An outcome, seen by one of 64 workers; BREAKER_EVENT. `random` is 32 bits. */
  record(worker: number, ticket: number, good: boolean, nowMs: number, random: number): number;
  /** Fills `out` with the requests and the failures of the window. */
  counts(nowMs: number, out: Float64Array): void;
  /** Mean nanoseconds of a request and its outcome in a loop in C++. */
  timeRecords(n: number, threads: number, failureShare: number, workers: number): number;
}

export function createBreaker(of: BreakerSettings): Breaker {
  return new addon.Breaker(of.thresholdMillis, of.windowMs, of.minRequests, of.intervalMs, of.maxIntervalMs, of.jitterPercent, of.probes, of.successes);
}
