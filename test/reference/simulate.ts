/**
 * One endpoint under a random load, without events: the recursion of Kiefer and Wolfowitz over the times at which its
 * places become free. The random numbers are those of native/engine/simulate/draws.h, so that request n comes at the same
 * moment and takes as long.
 */

const MASK = (1n << 64n) - 1n;
const GOLDEN = 0x9e3779b97f4a7c15n;
const START_NS = 1_000_000_000_000;

function mix64(value: bigint): bigint {
  let z = value & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

function stream(seed: number, purpose: bigint): (n: number) => number {
  const base = mix64(BigInt(seed) + GOLDEN * 2n) ^ mix64(purpose * GOLDEN + 1n);
  // In (0, 1), 53 bits.
  return (n) => (Number(mix64(base + GOLDEN * (BigInt(n) + 1n)) >> 11n) + 0.5) * 2 ** -53;
}

export interface ReferenceQueue {
  seed: number;
  requests: number;
  /** Requests per second, Poisson. */
  rate: number;
  /** Seconds, exponential. */
  mean: number;
  concurrency: number;
  /** Most that wait; the next one is refused. */
  queue: number;
}

export interface ReferenceOutcome {
  /** Nanoseconds, of those that were answered, in the order in which they came. */
  latencies: number[];
  refused: number;
  /** When the last one was answered, nanoseconds from the start. */
  end: number;
}

export function runQueue({ seed, requests, rate, mean, concurrency, queue }: ReferenceQueue): ReferenceOutcome {
  const sizes = stream(seed, 1n);
  const gaps = stream(seed, 3n);
  const free = new Array<number>(concurrency).fill(0);
  /** When those began who had to wait, rising. */
  const begins: number[] = [];
  const latencies: number[] = [];
  let refused = 0;
  let passed = 0;
  let end = 0;
  for (let n = 0; n < requests; n++) {
    passed += -Math.log(gaps(n)) / rate;
    const at = START_NS + Math.floor(passed * 1e9 + 0.5);
    while (begins.length > 0 && (begins[0] ?? 0) <= at) begins.shift();
    const place = free.indexOf(Math.min(...free));
    const ready = free[place] ?? 0;
    if (ready > at && begins.length >= queue) {
      refused++;
      continue;
    }
    const begin = Math.max(ready, at);
    if (begin > at) begins.push(begin);
    const done = begin + Math.floor(-Math.log(sizes(n * 16)) * mean * 1e9 + 0.5);
    free[place] = done;
    latencies.push(done - at);
    end = Math.max(end, done);
  }
  return { latencies, refused, end: end - START_NS };
}
