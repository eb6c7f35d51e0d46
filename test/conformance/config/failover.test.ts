/** What the configuration takes of failover, the engine takes: bounds in the schema are never wider than those of the image check. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { installImage } from '../../../src/binding/addon.ts';
import { LIMITS, RETRY_ON } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import { loadGood } from '../../unit/config/support.ts';

type Cluster = NonNullable<ConfigInput['clusters']>[string];
type Route = ConfigInput['routes'][string][number]['routes'][number];

const U32 = 0xffff_ffff;
/** Whole numbers of a range, its ends often. */
const numbers = (min: number, max: number) => fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
const time = (min: number, max: number = LIMITS.maxFailoverMs) => numbers(min, max).map((ms) => `${ms}ms`);
/** Two times, of which the second one is not the shorter. */
const times = (min: number, max: number = LIMITS.maxFailoverMs) => fc.tuple(numbers(min, max), numbers(min, max)).map(([a, b]) => [`${Math.min(a, b)}ms`, `${Math.max(a, b)}ms`] as const);
const thousandths = (min: number, max: number) => numbers(min, max).map((millis) => millis / 1_000);
const sparse = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] });
const count = numbers(0, U32);
const inARow = numbers(0, LIMITS.maxConsecutiveErrors);
const judged = { minEndpoints: numbers(1, LIMITS.maxEndpoints), minRequests: numbers(1, U32) };

const outlierDetection = fc.oneof(
  fc.constant(false as const),
  fc
    .tuple(
      sparse({
        consecutive5xx: inARow,
        consecutiveGatewayErrors: inARow,
        consecutiveLocalErrors: inARow,
        interval: time(1),
        ejectionJitter: time(0),
        maxEjectionPercent: numbers(0, 100),
        shadow: fc.boolean(),
        unejectOnHealthyCheck: fc.boolean(),
        successRate: fc.oneof(fc.constant(false as const), sparse({ method: fc.constantFrom('deviation' as const, 'mad' as const), factor: thousandths(1, 1_000_000), ...judged })),
        failurePercentage: fc.oneof(fc.constant(false as const), sparse({ threshold: numbers(1, 100), ...judged })),
        latency: fc.oneof(fc.constant(false as const), sparse({ factor: thousandths(1_001, 1_000_000), quantile: thousandths(500, 999), minLatency: time(0, LIMITS.maxBalancerTimeMs), ...judged })),
      }),
      times(1),
    )
    .map(([settings, [baseEjectionTime, maxEjectionTime]]) => ({ ...settings, baseEjectionTime, maxEjectionTime })),
);
const circuitBreaker = fc
  .tuple(
    sparse({
      threshold: thousandths(1, 1_000),
      window: time(10),
      jitter: numbers(0, 100).map((percent) => `${percent}%`),
      minRequests: numbers(1, U32),
      probes: numbers(1, LIMITS.maxBreakerProbes),
      successes: numbers(1, LIMITS.maxBreakerProbes),
      scope: fc.constantFrom('cluster' as const, 'endpoint' as const, 'both' as const),
    }),
    times(1),
  )
  .map(([settings, [interval, maxInterval]]) => ({ ...settings, interval, maxInterval }));
const settings = sparse({
  outlierDetection,
  circuitBreaker,
  fallback: fc.oneof(
    fc.constant({ cluster: 'b' }),
    fc.record({ respond: fc.record({ status: numbers(200, 599).filter((status) => ![204, 205, 304].includes(status)), body: fc.string({ maxLength: 20 }) }) }),
  ),
  limits: sparse({ maxConnections: count, maxPendingRequests: count, maxRequests: count, maxRetries: count }),
  retryBudget: fc.oneof(fc.constant(false as const), sparse({ percent: numbers(0, 1_000), minPerSecond: numbers(0, 1_000_000), window: time(1_000) })),
  tls: fc.record({ handshakeTimeout: time(0), insecureSkipVerify: fc.constant(true) }),
  healthCheck: fc.constant({ tcp: {} }),
});
const header = fc.stringMatching(/^x-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const further = sparse({
  retry: fc
    .tuple(
      sparse({
        on: fc.array(fc.oneof(fc.constantFrom(...(Object.keys(RETRY_ON) as (keyof typeof RETRY_ON)[])), numbers(300, 599)), { maxLength: LIMITS.maxRetryStatuses }),
        attempts: numbers(0, LIMITS.maxRetries),
        perTryTimeout: time(0, 0x7fff_ffff),
        maxRetryAfter: time(0),
        bufferBytes: numbers(0, LIMITS.maxRetryBufferBytes),
        nonIdempotent: fc.boolean(),
      }),
      times(0),
    )
    .map(([retry, [base, max]]) => ({ ...retry, backoff: { base, max } })),
  hedge: fc
    .tuple(sparse({ quantile: fc.oneof(fc.constant(0), thousandths(500, 999)), minRequests: count, budget: numbers(1, 100) }), times(0, LIMITS.maxBalancerTimeMs))
    .map(([hedge, [minDelay, maxDelay]]) => ({ ...hedge, minDelay, maxDelay })),
  requestTimeout: time(0, 0x7fff_ffff),
  propagateDeadline: fc.oneof(fc.boolean(), fc.record({ header })),
});

it('every key of failover', async () => {
  await fc.assert(
    fc.asyncProperty(settings, further, fc.integer({ min: 0, max: 3 }), async (cluster, route, backups) => {
      const endpoints = Array.from({ length: 4 }, (_, i) => ({ address: `127.0.0.1:${i + 1}`, backup: i < backups }));
      const config: ConfigInput = {
        listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }],
        routes: { t: [{ hosts: ['*'], routes: [{ cluster: 'a', ...(route as Partial<Route>) }] }] },
        clusters: { a: { endpoints, ...(cluster as Partial<Cluster>) }, b: { endpoints: ['127.0.0.1:9'] } },
      };
      const result = installImage(compile(await loadGood(JSON.stringify(config), 'millrace.json')).image, 1024);
      expect(result.ok ? null : result.error).toBeNull();
    }),
    { numRuns: 300, seed: 5 },
  );
});

it('the longest chain of fallbacks', async () => {
  const clusters = Object.fromEntries(
    Array.from({ length: LIMITS.maxFallbacks + 1 }, (_, i) => [
      `c${i}`,
      { endpoints: [`127.0.0.1:${i + 1}`], ...(i < LIMITS.maxFallbacks ? { fallback: { cluster: `c${i + 1}` } } : {}) },
    ]),
  );
  const config: ConfigInput = {
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }],
    routes: { t: [{ hosts: ['*'], routes: [{ cluster: 'c0' }] }] },
    clusters,
  };
  const result = installImage(compile(await loadGood(JSON.stringify(config), 'millrace.json')).image, 1024);
  expect(result.ok ? null : result.error).toBeNull();
});
