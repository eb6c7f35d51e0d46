import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { compile } from '../../../src/config/compile.ts';
import type { ResolveHost } from '../../../src/config/endpoints.ts';
import { ImageReader } from '../../../src/config/image-reader.ts';
import { loadConfig, type LoadResult } from '../../../src/config/load.ts';
import type { BalancerConfig, Config, MatchConfig, OutlierConfig, RouteConfig, VirtualHostConfig } from '../../../src/config/types.ts';
import type { ConfigProblem } from '../../../src/core/errors.ts';

export const FIXTURES = fileURLToPath(new URL('../../fixtures/config/', import.meta.url));

/** A resolver that knows three names and asks nobody. */
export const fakeResolver: ResolveHost = (host) => {
  if (host === 'one.test') return Promise.resolve({ addresses: [{ address: '192.0.2.1', family: 'ipv4' }] });
  if (host === 'two.test')
    return Promise.resolve({
      addresses: [
        { address: '192.0.2.2', family: 'ipv4' },
        { address: '2001:db8::2', family: 'ipv6' },
      ],
    });
  if (host === 'localhost') return Promise.resolve({ addresses: [{ address: '127.0.0.1', family: 'ipv4' }] });
  return Promise.resolve({ error: 'there is no such host name' });
};

/** A directory with the fixture files (certificates), gone when the test ends. */
export async function workDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-config-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await cp(FIXTURES, directory, { recursive: true });
  return directory;
}

/** Loads a configuration given as text, from a file of that name beside the fixtures. */
export async function loadText(
  text: string,
  name = 'millrace.yaml',
  nowMs = Date.parse('2026-01-01'),
): Promise<LoadResult & { directory: string }> {
  const directory = await workDirectory();
  await writeFile(join(directory, name), text);
  return { ...(await loadConfig(join(directory, name), { resolveHost: fakeResolver, nowMs })), directory };
}

export async function loadGood(text: string, name?: string): Promise<Config> {
  const result = await loadText(text, name);
  if (!result.ok)
    throw new Error(
      result.problems
        .map((problem) => `${problem.line}:${problem.column} ${problem.path}: ${problem.message}`)
        .join('\n'),
    );
  return result.config;
}

/** Problems as `line:column path: message (hint)`, without the file. */
export function brief(problems: readonly ConfigProblem[]): string[] {
  return problems.map(
    ({ line, column, path, message, hint }) =>
      `${line}:${column} ${path}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

export async function problemsOf(text: string, name?: string): Promise<string[]> {
  const result = await loadText(text, name);
  return result.ok ? [] : brief(result.problems);
}

/** A whole configuration around the routes of one virtual host "*", given as YAML flow lines. */
export function withRoutes(
  routes: readonly string[],
  clusters = '{ a: { endpoints: [127.0.0.1:1] }, b: { endpoints: [127.0.0.1:2] } }',
): string {
  const list = routes.map((route) => `        - ${route}`).join('\n');
  return `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]\nroutes:\n  t:\n    - hosts: ["*"]\n      routes:\n${list}\nclusters: ${clusters}\n`;
}

/** `balancer: {}` with every default. */
export const DEFAULT_BALANCER: BalancerConfig = {
  policy: 'leastRequest',
  biasMillis: 1_000,
  decayMs: 10_000,
  defaultLatencyMs: 30,
  penaltyMs: 5_000,
  hashOn: [],
  hashBalancePercent: 0,
  tableSize: 0,
  overprovisioningPercent: 140,
  panicPercent: 50,
  slowStart: null,
  zone: null,
  zoneMinEndpoints: 6,
};

/** Without the key `outlierDetection`. */
export const DEFAULT_OUTLIER: OutlierConfig = {
  consecutive5xx: 0,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 5,
  intervalMs: 10_000,
  baseEjectionMs: 10_000,
  maxEjectionMs: 300_000,
  jitterMs: 0,
  maxEjectionPercent: 50,
  shadow: false,
  unejectOnHealthyCheck: true,
  successRate: null,
  failurePercentage: null,
  latency: null,
};

/** The smallest configuration, as it is after loading. */
export const MINIMAL_CONFIG: Config = {
  workers: 1,
  zone: null,
  drainTimeoutMs: 30_000,
  log: { level: 'info' },
  admin: null,
  tracing: null,
  limits: { maxConnections: 0, rateLimitKeys: 100_000 },
  accessLog: [],
  listeners: [
    {
      name: 'web',
      host: '127.0.0.1',
      port: 0,
      routes: 't',
      tls: null,
      forwarded: { headers: true, trust: [] },
      requestId: true,
      underscores: { rule: 'drop', names: [] },
      paths: { escapedSlashes: 'reject', backslashes: 'reject', mergeSlashes: true },
      allowTrace: false,
      keepAliveAfterChunked: false,
      maxRequestHeadBytes: 16_384,
      maxRequestTargetBytes: 8_192,
      maxRequestHeaderBytes: 8_192,
      maxRequestHeaders: 98,
      rateLimits: [],
    },
  ],
  routes: {
    t: [
      {
        name: 't/0',
        hosts: ['*'],
        rateLimits: [],
        routes: [
          {
            name: 't/0/0',
            match: { path: { kind: 'prefix', value: '/' }, methods: [], headers: [], query: [] },
            action: { kind: 'cluster', cluster: 'a', subset: null },
            timeoutMs: 15_000,
            maxDurationMs: 0,
            idleTimeoutMs: 60_000,
            requestTimeoutMs: 0,
            retry: {
              on: ['connectFailure', 'reset'],
              statuses: [],
              attempts: 2,
              perTryTimeoutMs: 0,
              backoff: { baseMs: 25, maxMs: 250 },
              maxRetryAfterMs: 0,
              bufferBytes: 65_536,
              nonIdempotent: false,
            },
            hedge: null,
            deadlineHeader: null,
            rewrite: null,
            hostRewrite: null,
            requestHeaders: { remove: [], set: [], add: [] },
            responseHeaders: { remove: [], set: [], add: [] },
            maxRequestBodyBytes: 0,
            webSocket: null,
            rateLimits: [],
            fault: null,
            tracing: null,
          },
        ],
      },
    ],
  },
  clusters: {
    a: {
      balancer: DEFAULT_BALANCER,
      endpoints: [
        {
          name: '127.0.0.1:1',
          family: 'ipv4',
          address: '127.0.0.1',
          port: 1,
          weight: 1,
          drain: false,
          priority: 0,
          backup: false,
          zone: null,
          maxRequests: 0,
          metadata: {},
          serverName: '127.0.0.1',
        },
      ],
      subsets: { selectors: [], fallback: 'none', default: null },
      queue: { max: 1_024, timeoutMs: 1_000 },
      connectTimeoutMs: 1_000,
      pool: { idleTimeoutMs: 4_000, maxConnections: 0, maxPending: 1_024, maxRequestsPerConnection: 0 },
      tls: null,
      healthCheck: null,
      outlierDetection: DEFAULT_OUTLIER,
      circuitBreaker: null,
      fallback: null,
      limits: { maxConnections: 0, maxPendingRequests: 0, maxRequests: 0, maxRetries: 0 },
      retryBudget: { percent: 20, minPerSecond: 10, windowMs: 10_000 },
    },
  },
};

/** A copy, since SharedArrayBuffers are equal to each other whatever they hold. */
export const bytesOf = (config: Config): Uint8Array => Uint8Array.from(new Uint8Array(compile(config).image));

export const imageOf = (config: Config): ImageReader => new ImageReader(compile(config).image);

/** A route like that of MINIMAL_CONFIG, with another match. */
export function routeWith(name: string, match: Partial<MatchConfig>): RouteConfig {
  const template = MINIMAL_CONFIG.routes['t']?.[0]?.routes[0];
  if (template === undefined) throw new Error('no template');
  return { ...template, name, match: { ...template.match, ...match } };
}

export const withHosts = (hosts: Omit<VirtualHostConfig, 'rateLimits'>[]): Config => ({
  ...MINIMAL_CONFIG,
  routes: { t: hosts.map((host) => ({ ...host, rateLimits: [] })) },
});
