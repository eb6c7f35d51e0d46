import type { Balancer } from '../../../src/binding/balancer.ts';
import { randomFrom, START_MS } from './support.ts';

export interface Server {
  /** Mean time that it works on one request. */
  serviceMs: number;
  /** Requests that it works on at once; more wait there. */
  parallel: number;
  /** Answers with an error after this long, without work. */
  failsAfterMs?: number;
}

export interface Result {
  /** Requests that each endpoint got. */
  counts: number[];
  /** Of the successful answers, in ms. */
  p50: number;
  p99: number;
  /** Part of the answers that were errors. */
  errors: number;
}

type Happening = { at: number; order: number; run: () => void };

/** Happenings in the order of their time, and of their making. */
class Agenda {
  readonly #heap: Happening[] = [];
  #made = 0;

  add(at: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at, order: this.#made++, run });
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!isBefore(heap[i]!, heap[parent]!)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
  }

  next(): Happening | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      const least = [2 * i + 1, 2 * i + 2]
        .filter((child) => child < heap.length)
        .reduce((best, child) => (isBefore(heap[child]!, heap[best]!) ? child : best), i);
      if (least === i) return first;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}

const isBefore = (a: Happening, b: Happening): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/**
 * A discrete-event simulation: requests arrive by chance (Poisson) at `perMs`, the balancer gives each to a server, a server
 * works on some at once, in the order of their coming and for an exponential time, and the answer is observed and reported.
 */
export function simulate(
  balancer: Balancer,
  servers: readonly Server[],
  { requests, perMs, seed }: { requests: number; perMs: number; seed: number },
): Result {
  const random = randomFrom(seed);
  const exponential = (mean: number) => -Math.log(1 - random()) * mean;
  const agenda = new Agenda();
  const counts = servers.map(() => 0);
  const working = servers.map(() => 0);
  const waiting = servers.map((): (() => void)[] => []);
  const latencies: number[] = [];
  let errors = 0;
  let now = START_MS;

  const finish = (slot: number, began: number, failed: boolean): void => {
    const rttUs = Math.round((now - began) * 1000);
    balancer.end(slot);
    balancer.observe(slot, rttUs, failed, 0, Math.floor(now));
    if (failed) errors++;
    else {
      latencies.push(now - began);
      balancer.report(slot, working[slot]! + waiting[slot]!.length, rttUs, Math.floor(now));
    }
  };
  const start = (slot: number, began: number): void => {
    working[slot]!++;
    agenda.add(now + exponential(servers[slot]!.serviceMs), () => {
      working[slot]!--;
      finish(slot, began, false);
      waiting[slot]!.shift()?.();
    });
  };
  const arrive = (left: number): void => {
    if (left > 1) agenda.add(now + exponential(1 / perMs), () => arrive(left - 1));
    const slot = balancer.pick(0, 0, false, Math.floor(now));
    counts[slot]!++;
    balancer.begin(slot);
    const { parallel, failsAfterMs } = servers[slot]!;
    const began = now;
    if (failsAfterMs !== undefined) agenda.add(now + failsAfterMs, () => finish(slot, began, true));
    else if (working[slot]! < parallel) start(slot, began);
    else waiting[slot]!.push(() => start(slot, began));
  };

  agenda.add(now, () => arrive(requests));
  for (let next = agenda.next(); next !== undefined; next = agenda.next()) {
    now = next.at;
    next.run();
  }
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  return { counts, p50: quantile(0.5), p99: quantile(0.99), errors: errors / requests };
}
