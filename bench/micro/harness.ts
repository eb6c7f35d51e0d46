/**
 * Measures loops of one operation with tinybench. An operation of some nanoseconds is far below what a clock can time, so
 * the unit is a batch, long enough for the clock; a sample is the mean of a batch. So p99 tells about slow batches
 * (interrupts, neighbours, collections), not about single slow operations.
 */
import { Bench } from 'tinybench';

export interface Row {
  /** What is done, e.g. "leastRequest, 100 endpoints". */
  subject: string;
  /** Who does it: "C++", "addon" (C++ called from JavaScript, one crossing each), "reference", or the name of a package. */
  by: string;
  threads: number;
  /** Does `n` operations. Returns nanoseconds per operation where it took the time itself (loops in C++). */
  loop: (n: number) => number | undefined;
  /** In place of `loop`, for packages whose operation is a promise. */
  asyncLoop?: (n: number) => Promise<void>;
  /** The aim of the project, nanoseconds. */
  aimNs?: number;
  /** Operations per batch, where the clock is not to choose: the input has to be whole or is used up. */
  batch?: number;
}

/** Whether a name has what was asked for. */
export type Wanted = (name: string) => boolean;

export interface Round {
  subject: string;
  by: string;
  threads: number;
  aimNs: number | null;
  /** Nanoseconds per operation over the batches of this round. */
  medianNs: number;
  p99Ns: number;
  batches: number;
  batch: number;
}

export interface Effort {
  /** Milliseconds per row and round. */
  timeMs: number;
  warmupMs: number;
}

const BATCH_MS = 0.05;
/** Starting a thread takes tens of microseconds, in which the others run alone. */
const BATCH_OF_THREADS_MS = 1;
const MAX_BATCH = 1 << 20;

const msOf = (startMs: number): number => performance.now() - startMs;

/** How many operations take long enough, by the fastest of batches that double in size: the first ones run cold. */
function chooseBatch(row: Row, warmupMs: number): number {
  const wantedMs = row.threads > 1 ? BATCH_OF_THREADS_MS : BATCH_MS;
  let fastestMs = Infinity;
  const begun = performance.now();
  for (let batch = 1; ; batch = Math.min(batch * 2, MAX_BATCH)) {
    const started = performance.now();
    const ns = row.loop(batch);
    const ms = ns === undefined ? msOf(started) : (ns * batch) / 1e6;
    fastestMs = Math.min(fastestMs, ms / batch);
    if (ms >= wantedMs && msOf(begun) >= warmupMs) return Math.min(Math.max(Math.ceil(wantedMs / fastestMs), 1), MAX_BATCH);
  }
}

async function measureRow(row: Row, effort: Effort): Promise<Round> {
  const batch = row.batch ?? chooseBatch(row, effort.warmupMs);
  const bench = new Bench({
    time: effort.timeMs,
    iterations: 3,
    warmupTime: effort.warmupMs,
    warmupIterations: 1,
    throws: true,
  });
  const { loop, asyncLoop } = row;
  const result = (startMs: number, ns: number | undefined) => {
    const ms = msOf(startMs);
    return { overriddenDuration: ns === undefined ? ms / batch : ns / 1e6, overriddenIterationCost: ms };
  };
  if (asyncLoop === undefined) {
    bench.add(row.subject, () => {
      const started = performance.now();
      return result(started, loop(batch));
    });
  } else {
    bench.add(row.subject, async () => {
      const started = performance.now();
      await asyncLoop(batch);
      return result(started, undefined);
    });
  }
  const [task] = await bench.run();
  if (task?.result.state !== 'completed') throw new Error(`${row.subject} by ${row.by} was not measured`);
  const { p50, p99, samplesCount } = task.result.latency;
  const { subject, by, threads, aimNs = null } = row;
  return { subject, by, threads, aimNs, medianNs: p50 * 1e6, p99Ns: p99 * 1e6, batches: samplesCount, batch };
}

/** What a filter is held against. */
export const nameOf = ({ subject, by, threads }: Row): string => `${subject}, ${by}${threads === 1 ? '' : `, ${threads} threads`}`;

export async function measure(rows: AsyncIterable<Row>, effort: Effort, wanted: Wanted): Promise<Round[]> {
  const rounds: Round[] = [];
  for await (const row of rows) if (wanted(nameOf(row))) rounds.push(await measureRow(row, effort));
  return rounds;
}

/** Somewhere for results to go, so that no loop is optimised away. */
export const sink = { value: 0 };
