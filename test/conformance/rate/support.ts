import { createRateTable, type RateTable } from '../../../src/binding/rate-table.ts';
import { RATE_ALGORITHM } from '../../../src/binding/abi.ts';
import { Gcra, SlidingLog, SlidingWindow, type Answer, type Limiter, type LimiterSettings } from '../../reference/rate/limiter.ts';

export type Algorithm = keyof typeof RATE_ALGORITHM;
export const ALGORITHMS: readonly Algorithm[] = ['slidingWindow', 'slidingLog', 'gcra'];
export const MS = 1_000_000;

/** splitmix64: key hashes that are spread like those of the keyed hash. */
export function keyOf(client: number): [number, number] {
  let z = (BigInt(client + 1) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
  z ^= z >> 31n;
  return [Number(z & 0xffffffffn), Number(z >> 32n)];
}

/** Uniform in [0, 1), mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function referenceOf(algorithm: Algorithm, settings: LimiterSettings): Limiter {
  if (algorithm === 'slidingLog') return new SlidingLog(settings);
  return algorithm === 'slidingWindow' ? new SlidingWindow(settings) : new Gcra(settings);
}

/** A native table with one limit, in the words of the reference. */
export class NativeLimiter {
  readonly table: RateTable;
  readonly rule: number;
  /** Whether the last answer came from a counter shared for want of room. */
  unplaced = false;
  readonly #out = new Float64Array(4);

  constructor(algorithm: Algorithm, { limit, windowMs, burst }: LimiterSettings, maxKeys = 64) {
    this.table = createRateTable(maxKeys, [1, 2, 3, 4]);
    this.rule = this.table.addRule(RATE_ALGORITHM[algorithm], limit, windowMs, burst);
    if (this.rule < 0) throw new Error(`no such rule: ${algorithm} ${limit} in ${windowMs} ms`);
  }

  check(client: number, nowNs: number): Answer {
    return this.#answer(this.table.check(this.rule, ...keyOf(client), nowNs, this.#out));
  }

  peek(client: number, nowNs: number): Answer {
    return this.#answer(this.table.peek(this.rule, ...keyOf(client), nowNs, this.#out));
  }

  #answer(allowed: boolean): Answer {
    const [unplaced = 0, remaining = 0, resetMs = 0, retryAfterMs = 0] = this.#out;
    this.unplaced = unplaced === 1;
    return { allowed, remaining, resetMs, retryAfterMs };
  }
}
