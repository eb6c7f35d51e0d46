/** Runs in a thread of the driver's pool: one policy under one load. */
import { Simulation, type SimulationCell, type SimulationResult } from '../binding/simulation.ts';

export interface CellTask {
  cell: SimulationCell;
  /** Shared with the main thread: thousandths of every cell that are done. */
  progress: Int32Array;
  index: number;
}

/** Between two reports of progress; some ten milliseconds. */
const STEP_EVENTS = 100_000;

export function cellTask({ cell, progress, index }: CellTask): SimulationResult {
  const simulation = new Simulation(cell);
  while (!simulation.step(STEP_EVENTS)) progress[index] = Math.floor(simulation.progress() * 1000);
  progress[index] = 1000;
  return simulation.result();
}
