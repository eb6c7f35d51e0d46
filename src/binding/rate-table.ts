/** A table of rate limits of its own, apart from that of the data plane: for tests and benches. */
import { addon } from './load.ts';

export interface RateTable {
  /** A limit; its index for the other calls, or -1 when it is not possible. `algorithm` is a RATE_ALGORITHM. */
  addRule(algorithm: number, limit: number, windowMs: number, burst: number): number;
  /** SipHash-1-3 of the bytes under the key of the table: low word, high word. */
  hash(bytes: Uint8Array, out: Uint32Array): void;
  /** Counts a request of the client with this key hash when it is admitted. `out` gets [unplaced, remaining, resetMs, retryAfterMs]. */
  check(rule: number, keyLow: number, keyHigh: number, nowNs: number, out: Float64Array): boolean;
  /** What `check` would say. */
  peek(rule: number, keyLow: number, keyHigh: number, nowNs: number, out: Float64Array): boolean;
  /**
   * All limits of one request, rows of [rule, shadow, keyLow, keyHigh]: the position of the one that refuses it, or -1.
   * `counters` gets the RATE_STATS of the limit of each row.
   */
  checkAll(rows: Uint32Array, nowNs: number, counters: Float64Array): number;
  /** `n` requests of one client on each of some threads, at nowNs + i * stepNs: how many were admitted. */
  hammer(rule: number, keyLow: number, keyHigh: number, nowNs: number, stepNs: number, n: number, threads: number): number;
  /** Mean nanoseconds per check in a loop in C++; `hitShare` of them are of one of `keys` known clients, the others are of new ones. */
  timeChecks(rule: number, keys: number, n: number, threads: number, hitShare: number, nowNs: number): number;
  /** Moves everything to a table of another size; how many entries found no room. */
  resize(maxKeys: number, nowNs: number): number;
  /** Fills `out` in the order of RATE_TABLE_STATS; how many nanoseconds that took. */
  stats(out: Float64Array, nowNs: number): number;
}

/** `key` is 128 bits as four words, the lowest first. */
export function createRateTable(maxKeys: number, key: readonly [number, number, number, number]): RateTable {
  return new addon.RateTable(maxKeys, ...key);
}
