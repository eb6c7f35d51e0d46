/**
 * Measures loops of one operation with tinybench. An operation of some nanoseconds is far below what a clock can time, so
 * the unit is a batch, long enough for the clock; a sample is the mean of a batch. So p99 tells about slow batches
 * (interrupts, neighbours, collections), not about single slow operations.
 */
import { Bench, type FnReturnedObject } from 'tinybench';

/** Does `n` operations. Returns nanoseconds per operation where it took the time itself (loops in C++). */
export type Loop = (n: number) => number | undefined | Promise<undefined>;

export interface Row {
  /** What is done, e.g. "leastRequest, 100 endpoints". */
  subject: string;
  /** Who does it: "C++", "addon" (C++ called from JavaScript, one crossing each), "reference", or the name of a package. */
  by: string;
  threads: number;
  /** Makes ready what the loop needs; called only when the row is measured, right before. */
  prepare: () => Loop | Promise<Loop>;
  /** The loop returns a promise; it has a `batch` then. */
  asynchronous?: true;
  /** The aim of the project, nanoseconds. */
  aimNs?: number;
  /** What the loop returns is the difference of two, and may be near 0: a batch is as long as both together take. */
  isDifference?: true;
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
  /** At least. */
  batches: number;
}

const BATCH_MS = 0.05;
/** Starting a thread takes tens of microseconds, in which the others run alone. */
const BATCH_OF_THREADS_MS = 1;
const MAX_BATCH = 1 << 20;

const msOf = (startMs: number): number => performance.now() - startMs;

/** How many operations take long enough, by the fastest of batches that double in size: the first ones run cold. */
function chooseBatch(loop: Loop, { threads, isDifference }: Row, warmupMs: number): number {
  const wantedMs = threads > 1 ? BATCH_OF_THREADS_MS : BATCH_MS;
  let fastestMs = Infinity;
  const begun = performance.now();
  for (let batch = 1; ; batch = Math.min(batch * 2, MAX_BATCH)) {
    const started = performance.now();
    const ns = loop(batch);
    const ms = typeof ns === 'number' && isDifference !== true ? (ns * batch) / 1e6 : msOf(started);
    fastestMs = Math.min(fastestMs, ms / batch);
    if (ms >= wantedMs && msOf(begun) >= warmupMs) return Math.min(Math.max(Math.ceil(wantedMs / fastestMs), 1), MAX_BATCH);
  }
}

async function measureRow(row: Row, effort: Effort): Promise<Round> {
  const loop = await row.prepare();
  const batch = row.batch ?? chooseBatch(loop, row, effort.warmupMs);
  const bench = new Bench({ time: effort.timeMs, iterations: effort.batches, warmupTime: effort.warmupMs, warmupIterations: 1, throws: true });
  const sample = (startedMs: number, ns: number | undefined): FnReturnedObject => {
    const ms = msOf(startedMs);
    return { overriddenDuration: ns === undefined ? ms / batch : ns / 1e6, overriddenIterationCost: ms };
  };
  const once = () => {
    const started = performance.now();
    return sample(started, loop(batch) as number | undefined);
  };
  const onceAwaited = async () => {
    const started = performance.now();
    await loop(batch);
    return sample(started, undefined);
  };
  const asynchronous = row.asynchronous === true;
  bench.add(row.subject, asynchronous ? onceAwaited : once, { async: asynchronous });
  const [task] = await bench.run();
  if (task?.result.state !== 'completed') throw new Error(`${nameOf(row)} was not measured`);
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

/** `make`, once and as late as possible: rows of one subject share what it is measured on. */
export function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Somewhere for results to go, so that no loop is optimised away. */
export const sink = { value: 0 };
