/** The simulator as its callers see it, next to a reference that has no events. */
import { describe, expect, it } from 'vitest';
import { BREAKER_SCOPE, POLICY, RATE_ALGORITHM, RETRY_ON } from '../../../src/binding/abi.ts';
import { Simulation, type SimulationCell, type SimulationResult } from '../../../src/binding/simulation.ts';
import { runQueue } from '../../reference/simulate.ts';

const CELL: SimulationCell = {
  seed: 7,
  requests: 20_000,
  load: 0.8,
  balancer: { policy: POLICY.leastRequest },
  endpoints: [{ name: 'all', count: 10, serviceTime: { exponential: 0.01 }, concurrency: 4 }],
};

function run(cell: SimulationCell, events = 1_000_000): SimulationResult {
  const simulation = new Simulation(cell);
  while (!simulation.step(events));
  return simulation.result();
}

function outcomes({ answered, failed, timedOut, refused, unfinished }: SimulationResult): number {
  return answered + failed + timedOut + unfinished + refused.breaker + refused.rateLimit + refused.queue + refused.noEndpoint;
}

/** A cell in which everything can happen. */
const BUSY: SimulationCell = {
  seed: 3,
  duration: 10,
  load: 1.1,
  proxies: 3,
  arrivals: { bursts: { on: 0.4, off: 0.2 } },
  keys: { count: 500, zipf: 0.9 },
  network: 0.0005,
  timeout: 0.3,
  retry: { attempts: 2, on: RETRY_ON.connectFailure | RETRY_ON.reset | RETRY_ON['5xx'] | RETRY_ON.timeout, perTryTimeout: 0.12, budget: { percent: 20, minPerSecond: 10, windowMs: 10_000 } },
  balancer: { policy: POLICY.peakEwma, slowStartMs: 1000 },
  endpoints: [
    { name: 'good', count: 18, serviceTime: { lognormal: { median: 0.01, p99: 0.08 } }, concurrency: 4, queue: 20, fails: 0.01 },
    { name: 'slow', count: 4, serviceTime: { exponential: 0.05 }, concurrency: 4, queue: 5, weight: 2 },
  ],
  changes: [
    { at: 2, for: 1, group: 'good', share: 0.2, down: true },
    { at: 4, for: 2, group: 'good', share: 0.3, fails: 0.9 },
    { at: 6, group: 'slow', factor: 4, serviceTime: { fixed: 0.02 } },
  ],
  circuitBreaker: { scope: BREAKER_SCOPE.cluster | BREAKER_SCOPE.endpoint, thresholdMillis: 500, windowMs: 1000, minRequests: 20, intervalMs: 300, maxIntervalMs: 2000, jitterPercent: 10, probes: 2, successes: 2 },
  rateLimit: { algorithm: RATE_ALGORITHM.slidingWindow, requests: 120, windowMs: 1000, keys: 40, zipf: 0.5 },
};

describe('simulation', () => {
  it.each([
    { concurrency: 1, load: 0.7, queue: 1_000_000 },
    { concurrency: 1, load: 1.2, queue: 10 },
    { concurrency: 8, load: 0.9, queue: 1_000_000 },
    { concurrency: 3, load: 1.5, queue: 0 },
  ])('has the latencies of the recursion of Kiefer and Wolfowitz: $concurrency places, load $load, queue $queue', ({ concurrency, load, queue }) => {
    const mean = 0.01;
    const rate = (load * concurrency) / mean;
    const expected = runQueue({ seed: 11, requests: 20_000, rate, mean, concurrency, queue });
    const result = run({ ...CELL, seed: 11, rate, load: undefined, endpoints: [{ name: 'one', count: 1, serviceTime: { exponential: mean }, concurrency, queue }] });
    expect(result.answered).toBe(expected.latencies.length);
    expect(result.refused.queue).toBe(expected.refused);
    // Two libraries may disagree about the last bit of a logarithm: a nanosecond here and there.
    expect(result.latency.max * 1e9).toBeCloseTo(Math.max(...expected.latencies), -3);
    expect((result.latency.mean * 1e9) / (expected.latencies.reduce((sum, ns) => sum + ns) / expected.latencies.length)).toBeCloseTo(1, 6);
    expect(result.seconds).toBeCloseTo(expected.end / 1e9, 6);
    const sorted = expected.latencies.toSorted((a, b) => a - b);
    for (const [name, q] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99]] as const) {
      const exact = (sorted[Math.ceil(q * sorted.length) - 1] ?? 0) / 1e9;
      // The histogram's buckets.
      expect(Math.abs(result.latency[name] - exact), name).toBeLessThanOrEqual(exact / 64 + 1e-7);
    }
  });

  it('gives the same bytes for the same seed, however it is cut into steps', () => {
    const once = JSON.stringify(run(BUSY));
    expect(JSON.stringify(run(BUSY, 17))).toBe(once);
    expect(JSON.stringify(run({ ...BUSY, seed: 4 }))).not.toBe(once);
  });

  it.each(Object.entries(POLICY))('has exactly one outcome for every request with %s', (_, policy) => {
    // Plans are made often here: a large table would take its time.
    const result = run({ ...BUSY, balancer: { ...BUSY.balancer, policy, tableSize: policy === POLICY.maglev ? 251 : 0 } });
    expect(outcomes(result)).toBe(result.requests);
    expect(result.requests).toBe(Math.round(10 * result.rate));
    expect(result.rate).toBeCloseTo(1.1 * result.capacity, 6);
    expect(result.groups.reduce((sum, { requests }) => sum + requests, 0)).toBe(result.attempts);
    expect(result.groups.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(result.histogram.reduce((sum, [, count]) => sum + count, 0)).toBe(result.latency.count);
    expect(result.latency.count).toBe(result.answered + result.timedOut);
    expect(result.timeline).toHaveLength(100);
    const row = (result.timeline[1]?.at ?? 0) - (result.timeline[0]?.at ?? 0);
    expect(result.timeline.reduce((sum, { rate }) => sum + rate * row, 0)).toBeCloseTo(result.requests, 3);
    for (const part of [result.answered, result.failed, result.timedOut, result.refused.queue + result.refused.rateLimit, result.retries]) expect(part).toBeGreaterThan(0);
  });

  it('reports how far it is', () => {
    const simulation = new Simulation(CELL);
    expect(simulation.progress()).toBe(0);
    simulation.step(1000);
    const early = simulation.progress();
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(0.1);
    expect(() => simulation.result()).toThrow('the run is not over');
    while (!simulation.step(1000));
    expect(simulation.progress()).toBe(1);
    expect(simulation.step(1000)).toBe(true);
    expect(JSON.stringify(simulation.result())).toBe(JSON.stringify(simulation.result()));
  });

  it('prefers two choices to one, and one view of the load to many', () => {
    const mean = (policy: number, proxies: number) => run({ ...CELL, requests: 100_000, load: 0.95, proxies, balancer: { policy } }).latency.mean;
    const random = mean(POLICY.random, 1);
    const alone = mean(POLICY.leastRequest, 1);
    const apart = mean(POLICY.leastRequest, 30);
    expect(alone).toBeLessThan(apart);
    expect(apart).toBeLessThan(random);
  });
});

describe('a cell that cannot be run', () => {
  const throwing = Object.defineProperty({ ...CELL }, 'timeout', { get: () => { throw new TypeError('not today'); } });
  const endpoint = CELL.endpoints[0];
  it.each<[what: string, cell: unknown, message: string | RegExp]>([
    ['no mapping', 3, 'a scenario must be a mapping'],
    ['null', null, 'a scenario must be a mapping'],
    ['nothing in it', {}, 'load (a share of the capacity) or rate (requests per second): say one of them'],
    ['both loads', { ...CELL, rate: 1 }, 'load (a share of the capacity) or rate'],
    ['requests and duration', { ...CELL, duration: 1 }, 'requests or duration (seconds): say one of them'],
    ['no requests', { ...CELL, requests: 0 }, 'requests must be from 1 to 1000000000, not 0'],
    ['half a request', { ...CELL, requests: 0.5 }, 'requests must be a whole number'],
    ['a text', { ...CELL, timeout: '5s' }, 'timeout must be a number'],
    ['a BigInt', { ...CELL, seed: 5n }, 'seed must be a number'],
    ['NaN', { ...CELL, load: Number.NaN }, 'load must be above 0 and at most 1000'],
    ['no rate', { ...CELL, load: undefined, rate: 0 }, 'rate must be from 0.001 to 1000000000, not 0'],
    ['an endless time', { ...CELL, timeout: Infinity }, 'timeout must be from 0 to 2000000, not inf'],
    ['a negative time', { ...CELL, network: -1 }, 'network must be from 0 to 2000000, not -1'],
    ['no list', { ...CELL, endpoints: {} }, 'endpoints must be a list'],
    ['an entry that is none', { ...CELL, endpoints: [null] }, 'endpoints[0] must be a mapping'],
    ['a huge list', { ...CELL, endpoints: new Array(100_000).fill(endpoint) }, 'endpoints has more than 64 entries'],
    ['too many endpoints', { ...CELL, endpoints: [{ ...endpoint, count: 4e9 }] }, 'endpoints[0].count must be from 1 to 65535'],
    ['too many proxies', { ...CELL, proxies: 2000 }, 'proxies must be from 1 to 1024, not 2000'],
    ['an unknown policy', { ...CELL, balancer: { policy: 77 } }, 'balancer.policy must be from 1 to 9, not 77'],
    ['two service times', { ...CELL, endpoints: [{ ...endpoint, serviceTime: { fixed: 1, exponential: 1 } }] }, 'endpoints[0].serviceTime must say one of fixed, exponential, lognormal'],
    ['a change of nobody', { ...CELL, changes: [{ at: 1, group: 'no' }] }, 'changes[0].group names no group of endpoints: "no"'],
    ['a share above 1', { ...CELL, changes: [{ at: 1, group: 'all', share: 1.5 }] }, 'changes[0].share must be above 0 and at most 1, not 1.5'],
    ['arrivals that are none', { ...CELL, arrivals: 'now' }, 'arrivals must be poisson, uniform or { bursts: { on, off } }'],
    ['a limit of nothing', { ...CELL, rateLimit: { algorithm: RATE_ALGORITHM.gcra, requests: 0, windowMs: 1000 } }, 'rateLimit.requests must be at least 1'],
    ['a large sliding log', { ...CELL, rateLimit: { algorithm: RATE_ALGORITHM.slidingLog, requests: 1000, windowMs: 1000 } }, 'rateLimit.requests must be from 1 to 128'],
    ['a getter that throws', throwing, 'not today'],
    ['a Proxy that throws', new Proxy({}, { get: () => { throw new TypeError('nor tomorrow'); } }), 'nor tomorrow'],
  ])('%s: says what and where', (_, cell, message) => {
    expect(() => new Simulation(cell as SimulationCell)).toThrow(message);
  });

  it('says so when more requests pile up than it has room for', { timeout: 60_000 }, () => {
    const simulation = new Simulation({ ...CELL, requests: 3_000_000, load: undefined, rate: 1e6, endpoints: [{ name: 'stuck', count: 100, serviceTime: { fixed: 1e6 }, queue: 10_000_000 }] });
    expect(() => {
      while (!simulation.step(1_000_000));
    }).toThrow('more than 2097152 requests are on their way at once');
  });
});
