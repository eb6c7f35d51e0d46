/** Checking a rate limit: the engine's table, its references, and the memory store of rate-limiter-flexible. */
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { RATE_ALGORITHM } from '../../src/binding/abi.ts';
import { createRateTable, type RateTable } from '../../src/binding/rate-table.ts';
import { Gcra, SlidingLog, SlidingWindow } from '../../test/reference/rate/limiter.ts';
import { lazy, sink, type Loop, type Row } from './harness.ts';
import { below, random } from './random.ts';

const AIM_NS = 30;
const WINDOW_MS = 1_000;
const WINDOW_NS = WINDOW_MS * 1e6;
/** slidingLog is for small limits: it keeps every request. */
const LIMITS = { slidingWindow: 100, slidingLog: 16, gcra: 100 } as const;
type Algorithm = keyof typeof LIMITS;
const REFERENCES = { slidingWindow: SlidingWindow, slidingLog: SlidingLog, gcra: Gcra };

interface Case {
  algorithm: Algorithm;
  keys: number;
  /** Clients that the table knows, or only such as were never seen. */
  hit: boolean;
}

/** Operations in which no client gets near its limit, and newcomers do not fill the table: every check is of the usual kind. */
const batchOf = ({ keys, hit }: Case): number => (keys === 1_000 ? (hit ? 8_192 : 256) : 131_072);
/** The same for the loops from JavaScript, as time from one request to the next. */
const stepOf = ({ algorithm, keys, hit }: Case): number => Math.ceil(hit ? (2 * WINDOW_NS) / (LIMITS[algorithm] * keys) : (4 * WINDOW_NS) / keys);

/** A table that has room for all of them: of slidingLog it holds a client per 8 keys when a limit needs 16 places each. */
const maxKeysOf = ({ algorithm, keys }: Case): number => (algorithm === 'slidingLog' ? 8 * keys : keys);

const subjectOf = ({ algorithm, keys, hit }: Case): string =>
  `check, ${algorithm}, ${keys === 1_000 ? '1k' : '1M'} keys, ${hit ? 'hit' : 'miss'}`;

/** Hashes of keys: the n-th key is words 2n and 2n + 1. */
function hashes(count: number, seed: number): Uint32Array {
  const next = random(seed);
  return Uint32Array.from({ length: 2 * count }, next);
}

/** In which order known keys are asked for; longer than what the caches hold of the larger table. */
function order(keys: number): Uint32Array {
  const next = random(9);
  return Uint32Array.from({ length: 1 << 20 }, () => below(next, keys));
}

/** Calls `check(low, high, nowNs)` for known keys in random order or for new ones, `n` at a time, going on where it was. */
function loopOf(of: Case, check: (low: number, high: number, nowNs: number) => boolean): (n: number) => undefined {
  const known = hashes(of.keys, 17);
  const visits = order(of.keys);
  const fresh = random(23);
  const stepNs = stepOf(of);
  let nowNs = WINDOW_NS * 10;
  for (let key = 0; of.hit && key < of.keys; key++) check(known[2 * key]!, known[2 * key + 1]!, nowNs);
  let at = 0;
  return (n) => {
    let admitted = 0;
    for (let i = 0; i < n; i++) {
      nowNs += stepNs;
      if (of.hit) {
        const key = 2 * visits[(at = (at + 1) & (visits.length - 1))]!;
        if (check(known[key]!, known[key + 1]!, nowNs)) admitted++;
      } else if (check(fresh(), fresh(), nowNs)) admitted++;
    }
    sink.value += admitted;
    return undefined;
  };
}

function tableOf(of: Case): { table: RateTable; rule: number } {
  const table = createRateTable(maxKeysOf(of), [1, 2, 3, 4]);
  const rule = table.addRule(RATE_ALGORITHM[of.algorithm], LIMITS[of.algorithm], WINDOW_MS, LIMITS[of.algorithm]);
  if (rule < 0) throw new Error(`${subjectOf(of)}: the table refuses the limit`);
  return { table, rule };
}

/** One after the other, so that a table can serve several cases. */
interface Timed {
  table: RateTable;
  rule: number;
  nowNs: number;
}

async function* nativeRows(of: Case, timed: () => Timed): AsyncGenerator<Row> {
  const subject = subjectOf(of);
  for (const threads of [1, 2]) {
    const hasAim = of.keys > 1_000 && of.hit && threads === 1;
    const prepare = () => (n: number) => {
      const { table, rule, nowNs } = timed();
      timed().nowNs += 3 * WINDOW_NS; // by then all that this batch leaves has expired
      return table.timeChecks(rule, of.keys, n, threads, of.hit ? 1 : 0, nowNs);
    };
    yield { subject, by: 'C++', threads, ...(hasAim ? { aimNs: AIM_NS } : {}), batch: batchOf(of), prepare };
  }
  yield {
    subject,
    by: 'addon',
    threads: 1,
    prepare: () => {
      const { table, rule } = tableOf(of);
      const out = new Float64Array(4);
      return loopOf(of, (low, high, now) => table.check(rule, low, high, now, out));
    },
  };
  // An object per client, none of which ever goes.
  yield {
    subject,
    by: 'reference',
    threads: 1,
    prepare: () => {
      const Limiter = REFERENCES[of.algorithm];
      const settings = { limit: LIMITS[of.algorithm], windowMs: WINDOW_MS, burst: LIMITS[of.algorithm] };
      const clients = new Map<number, InstanceType<typeof Limiter>>();
      return loopOf(of, (low, high, now) => {
        const key = low + (high >>> 11) * 2 ** 32;
        let client = clients.get(key);
        if (client === undefined) clients.set(key, (client = new Limiter(settings)));
        return client.check(BigInt(now)).allowed;
      });
    },
  };
}

/** It counts in fixed windows, and wants a promise and a timer per key. */
async function packageLimiter(keys: number): Promise<{ limiter: RateLimiterMemory; names: string[] }> {
  const limiter = new RateLimiterMemory({ points: 1_000_000_000, duration: 3_600 });
  const names = Array.from({ length: keys }, (_, key) => `192.0.2.${key}`);
  for (const name of names) await limiter.consume(name);
  return { limiter, names };
}

function packageLoop(of: Case, { limiter, names }: { limiter: RateLimiterMemory; names: string[] }): Loop {
  const visits = order(of.keys);
  let at = 0;
  let fresh = 0;
  return async (n) => {
    for (let i = 0; i < n; i++) await limiter.consume(of.hit ? names[visits[(at = (at + 1) & (visits.length - 1))]!]! : `198.51.100.${fresh++}`);
    return undefined;
  };
}

export async function* rateRows(): AsyncGenerator<Row> {
  for (const algorithm of Object.keys(LIMITS) as Algorithm[]) {
    for (const keys of [1_000, 1_000_000]) {
      const timed = lazy(() => ({ ...tableOf({ algorithm, keys, hit: true }), nowNs: WINDOW_NS * 10 }));
      for (const hit of [true, false]) yield* nativeRows({ algorithm, keys, hit }, timed);
    }
  }
  for (const keys of [1_000, 1_000_000]) {
    const limiter = lazy(() => packageLimiter(keys));
    for (const hit of [true, false]) {
      const of: Case = { algorithm: 'slidingWindow', keys, hit };
      const prepare = async () => packageLoop(of, await limiter());
      yield { subject: subjectOf(of), by: 'rate-limiter-flexible', threads: 1, batch: 256, asynchronous: true, prepare };
    }
  }
}
