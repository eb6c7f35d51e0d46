/** Runs all cells of a scenario on as many threads as asked for. The result does not depend on how many there are. */
import { Piscina } from 'piscina';
import type { SimulationResult } from '../binding/simulation.ts';
import { distPath } from '../core/dist-path.ts';
import type { CellTask } from './cell-task.ts';
import { cellOf } from './cell.ts';
import type { Cell, Outcome } from './result.ts';
import type { Scenario } from './types.ts';

const PROGRESS_MS = 100;

export interface DriverOptions {
  threads: number;
  /** How much is done, from 0 to 1, ten times a second. */
  onProgress?: (share: number) => void;
}

export function cellsOf({ candidates, points }: Scenario): Cell[] {
  return candidates.flatMap((_, candidate) => points.map((__, point) => ({ candidate, point })));
}

export async function simulate(scenario: Scenario, { threads, onProgress }: DriverOptions): Promise<Outcome> {
  const cells = cellsOf(scenario);
  const progress = new Int32Array(new SharedArrayBuffer(cells.length * Int32Array.BYTES_PER_ELEMENT));
  const pool = new Piscina<CellTask, SimulationResult>({
    filename: distPath('simulate/cell-task'),
    name: 'cellTask',
    minThreads: 1,
    maxThreads: Math.max(1, Math.min(threads, cells.length)),
    atomics: 'disabled',
    recordTiming: false,
  });
  const total = cells.reduce((sum, { point }) => sum + (scenario.points[point]?.requests ?? 0), 0);
  const done = () => cells.reduce((sum, { point }, index) => sum + ((scenario.points[point]?.requests ?? 0) * Atomics.load(progress, index)) / 1000, 0);
  const timer = onProgress === undefined ? undefined : setInterval(() => onProgress(done() / total), PROGRESS_MS);
  try {
    // High loads take longest, for their queues: started first, they are not what everybody waits for in the end.
    const order = cells.map((_, index) => index).sort((a, b) => (cells[b]?.point ?? 0) - (cells[a]?.point ?? 0) || a - b);
    const results = new Map(await Promise.all(order.map(async (index) => [index, await pool.run({ cell: cellOf(scenario, cells[index]!), progress, index })] as const)));
    const { length } = scenario.points;
    return { scenario, cells: scenario.candidates.map((_, candidate) => scenario.points.map((__, point) => results.get(candidate * length + point)!)) };
  } finally {
    clearInterval(timer);
    await pool.destroy();
  }
}
