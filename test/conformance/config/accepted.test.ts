/** What the configuration takes, the engine takes: bounds in the schema are never wider than those of the image check. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { installImage } from '../../../src/binding/addon.ts';
import { LIMITS } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import { loadGood } from '../../unit/config/support.ts';

type Cluster = NonNullable<ConfigInput['clusters']>[string];
type Balancer = NonNullable<Cluster['balancer']>;

async function install(text: string, name?: string): Promise<string | null> {
  const result = installImage(compile(await loadGood(text, name)).image, 1024);
  return result.ok ? null : result.error;
}

const configOf = (cluster: Cluster, subset?: Record<string, string>): ConfigInput => ({
  zone: 'eu-1a',
  listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }],
  routes: { t: [{ hosts: ['*'], routes: [{ cluster: 'a', ...(subset === undefined ? {} : { subset }) }] }] },
  clusters: { a: cluster },
});

const duration = (least: number) => fc.oneof(fc.constantFrom(least, LIMITS.maxBalancerTimeMs), fc.integer({ min: least, max: LIMITS.maxBalancerTimeMs })).map((ms) => `${ms}ms`);
const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
/** Anything that a YAML text may be, control characters and beyond ASCII included. */
const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
const terminal = fc.boolean();
const generated = fc.record(
  { name: token, ttl: fc.constantFrom(0, '0s', '1s', '596h'), path: fc.stringMatching(/^\/[!-:<-~]{0,12}$/) },
  { requiredKeys: ['name', 'ttl'] },
);
const source = fc.oneof(
  fc.constantFrom('clientIp' as const, 'path' as const),
  fc.record({ header: token, terminal }),
  fc.record({ query: text, terminal }),
  fc.record({ cookie: fc.oneof(token, generated), terminal }),
  fc.record({ clientIp: fc.constant(true as const), terminal }),
);
const latency = fc.record({ decay: duration(1), defaultLatency: duration(1), failurePenalty: duration(0) }, { requiredKeys: [] });
const hashOn = fc.array(source, { minLength: 1, maxLength: LIMITS.maxHashSources });
const hashBalanceFactor = fc.oneof(fc.constantFrom(0, 100, LIMITS.maxHashBalancePercent), fc.integer({ min: 100, max: LIMITS.maxHashBalancePercent }));
const hash = { hashOn, hashBalanceFactor };
const policy = fc.oneof(
  fc.record({ policy: fc.constantFrom('roundRobin' as const, 'random' as const) }),
  fc.record({ policy: fc.constant('leastRequest' as const), activeRequestBias: fc.integer({ min: 0, max: 10_000 }).map((millis) => millis / 1_000) }),
  latency.chain((options) => fc.record({ policy: fc.constantFrom('peakEwma' as const, 'leastTime' as const, 'prequal' as const) }).map((chosen) => ({ ...options, ...chosen }))),
  fc.record({ policy: fc.constant('maglev' as const), ...hash, tableSize: fc.constantFrom(2, 101, 65_537) }),
  fc.record({ policy: fc.constant('ringHash' as const), ...hash, ringSize: fc.integer({ min: LIMITS.minRing, max: 10_000 }) }),
  fc.record({ policy: fc.constant('rendezvous' as const), ...hash }),
);
const common = fc.record(
  {
    overprovisioning: fc.integer({ min: 100, max: 1_000 }).map((percent) => `${percent}%`),
    panicThreshold: fc.integer({ min: 0, max: 100 }),
    slowStart: fc.record(
      { window: fc.constantFrom('1ms', '30s', '596h'), aggression: fc.integer({ min: 100, max: 10_000 }).map((millis) => millis / 1_000), minWeight: fc.integer({ min: 1, max: 100 }) },
      { requiredKeys: ['window'] },
    ),
    zonePreference: fc.oneof(fc.boolean(), fc.record({ minEndpoints: fc.integer({ min: 1, max: LIMITS.maxEndpoints }) })),
  },
  { requiredKeys: [] },
);
const endpoint = fc.record({
  weight: fc.oneof(fc.constantFrom(0, 1, LIMITS.maxWeight), fc.integer({ min: 0, max: LIMITS.maxWeight })),
  priority: fc.integer({ min: 0, max: LIMITS.maxPriority }),
  zone: fc.constantFrom('eu-1a', 'eu-1b'),
  maxRequests: fc.constantFrom(0, 1, 1_000),
  metadata: fc.dictionary(fc.constantFrom('version', 'a"b\n'), text, { noNullPrototype: true }),
});
const choice = fc.record({
  selector: fc.constantFrom(['version'], ['a"b\n'], ['version', 'a"b\n']),
  value: text,
  fallback: fc.constantFrom('none' as const, 'any' as const, 'default' as const),
});

it('every balancer, endpoint and subset', async () => {
  await fc.assert(
    fc.asyncProperty(policy, common, fc.array(endpoint, { minLength: 1, maxLength: 12 }), choice, async (chosen, options, endpoints, { selector, value, fallback }) => {
      const subset = Object.fromEntries(selector.map((key) => [key, value]));
      const cluster: Cluster = {
        balancer: { ...options, ...chosen } as Balancer,
        endpoints: endpoints.map((settings, i) => ({ address: `127.0.0.1:${i + 1}`, ...settings })),
        subsets: { keys: [[...selector]], fallback, ...(fallback === 'default' ? { default: subset } : {}) },
      };
      expect(await install(JSON.stringify(configOf(cluster, subset)), 'millrace.json')).toBeNull();
    }),
    { numRuns: 150, seed: 3 },
  );
});

it.each([
  { policy: 'maglev', hashOn: ['path'], tableSize: LIMITS.maxMaglevTable },
  { policy: 'ringHash', hashOn: ['path'], ringSize: LIMITS.maxRing },
] as const satisfies Balancer[])('the largest table of $policy', async (balancer) => {
  const cluster = { balancer: { ...balancer, hashOn: [...balancer.hashOn] }, endpoints: ['127.0.0.1:1', '127.0.0.1:2'] };
  expect(await install(JSON.stringify(configOf(cluster)), 'millrace.json')).toBeNull();
});

it.each(['balancing', 'failover'])('the example of %s', async (name) => {
  const text = readFileSync(new URL(`../../../examples/${name}.yaml`, import.meta.url), 'utf8');
  // Default roots are the workers' to find.
  expect(await install(text.replace(/serverName: \S+ /, 'insecureSkipVerify: true, '))).toBeNull();
});
