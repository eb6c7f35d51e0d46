import { describe, expect, it } from 'vitest';
import { type PolicyName, settingsOf } from '../../reference/balancer/settings.ts';
import { type Result, type Server, simulate } from './simulation.ts';
import { balancerOf, equalEndpoints, SEED, START_MS } from './support.ts';

const SIZE = 10;
const REQUESTS = 30_000;
const AWARE: PolicyName[] = ['leastRequest', 'peakEwma', 'leastTime', 'prequal'];

/** Ten servers that work 5 ms on a request, 8 at once; `odd` is the one that differs. Half of what they can do comes. */
function run(policy: PolicyName, odd: Partial<Server>): Result {
  const servers = Array.from({ length: SIZE }, (_, i): Server => ({ serviceMs: 5, parallel: 8, ...(i === 4 ? odd : {}) }));
  const balancer = balancerOf(settingsOf(policy, { decayMs: 2000 }), equalEndpoints(SIZE), START_MS, SEED);
  return simulate(balancer, servers, { requests: REQUESTS, perMs: 8, seed: SEED });
}

const share = ({ counts }: Result): number => counts[4]! / REQUESTS;

describe('one slow endpoint of ten', () => {
  const slow = { serviceMs: 50 };
  const even = run('roundRobin', slow);

  it('gets its full share by roundRobin, and ruins the tail', () => {
    expect(share(even)).toBeCloseTo(0.1, 3);
    expect(even.p99).toBeGreaterThan(100);
  });

  it.each([
    ['leastRequest', 0.06],
    ['peakEwma', 0.03],
    ['leastTime', 0.03],
    ['prequal', 0.05],
  ] as const)('gets less by %s than %d of the requests, and the tail is less than half', (policy, most) => {
    const result = run(policy, slow);
    expect(share(result)).toBeLessThan(most);
    expect(share(result)).toBeGreaterThan(0);
    expect(result.p99).toBeLessThan(even.p99 / 2);
  });
});

describe('one fast-failing endpoint of ten (trap 2)', () => {
  const failing = { failsAfterMs: 0.1 };

  it('draws traffic by leastRequest, which knows no failures', () => {
    expect(share(run('leastRequest', failing))).toBeGreaterThan(0.1);
  });

  it.each(['peakEwma', 'leastTime', 'prequal'] as const)('draws none by %s', (policy) => {
    const result = run(policy, failing);
    expect(share(result)).toBeLessThan(0.02);
    expect(result.errors).toBeLessThan(0.02);
  });
});

describe('ten equal endpoints', () => {
  it.each(AWARE)('get equal shares by %s', (policy) => {
    const { counts } = run(policy, {});
    for (const count of counts) expect(Math.abs(count / REQUESTS - 0.1)).toBeLessThan(0.03);
  });

  it.each(AWARE)('are no slower by %s than by random choice', (policy) => {
    expect(run(policy, {}).p99).toBeLessThan(run('random', {}).p99 * 1.05);
  });
});
