import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HASH_SOURCE_KIND, POLICY, RETRY_ON } from '../../../src/binding/abi.ts';
import * as millrace from '../../../src/index.ts';
import { compile } from '../../../src/config/compile.ts';
import { configJsonSchema } from '../../../src/config/json-schema.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { resolveSubsets } from '../../../src/config/subsets.ts';
import { resolveHost } from '../../../src/discovery/resolve.ts';
import { matchRoute, type MatchRequest } from '../../reference/route-matcher.ts';
import { brief, fakeResolver, FIXTURES, workDirectory } from './support.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));
const get = (host: string, path: string, more: Partial<MatchRequest> = {}): MatchRequest => ({
  method: 'GET',
  host,
  path,
  headers: [],
  query: '',
  ...more,
});

async function loadExample(file: string) {
  const directory = await workDirectory();
  await cp(join(EXAMPLES, file), join(directory, file));
  await mkdir(join(directory, 'tls'));
  for (const name of ['shop.pem', 'shop.key']) await cp(join(FIXTURES, name), join(directory, 'tls', name));
  const result = await loadConfig(join(directory, file), { resolveHost: fakeResolver });
  if (!result.ok) throw new Error(brief(result.problems).join('\n'));
  return result;
}

describe('the examples', () => {
  it('load without a warning and compile', async () => {
    for (const file of ['quickstart.yaml', 'edge.yaml', 'rate-limits.yaml', 'balancing.yaml', 'websocket.yaml', 'failover.yaml', 'observability.yaml']) {
      const { config, warnings } = await loadExample(file);
      expect(brief(warnings), file).toEqual([]);
      expect(compile(config).image.byteLength).toBeGreaterThan(1_000);
    }
  });

  it('of the quick start do what their comments say', async () => {
    const { config } = await loadExample('quickstart.yaml');
    const routeOf = (path: string, more?: Partial<MatchRequest>) =>
      matchRoute(config, 'public', get('127.0.0.1', path, more))?.name;
    expect([
      routeOf('/'),
      routeOf('/', { headers: [['accept', 'text/html,*/*']] }),
      routeOf('/hello'),
      routeOf('/api/items'),
      routeOf('/old/page'),
      routeOf('/x'),
    ]).toEqual(['everything', 'page', 'hello', 'api', 'old', 'everything']);
    expect(config.clusters['spread']?.endpoints.map(({ name, weight }) => [name, weight])).toEqual([
      ['127.0.0.1:9001', 2],
      ['127.0.0.1:9002', 1],
      ['127.0.0.1:9003', 1],
    ]);
  });

  it('of the edge do what their comments say', async () => {
    const { config } = await loadExample('edge.yaml');
    const routeOf = (path: string, more?: Partial<MatchRequest>) =>
      matchRoute(config, 'site', get('shop.example.com', path, more))?.name;
    expect([
      routeOf('/v1/items/12'),
      routeOf('/v1/items/12', { method: 'PUT' }),
      routeOf('/cart/x'),
      routeOf('/cart', { headers: [['x-tester', '']] }),
      routeOf('/api/old/a', { query: 'format=json' }),
      routeOf('/api/old/a'),
    ]).toEqual(['item', 'rest', 'cart', 'cart-testers', 'legacy', 'rest']);
    expect(matchRoute(config, 'site', get('other.org', '/'))?.action).toMatchObject({
      kind: 'respond',
      respond: { status: 421 },
    });
  });
});

describe('the example of rate limits', () => {
  it('has each of them where its comments say', async () => {
    const { config } = await loadExample('rate-limits.yaml');
    const [host] = config.routes['public'] ?? [];
    expect(config.listeners[0]?.rateLimits.map(({ name }) => name)).toEqual(['perClient']);
    expect(host?.rateLimits.map(({ name }) => name)).toEqual(['tenantBurst', 'tenantDay']);
    expect(host?.routes.map(({ rateLimits: [limit] }) => [limit?.name, limit?.algorithm, limit?.burst, limit?.shadow])).toEqual([
      ['login', 'slidingLog', 5, false],
      ['public/0/search', 'gcra', 20, false],
      ['export', 'slidingWindow', 1, true],
      ['capacity', 'slidingWindow', 5000, false],
    ]);
  });
});

describe('the example of load balancing', () => {
  it('has every policy and what its comments say', async () => {
    const { config } = await loadExample('balancing.yaml');
    const { clusters } = config;
    expect(new Set(Object.values(clusters).map(({ balancer }) => balancer.policy))).toEqual(new Set(Object.keys(POLICY)));
    const kinds = Object.values(clusters).flatMap(({ balancer }) => balancer.hashOn.map(({ kind }) => kind));
    expect(new Set(kinds)).toEqual(new Set(Object.keys(HASH_SOURCE_KIND)));
    expect(clusters['catalog']?.balancer).toMatchObject({ zone: 'eu-1a', zoneMinEndpoints: 4, slowStart: { windowMs: 30_000 } });
    expect(clusters['printers']?.endpoints.map(({ maxRequests }) => maxRequests)).toEqual([1, 4]);
    const subsets = resolveSubsets(config).get('app')?.rows.map(({ selection, members }) => [selection?.['version'], members]);
    expect(subsets).toEqual([
      [undefined, [0, 1, 2]],
      ['v2', [2]],
      ['v1', [0, 1]],
    ]);
  });
});

describe('the example of WebSocket', () => {
  it('has what its comments say', async () => {
    const { config } = await loadExample('websocket.yaml');
    expect(config.routes['public']?.[0]?.routes.map(({ name, webSocket }) => [name, webSocket])).toEqual([
      ['chat', { maxMessageBytes: 1024 * 1024, idleTimeoutMs: 300_000 }],
      ['uploads', { maxMessageBytes: 16 * 1024 * 1024, idleTimeoutMs: 3_600_000 }],
      ['pages', null],
    ]);
  });
});

describe('the example of failover', () => {
  it('has every kind of it where its comments say', async () => {
    const { config } = await loadExample('failover.yaml');
    const { clusters } = config;
    const routes = config.routes['public']?.[0]?.routes ?? [];
    const kinds = Object.values(clusters).flatMap(({ healthCheck }) => (healthCheck === null ? [] : [healthCheck.probe.kind]));
    expect(new Set(kinds)).toEqual(new Set(['http', 'tcp', 'grpc']));
    expect(clusters['catalog']?.endpoints.map(({ backup }) => backup)).toEqual([false, false, false, true]);
    expect([clusters['orders']?.fallback?.kind, clusters['ordersElsewhere']?.fallback?.kind]).toEqual(['cluster', 'respond']);
    expect(clusters['images']?.outlierDetection).toMatchObject({ successRate: { method: 'mad' }, failurePercentage: { percent: 50 }, latency: { factorMillis: 3_000 } });
    expect(clusters['quotes']?.outlierDetection?.shadow).toBe(true);
    expect(clusters['pages']).toMatchObject({ healthCheck: null, circuitBreaker: null, outlierDetection: { consecutiveLocalErrors: 5, baseEjectionMs: 10_000 } });
    expect(routes.map(({ name, hedge, deadlineHeader, retry }) => [name, hedge !== null, deadlineHeader, retry.attempts])).toEqual([
      ['catalog', true, 'x-millrace-timeout-ms', 3],
      ['orders', false, null, 2],
      ['images', false, null, 2],
      ['quotes', false, null, 2],
      ['rest', false, null, 2],
    ]);
  });
});

describe('the JSON Schema', () => {
  it('knows every key, with descriptions, and is closed', () => {
    const schema = configJsonSchema() as {
      properties: Record<string, unknown>;
      additionalProperties: boolean;
      required: string[];
    };
    expect(Object.keys(schema.properties)).toEqual([
      'workers',
      'zone',
      'drainTimeout',
      'log',
      'admin',
      'limits',
      'tracing',
      'accessLog',
      'listeners',
      'routes',
      'clusters',
    ]);
    expect([schema.additionalProperties, schema.required]).toEqual([false, ['listeners', 'routes']]);
    expect(JSON.stringify(schema)).toContain('how long in-flight requests may take after SIGTERM');
    expect(JSON.stringify(schema)).toContain('random up to base * 2^(n - 1)');
    expect(JSON.stringify(schema).includes(JSON.stringify({ type: 'string', enum: Object.keys(RETRY_ON) }))).toBe(true);
  });
});

describe('defineConfig', () => {
  it('returns what it is given', () => {
    const config = { listeners: [], routes: {} };
    expect(millrace.defineConfig(config)).toBe(config);
  });
});

describe('resolveHost', () => {
  it('finds addresses through the system, IPv4 first, each once', async () => {
    const result = await resolveHost('localhost');
    expect(result).toHaveProperty('addresses');
    const addresses = 'addresses' in result ? result.addresses : [];
    expect(new Set(addresses.map(({ address }) => address)).size).toBe(addresses.length);
    expect([...addresses].sort((a, b) => (a.family < b.family ? -1 : a.family > b.family ? 1 : 0))).toEqual(addresses);
  });

  it('says why a name has no address', async () => {
    // A label of 64 characters is refused by every resolver without asking anyone.
    expect(await resolveHost(`${'x'.repeat(64)}.invalid`)).toHaveProperty('error');
  });
});

describe('a large file', () => {
  it('of 5,000 routes is loaded in seconds', async () => {
    const directory = await workDirectory();
    const hosts = Array.from(
      { length: 500 },
      (_, i) =>
        `    - hosts: [h${i}.example.com]\n      routes:\n${Array.from({ length: 10 }, (_, j) => `        - { match: { pathPrefix: /p${j} }, cluster: a }\n`).join('')}`,
    ).join('');
    const file = join(directory, 'large.yaml');
    await writeFile(
      file,
      `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]\nroutes:\n  t:\n${hosts}clusters: { a: { endpoints: [127.0.0.1:1] } }\n`,
    );
    const started = performance.now();
    const result = await loadConfig(file, { resolveHost: fakeResolver });
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(result.ok && result.config.routes['t']?.length).toBe(500);
    expect((await readFile(file)).length).toBeGreaterThan(200_000);
  });
});
