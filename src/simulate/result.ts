/** What came out: of one cell, and of all of them together with what follows. */
import type { SimulationResult } from '../binding/simulation.ts';
import type { Scenario } from './types.ts';

/** One policy under one load. */
export interface Cell {
  /** Indexes into the scenario. */
  candidate: number;
  point: number;
}

export interface CellOutcome extends Cell {
  result: SimulationResult;
}

/** Cells by candidate, then by point. */
export interface Outcome {
  scenario: Scenario;
  cells: readonly (readonly SimulationResult[])[];
}

export function resultOf({ cells }: Outcome, candidate: number, point: number): SimulationResult {
  const result = cells[candidate]?.[point];
  if (result === undefined) throw new Error(`no cell ${candidate}, ${point}`);
  return result;
}

/** Good answers per second. What still waits when the last request has come is answered later, and no endpoint can do more than it can. */
export const goodput = ({ rate, answered, requests, capacity }: SimulationResult): number => Math.min((rate * answered) / requests, capacity);

/** Of the requests that were let in, those without a good answer: a rate limit says no on purpose. */
export function failedShare({ requests, failed, timedOut, refused, unfinished }: SimulationResult): number {
  const admitted = requests - refused.rateLimit;
  return admitted <= 0 ? 0 : (failed + timedOut + refused.breaker + refused.queue + refused.noEndpoint + unfinished) / admitted;
}
