import { describe, expect, it } from 'vitest';
import { RATE_ALGORITHM, RATE_STATS, RATE_TABLE_STATS } from '../../../src/binding/abi.ts';
import { createRateTable } from '../../../src/binding/rate-table.ts';
import { ALGORITHMS, MS, NativeLimiter, keyOf } from './support.ts';

const START_NS = 4_000_000 * MS;

function statsOf({ table }: NativeLimiter, nowNs: number): Record<(typeof RATE_TABLE_STATS)[number], number> {
  const out = new Float64Array(RATE_TABLE_STATS.length);
  table.stats(out, nowNs);
  return Object.fromEntries(RATE_TABLE_STATS.map((name, i) => [name, out[i] ?? NaN])) as ReturnType<typeof statsOf>;
}

describe.each(ALGORITHMS)('the table with %s', (algorithm) => {
  it('keeps every client at its limit through a flood of ten times as many others as it has slots', () => {
    const limit = 4;
    const native = new NativeLimiter(algorithm, { limit, windowMs: 10_000, burst: limit }, 1000);
    // Half of the table is somebody's who has used up the limit.
    const victims = algorithm === 'slidingLog' ? 100 : 500;
    for (let client = 0; client < victims; client++) {
      for (let i = 0; i < limit; i++) expect(native.check(client, START_NS).allowed).toBe(true);
      expect(native.unplaced).toBe(false);
      expect(native.check(client, START_NS).allowed).toBe(false);
    }
    const admitted = new Map<number, number>();
    let unplaced = 0;
    for (let i = 0; i < 20_000; i++) {
      const { allowed } = native.check(victims + i, START_NS + 1000);
      if (native.unplaced) unplaced++;
      if (allowed && native.unplaced) admitted.set(i, 1);
      if (i % 20 !== 0) continue;
      const victim = (i / 20) % victims;
      expect(native.check(victim, START_NS + 2000).allowed, `victim ${victim} after ${i}`).toBe(false);
      expect(native.unplaced).toBe(false);
    }
    expect(unplaced).toBeGreaterThan(15_000);
    // Without a slot: 64 shared counters, each with the limit.
    expect(admitted.size).toBe(64 * limit);
    const { keys, evicted, unplaced: counted, bytes } = statsOf(native, START_NS + 2000);
    expect({ evicted, counted }).toEqual({ evicted: 0, counted: unplaced });
    // Full to the last slot.
    expect(keys).toBe(victims + 20_000 - unplaced);
    expect(keys).toBe(algorithm === 'slidingLog' ? 252 : 1540);
    expect(bytes).toBe(1540 * 16 + (algorithm === 'slidingLog' ? 252 * (16 + 8 * 8) : 0));
  });

  it('gives slots to others once their clients are as new, and counts that', () => {
    const native = new NativeLimiter(algorithm, { limit: 2, windowMs: 100, burst: 2 }, 64);
    for (let round = 0; round < 50; round++) {
      for (let client = 0; client < 12; client++) {
        const now = START_NS + round * 300 * MS;
        const mine = round * 12 + client;
        expect([1, 2, 3].map(() => native.check(mine, now).allowed)).toEqual([true, true, false]);
        expect(native.unplaced).toBe(false);
      }
    }
    const { keys, evicted, unplaced } = statsOf(native, START_NS + 49 * 300 * MS);
    expect({ keys, unplaced }).toEqual({ keys: 12, unplaced: 0 });
    expect(evicted).toBeGreaterThan(400);
    expect(statsOf(native, START_NS + 50 * 300 * MS).keys).toBe(0);
  });

  it('keeps what clients have used when it grows, and when it shrinks to what still holds them', () => {
    const limit = 3;
    const native = new NativeLimiter(algorithm, { limit, windowMs: 60_000, burst: limit }, 1000);
    const clients = 100;
    for (let client = 0; client < clients; client++) for (let i = 0; i <= client % limit; i++) native.check(client, START_NS);
    for (const size of [5000, 600]) {
      expect(native.table.resize(size, START_NS)).toBe(0);
      for (let client = 0; client < clients; client++)
        expect(native.peek(client, START_NS).remaining, `client ${client} of ${size}`).toBe(limit - 1 - (client % limit));
    }
    // Nothing is said about nobody: expired entries do not come along.
    expect(native.table.resize(1000, START_NS + 130_000 * MS)).toBe(0);
    expect(statsOf(native, START_NS).keys).toBe(0);
  });

  it('says how many entries a table that is too small has lost', () => {
    const native = new NativeLimiter(algorithm, { limit: 1, windowMs: 60_000, burst: 1 }, 40_000);
    for (let client = 0; client < 2000; client++) native.check(client, START_NS);
    expect(statsOf(native, START_NS).keys).toBe(2000);
    const lost = native.table.resize(100, START_NS);
    expect(lost).toBeGreaterThan(1800);
    expect(statsOf(native, START_NS).keys).toBe(2000 - lost);
  });
});

describe('the table', () => {
  it('has room for maxKeys clients but for 0.3 % of them', () => {
    const native = new NativeLimiter('slidingWindow', { limit: 1, windowMs: 60_000, burst: 1 }, 100_000);
    let unplaced = 0;
    for (let client = 0; client < 100_000; client++) {
      native.check(client, START_NS);
      if (native.unplaced) unplaced++;
    }
    expect(unplaced).toBeLessThan(300);
    // Up to 90 % of the slots: 4 % of the newcomers had no room by then.
    for (let client = 100_000; client < 150_000; client++) native.check(client, START_NS);
    const { keys, bytes } = statsOf(native, START_NS);
    expect(keys / (bytes / 16)).toBeGreaterThan(0.9);
  });

  it('keeps limits with different windows apart, in one table', () => {
    const native = new NativeLimiter('slidingWindow', { limit: 1, windowMs: 1000, burst: 1 }, 64);
    const minute = native.table.addRule(RATE_ALGORITHM.slidingWindow, 1, 60_000, 1);
    const out = new Float64Array(4);
    const now = 120_000_000 * MS;
    expect(native.table.check(minute, ...keyOf(1), now, out)).toBe(true);
    expect(native.check(1, now).allowed).toBe(true);
    // The second's entry is as new after two seconds and may go, the minute's stays, whoever comes.
    for (let client = 10; client < 1000; client++) native.check(client, now + 3000 * MS);
    expect(native.table.peek(minute, ...keyOf(1), now + 59_000 * MS, out)).toBe(false);
  });
});

describe('all limits of one request', () => {
  interface Row {
    rule: number;
    shadow: boolean;
    client: number;
  }
  class Request {
    readonly native = new NativeLimiter('slidingWindow', { limit: 5, windowMs: 1000, burst: 1 });
    readonly small = this.native.table.addRule(RATE_ALGORITHM.gcra, 2, 1000, 2);
    readonly log = this.native.table.addRule(RATE_ALGORITHM.slidingLog, 3, 1000, 1);
    counters: Record<string, number>[] = [];

    run(rows: Row[], nowNs = START_NS): number {
      const flat = rows.flatMap(({ rule, shadow, client }) => [rule, shadow ? 1 : 0, ...keyOf(client)]);
      const out = new Float64Array(rows.length * RATE_STATS.length);
      const refused = this.native.table.checkAll(Uint32Array.from(flat), nowNs, out);
      this.counters = rows.map((_, i) => Object.fromEntries(RATE_STATS.map((name, k) => [name, out[i * RATE_STATS.length + k] ?? NaN])));
      return refused;
    }
  }

  it('are not used up by a request that a later one refuses', () => {
    const request = new Request();
    const rows = [
      { rule: request.native.rule, shadow: false, client: 1 },
      { rule: request.log, shadow: false, client: 1 },
      { rule: request.small, shadow: false, client: 1 },
    ];
    expect([1, 2, 3, 4, 5, 6, 7].map(() => request.run(rows))).toEqual([-1, -1, 2, 2, 2, 2, 2]);
    expect(request.counters).toEqual([
      { allowed: 2, limited: 0, shadowed: 0, unplaced: 0 },
      { allowed: 2, limited: 0, shadowed: 0, unplaced: 0 },
      { allowed: 2, limited: 5, shadowed: 0, unplaced: 0 },
    ]);
    expect(request.native.peek(1, START_NS).remaining).toBe(3);
  });

  it('count in the shadow without refusing, and not what others refuse', () => {
    const request = new Request();
    const rows = [
      { rule: request.small, shadow: true, client: 1 },
      { rule: request.native.rule, shadow: false, client: 1 },
    ];
    expect([1, 2, 3, 4, 5, 6, 7].map(() => request.run(rows))).toEqual([-1, -1, -1, -1, -1, 1, 1]);
    expect(request.counters).toEqual([
      { allowed: 2, limited: 0, shadowed: 3, unplaced: 0 },
      { allowed: 5, limited: 2, shadowed: 0, unplaced: 0 },
    ]);
  });

  it('that are one and the same twice count a request twice, and never let more through', () => {
    const request = new Request();
    const rows = [1, 2].map(() => ({ rule: request.native.rule, shadow: false, client: 3 }));
    const results = [1, 2, 3, 4].map(() => request.run(rows));
    expect(results).toEqual([-1, -1, 1, 0]);
  });

  it('refuse an unknown rule', () => {
    const request = new Request();
    expect(() => request.run([{ rule: 99, shadow: false, client: 1 }])).toThrow(RangeError);
    expect(() => createRateTable(64, [0, 0, 0, 0]).check(0, 1, 1, START_NS, new Float64Array(4))).toThrow(RangeError);
  });
});
