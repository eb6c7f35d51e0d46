/**
 * The histogram as one would write it without caring for memory or time: it keeps every sample. Buckets are found by
 * walking their edges, quantiles by sorting; windows by the time of each sample.
 */
const SUB_BUCKETS = 32;
const END = 2 ** 40;

/** First value of every bucket, and the end of the range: 1 wide up to 64, then 32 equal ones per power of two. */
export function edges(): number[] {
  const found = Array.from({ length: 2 * SUB_BUCKETS }, (_, i) => i);
  for (let power = 2 * SUB_BUCKETS; power < END; power *= 2) {
    for (let i = 0; i < SUB_BUCKETS; i++) found.push(power + (i * power) / SUB_BUCKETS);
  }
  return [...found, END];
}

const EDGES = edges();

/** The last bucket whose first value is not larger. */
export function bucketOf(value: number): number {
  let low = 0;
  let high = EDGES.length - 2;
  while (low < high) {
    const at = Math.ceil((low + high) / 2);
    if ((EDGES[at] ?? 0) <= value) low = at;
    else high = at - 1;
  }
  return low;
}

interface Taken {
  value: number;
  /** Ticks that had ended when it came. */
  tick: number;
}

export class ReferenceHistogram {
  #samples: Taken[] = [];
  /** When each tick ended; the first one only starts the clock. */
  readonly #ticks: number[] = [];

  record(value: number, times = 1): void {
    for (let i = 0; i < times; i++) this.#samples.push({ value: Math.min(value, END - 1), tick: this.#ticks.length });
  }

  mergeFrom(other: ReferenceHistogram): void {
    this.#samples = [...this.#samples, ...other.#samples];
  }

  tick(nowMs: number): void {
    this.#ticks.push(nowMs);
  }

  /** The last `windowMs`: whole ticks that end within it, and what came since the last. 0 is everything. */
  values(windowMs = 0, nowMs = 0): number[] {
    const from = windowMs === 0 ? 0 : this.#firstTick(windowMs, nowMs);
    return this.#samples.filter(({ tick }) => tick >= from).map(({ value }) => value);
  }

  spanMs(windowMs: number, nowMs: number): number {
    return nowMs - (this.#ticks[this.#firstTick(windowMs, nowMs) - 1] ?? nowMs);
  }

  counts(windowMs = 0, nowMs = 0): number[] {
    const counts = Array.from({ length: EDGES.length - 1 }, () => 0);
    for (const value of this.values(windowMs, nowMs)) {
      const bucket = bucketOf(value);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    return counts;
  }

  /** The smallest sample that at least the share `perMillion` of all do not exceed; in integers, so that ranks are exact. */
  quantile(perMillion: number, windowMs = 0, nowMs = 0): number {
    const sorted = this.values(windowMs, nowMs).sort((a, b) => a - b);
    const rank = Math.max(1, Math.floor((perMillion * sorted.length + 999_999) / 1_000_000));
    return sorted[rank - 1] ?? 0;
  }

  #firstTick(windowMs: number, nowMs: number): number {
    let first = this.#ticks.length;
    while (first > 1 && (this.#ticks[first - 1] ?? 0) > nowMs - windowMs) first--;
    return first;
  }
}
