import { describe, expect, it } from 'vitest';
import { BREAKER_SCOPE, NONE, OUTLIER_FLAG, OUTLIER_METHOD } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { brief, DEFAULT_OUTLIER, imageOf, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const withCluster = (settings: string, endpoints = '[127.0.0.1:1, 127.0.0.1:2]') =>
  withRoutes(['{ cluster: a }'], `{ a: { endpoints: ${endpoints}, ${settings} } }`);
const clusterOf = async (settings: string, endpoints?: string) => {
  const { a } = (await loadGood(withCluster(settings, endpoints))).clusters;
  if (a === undefined) throw new Error('no cluster');
  return a;
};
const rowOf = async (settings: string) => {
  const read = imageOf(await loadGood(withCluster(settings)));
  return { read, row: read.row('CLUSTER', 0) };
};
const dumpOf = async (settings: string) =>
  (dumpImage(compile(await loadGood(withCluster(settings))).image) as { clusters: Record<string, unknown> }).clusters['a'];
const short = (findings: string[]) => findings.map((finding) => finding.replace(/^\d+:\d+ clusters\.a\.?/, ''));
const problemsOfCluster = async (settings: string, endpoints?: string) => short(await problemsOf(withCluster(settings, endpoints)));
const warningsOfCluster = async (settings: string, endpoints?: string) => {
  const result = await loadText(withCluster(settings, endpoints));
  expect(result.ok).toBe(true);
  return short(brief(result.warnings));
};

describe('outlierDetection', () => {
  it('ejects for lost connections alone when nothing is written', async () => {
    expect((await clusterOf('')).outlierDetection).toEqual(DEFAULT_OUTLIER);
    const { read, row } = await rowOf('');
    expect(read.row('OUTLIER', row.outlier)).toMatchObject({
      consecutive5xx: 0,
      consecutiveLocalErrors: 5,
      baseEjectionMs: 10_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 50,
      successMethod: OUTLIER_METHOD.off,
      failurePercent: 0,
      latencyFactorMillis: 0,
    });
  });

  it('is off when it is false, or when each detector is', async () => {
    expect((await clusterOf('outlierDetection: false')).outlierDetection).toBeNull();
    expect((await rowOf('outlierDetection: false')).row.outlier).toBe(NONE);
    const none = 'outlierDetection: { consecutive5xx: 0, consecutiveLocalErrors: 0, successRate: false }';
    expect((await rowOf(none)).row.outlier).toBe(NONE);
    expect(await warningsOfCluster(none)).toEqual([
      'outlierDetection: every detector is off, so that nothing is ever ejected (write outlierDetection: false)',
    ]);
  });

  it('has these defaults once it is written', async () => {
    expect((await clusterOf('outlierDetection: {}')).outlierDetection).toEqual({
      consecutive5xx: 5,
      consecutiveGatewayErrors: 0,
      consecutiveLocalErrors: 5,
      intervalMs: 10_000,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      jitterMs: 0,
      maxEjectionPercent: 10,
      shadow: false,
      unejectOnHealthyCheck: true,
      successRate: { method: 'deviation', factorMillis: 1_900, minEndpoints: 5, minRequests: 100 },
      failurePercentage: null,
      latency: null,
    });
    expect((await clusterOf('outlierDetection: { successRate: { method: mad }, failurePercentage: {}, latency: {} }')).outlierDetection).toMatchObject({
      successRate: { method: 'mad', factorMillis: 3_500, minEndpoints: 5, minRequests: 100 },
      failurePercentage: { percent: 85, minEndpoints: 5, minRequests: 50 },
      latency: { factorMillis: 3_000, quantileMillis: 990, minLatencyMs: 10, minEndpoints: 3, minRequests: 100 },
    });
    expect((await clusterOf('outlierDetection: { baseEjectionTime: 10m }')).outlierDetection).toMatchObject({ maxEjectionMs: 600_000 });
  });

  const FULL = `outlierDetection: { consecutive5xx: 1, consecutiveGatewayErrors: 2, consecutiveLocalErrors: 3, interval: 4s, baseEjectionTime: 5s, maxEjectionTime: 6s,
    ejectionJitter: 7ms, maxEjectionPercent: 80%, shadow: true, unejectOnHealthyCheck: false,
    successRate: { method: mad, factor: 2.5, minEndpoints: 2, minRequests: 9 }, failurePercentage: { threshold: 60%, minEndpoints: 1, minRequests: 10 },
    latency: { factor: 4, quantile: 0.95, minLatency: 20ms, minEndpoints: 2, minRequests: 11 } }`;

  it('is a row of the image, and a dump shows it again', async () => {
    const { read, row } = await rowOf(FULL);
    expect(read.row('OUTLIER', row.outlier)).toEqual({
      consecutive5xx: 1,
      consecutiveGatewayErrors: 2,
      consecutiveLocalErrors: 3,
      intervalMs: 4_000,
      baseEjectionMs: 5_000,
      maxEjectionMs: 6_000,
      jitterMs: 7,
      maxEjectionPercent: 80,
      flags: OUTLIER_FLAG.shadow | OUTLIER_FLAG.keepEjected,
      successMethod: OUTLIER_METHOD.mad,
      successFactorMillis: 2_500,
      successMinEndpoints: 2,
      successMinRequests: 9,
      failurePercent: 60,
      failureMinEndpoints: 1,
      failureMinRequests: 10,
      latencyFactorMillis: 4_000,
      latencyQuantileMillis: 950,
      latencyMinUs: 20_000,
      latencyMinEndpoints: 2,
      latencyMinRequests: 11,
    });
    expect(await dumpOf(FULL)).toMatchObject({
      outlierDetection: {
        consecutive5xx: 1,
        consecutiveGatewayErrors: 2,
        consecutiveLocalErrors: 3,
        intervalMs: 4_000,
        baseEjectionTimeMs: 5_000,
        maxEjectionTimeMs: 6_000,
        ejectionJitterMs: 7,
        maxEjectionPercent: 80,
        shadow: true,
        unejectOnHealthyCheck: false,
        successRate: { method: 'mad', factor: 2.5, minEndpoints: 2, minRequests: 9 },
        failurePercentage: { threshold: 60, minEndpoints: 1, minRequests: 10 },
        latency: { factor: 4, quantile: 0.95, minLatencyUs: 20_000, minEndpoints: 2, minRequests: 11 },
      },
    });
    expect(await dumpOf('outlierDetection: { consecutive5xx: 9, successRate: false }')).toMatchObject({
      outlierDetection: { consecutive5xx: 9, shadow: false, unejectOnHealthyCheck: true, successRate: false, failurePercentage: false, latency: false },
    });
  });

  it.each([
    ['true', 'outlierDetection: expected false, or a mapping with its settings, or {} for the defaults, not true'],
    ['{ successRate: true }', 'outlierDetection.successRate: expected false, or a mapping with "method", "factor", "minEndpoints" and "minRequests", not true'],
    ['{ successRate: { method: sigma } }', 'outlierDetection.successRate.method: expected deviation | mad, not "sigma"'],
    ['{ baseEjectionTime: 10s, maxEjectionTime: 5s }', 'outlierDetection.maxEjectionTime: 5s is less than "baseEjectionTime", 10s'],
    ['{ maxEjectionTime: 5s }', 'outlierDetection.maxEjectionTime: 5s is less than "baseEjectionTime", 30s by default'],
    ['{ maxEjectionPercent: 101 }', 'outlierDetection.maxEjectionPercent: the percentage must be from 0 to 100'],
    ['{ latency: { factor: 1 } }', 'outlierDetection.latency.factor: expected a number from 1.001 to 1000, not 1'],
    ['{ latency: { quantile: 1 } }', 'outlierDetection.latency.quantile: expected a number from 0.5 to 0.999, not 1'],
    ['{ interval: 0 }', 'outlierDetection.interval: the duration must be at least 1ms'],
    ['{ consecutive5XX: 3 }', 'outlierDetection.consecutive5XX: unknown key "consecutive5XX" (did you mean "consecutive5xx"?)'],
  ])('%s is refused', async (settings, problem) => {
    expect(await problemsOfCluster(`outlierDetection: ${settings}`)).toEqual([problem]);
  });

  it('says what can never happen', async () => {
    const five = '[127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4, 127.0.0.1:5]';
    expect(await warningsOfCluster('outlierDetection: {}', '[127.0.0.1:1]')).toEqual([
      'outlierDetection: this cluster has one endpoint, and the last one is never ejected',
    ]);
    expect(await warningsOfCluster('outlierDetection: { latency: { minEndpoints: 3 } }')).toEqual([
      'outlierDetection.latency.minEndpoints: this cluster has 2 endpoints: none is ever judged by "latency"',
    ]);
    // sqrt(5 - 1) standard deviations are as far as one of five can be below their mean.
    expect(await warningsOfCluster('outlierDetection: { successRate: { factor: 2 } }', five)).toEqual([
      'outlierDetection.successRate: of 5 endpoints none can be more than 2.00 standard deviations below the mean, and factor is 2: nothing is ever ejected (use method: mad)',
    ]);
    expect(await warningsOfCluster('outlierDetection: { successRate: {} }', five)).toEqual([]);
    expect(await warningsOfCluster('outlierDetection: { successRate: { method: mad } }', five)).toEqual([]);
    expect(await warningsOfCluster('outlierDetection: { successRate: { factor: 1.5 } }', five)).toEqual([]);
    expect(await warningsOfCluster('outlierDetection: {}', five)).toEqual([]);
  });
});

describe('circuitBreaker', () => {
  it('is none unless it is written, and has these defaults', async () => {
    expect((await clusterOf('')).circuitBreaker).toBeNull();
    expect((await rowOf('')).row.breaker).toBe(NONE);
    expect((await clusterOf('circuitBreaker: {}')).circuitBreaker).toEqual({
      scope: 'both',
      thresholdMillis: 500,
      windowMs: 10_000,
      minRequests: 20,
      intervalMs: 5_000,
      maxIntervalMs: 300_000,
      jitterPercent: 10,
      probes: 1,
      successes: 1,
    });
    expect((await clusterOf('circuitBreaker: { interval: 10m }')).circuitBreaker).toMatchObject({ maxIntervalMs: 600_000 });
  });

  it.each([
    ['cluster', BREAKER_SCOPE.cluster],
    ['endpoint', BREAKER_SCOPE.endpoint],
    ['both', BREAKER_SCOPE.cluster | BREAKER_SCOPE.endpoint],
  ])('of scope %s is a row of the image, and a dump shows it again', async (scope, bits) => {
    const settings = `circuitBreaker: { threshold: 25%, window: 10ms, interval: 1s, maxInterval: 2s, jitter: 0.2, minRequests: 5, probes: 3, successes: 4, scope: ${scope} }`;
    const { read, row } = await rowOf(settings);
    expect(read.row('BREAKER', row.breaker)).toEqual({
      scope: bits,
      thresholdMillis: 250,
      windowMs: 10,
      minRequests: 5,
      intervalMs: 1_000,
      maxIntervalMs: 2_000,
      jitterPercent: 20,
      probes: 3,
      successes: 4,
    });
    expect(await dumpOf(settings)).toMatchObject({
      circuitBreaker: { threshold: 0.25, windowMs: 10, intervalMs: 1_000, maxIntervalMs: 2_000, jitter: 0.2, minRequests: 5, probes: 3, successes: 4, scope },
    });
  });

  it.each([
    ['{ threshold: 0 }', 'circuitBreaker.threshold: the share must be from 0.001 to 1'],
    ['{ threshold: 50 }', 'circuitBreaker.threshold: the share must be from 0.001 to 1 (write 0.5 or 50%)'],
    ['{ threshold: 0.12345 }', 'circuitBreaker.threshold: 0.12345 has more than three decimals'],
    ['{ window: 9ms }', 'circuitBreaker.window: the duration must be at least 10ms: it has 10 buckets'],
    ['{ minRequests: 0 }', 'circuitBreaker.minRequests: expected a number from 1, not 0'],
    ['{ interval: 5s, maxInterval: 4s }', 'circuitBreaker.maxInterval: 4s is less than "interval", 5s'],
    ['{ probes: 256 }', 'circuitBreaker.probes: expected a number up to 255, not 256'],
    ['{ scope: endpoints }', 'circuitBreaker.scope: expected cluster | endpoint | both, not "endpoints" (did you mean "endpoint"?)'],
  ])('%s is refused', async (settings, problem) => {
    expect(await problemsOfCluster(`circuitBreaker: ${settings}`)).toEqual([problem]);
  });
});

describe('fallback', () => {
  const withClusters = (clusters: string) => withRoutes(['{ cluster: a }'], clusters);

  it('is another cluster, wherever it stands', async () => {
    const config = await loadGood(
      withClusters('{ z: { endpoints: [127.0.0.1:3], fallback: { cluster: y } }, a: { endpoints: [127.0.0.1:1], fallback: { cluster: z } }, y: { endpoints: [127.0.0.1:2] } }'),
    );
    const read = imageOf(config);
    expect(read.rows('CLUSTER').map(({ fallbackCluster, fallbackRespond }) => [fallbackCluster, fallbackRespond])).toEqual([
      [2, NONE],
      [0, NONE],
      [NONE, NONE],
    ]);
    expect(dumpImage(compile(config).image)).toMatchObject({
      clusters: { z: { fallback: { cluster: 'y' } }, a: { fallback: { cluster: 'z' } }, y: { fallback: null } },
    });
  });

  it('uses the clusters that it leads to, and no others', async () => {
    const text = withClusters('{ a: { endpoints: [127.0.0.1:1], fallback: { cluster: b } }, b: { endpoints: [127.0.0.1:2], fallback: { cluster: c } }, c: { endpoints: [127.0.0.1:3] }, d: { endpoints: [127.0.0.1:4], fallback: { cluster: a } } }');
    expect(brief((await loadText(text)).warnings).map((warning) => warning.replace(/^\S+ /, ''))).toEqual(['clusters.d: no route uses this cluster']);
  });

  it('is an answer, with the body of a file, too', async () => {
    const { a } = (await loadGood(withClusters('{ a: { endpoints: [127.0.0.1:1], fallback: { respond: { status: 503, body: later, headers: { Retry-After: "5" } } } } }'))).clusters;
    expect(a?.fallback).toEqual({
      kind: 'respond',
      respond: { status: 503, body: Uint8Array.from(Buffer.from('later')), headers: [['retry-after', '5'], ['content-type', 'text/plain; charset=utf-8']] },
    });
    const file = await loadText(withClusters('{ a: { endpoints: [127.0.0.1:1], fallback: { respond: { status: 200, bodyFile: shop.pem } } } }'));
    if (!file.ok) throw new Error('not loaded');
    const { fallback } = file.config.clusters['a'] ?? {};
    expect(fallback?.kind === 'respond' && Buffer.from(fallback.respond.body).toString()).toMatch(/^-----BEGIN CERTIFICATE/);
    expect(file.watch).toContain(`${file.directory}/shop.pem`);
    expect(dumpImage(compile(file.config).image)).toMatchObject({
      clusters: { a: { fallback: { respond: { status: 200, headers: { 'content-type': 'application/octet-stream' } } } } },
    });
  });

  it.each([
    ['{}', ['fallback: expected "cluster" or "respond" (such as cluster: other, or respond: { status: 503 })']],
    ['{ cluster: a, respond: { status: 503 } }', ['fallback.cluster: a cluster cannot be the fallback of itself', 'fallback.respond: "respond" and "cluster" exclude each other (keep one of cluster, respond)']],
    ['{ cluster: b }', ['fallback.cluster: there is no cluster "b" (did you mean "a"?)']],
    ['{ respond: { status: 204, body: a } }', ['fallback.respond.status: an answer with status 204 has no body']],
    ['{ respond: { status: 503, bodyFile: none.html } }', [expect.stringMatching(/^fallback\.respond\.bodyFile: cannot read .*none\.html: /)]],
  ])('%s is refused', async (settings, problems) => {
    expect(await problemsOfCluster(`fallback: ${settings}`)).toEqual(problems);
  });

  it('comes to an end', async () => {
    const ring = (names: string) =>
      withClusters(`{ ${names.split(' ').map((pair, i) => `${pair[0]}: { endpoints: [127.0.0.1:${i + 1}], fallback: { cluster: ${pair[1]} } }`).join(', ')}, a: { endpoints: [127.0.0.1:9] } }`);
    const strip = (problems: string[]) => problems.map((problem) => problem.replace(/^\S+ /, ''));
    expect(strip(await problemsOf(ring('bc cd db')))).toEqual(['clusters.b.fallback.cluster: fallbacks go round in a circle: b -> c -> d -> b']);
    expect(strip(await problemsOf(ring('xb bc cb')))).toEqual(['clusters.b.fallback.cluster: fallbacks go round in a circle: b -> c -> b']);
    expect(strip(await problemsOf(ring('bc ca dc')))).toEqual([]);
    const chain = (length: number) =>
      withClusters(`{ a: { endpoints: [127.0.0.1:1], fallback: { cluster: c1 } }, ${Array.from({ length }, (_, i) => `c${i + 1}: { endpoints: [127.0.0.1:${i + 2}]${i + 1 < length ? `, fallback: { cluster: c${i + 2} }` : ''} }`).join(', ')} }`);
    expect(await problemsOf(chain(8))).toEqual([]);
    expect(strip(await problemsOf(chain(9)))).toEqual(['clusters.a.fallback.cluster: 9 fallbacks in a row start here; at most 8 are followed']);
  });
});

describe('limits, the retry budget and other keys of a cluster', () => {
  it('have these defaults', async () => {
    expect(await clusterOf('tls: {}')).toMatchObject({
      limits: { maxConnections: 0, maxPendingRequests: 0, maxRequests: 0, maxRetries: 0 },
      retryBudget: { percent: 20, minPerSecond: 10, windowMs: 10_000 },
      tls: { handshakeTimeoutMs: 0 },
      endpoints: [{ backup: false }, { backup: false }],
    });
    expect((await rowOf('')).row).toMatchObject({
      limitConnections: 0,
      limitPending: 0,
      limitRequests: 0,
      limitRetries: 0,
      budgetPercent: 20,
      budgetMinPerSecond: 10,
      budgetWindowMs: 10_000,
      tlsTimeoutMs: 0,
      flags: 0,
    });
  });

  it('are in the image, and a dump shows them again', async () => {
    const settings = 'limits: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 4 }, retryBudget: { percent: 50%, minPerSecond: 0, window: 1s }, tls: { handshakeTimeout: 250ms }';
    expect((await rowOf(settings)).row).toMatchObject({
      limitConnections: 1,
      limitPending: 2,
      limitRequests: 3,
      limitRetries: 4,
      budgetPercent: 50,
      budgetMinPerSecond: 0,
      budgetWindowMs: 1_000,
      tlsTimeoutMs: 250,
    });
    expect(await dumpOf(settings)).toMatchObject({
      limits: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 4 },
      retryBudget: { percent: 50, minPerSecond: 0, windowMs: 1_000 },
      tlsHandshakeTimeoutMs: 250,
    });
    expect((await rowOf('retryBudget: false')).row.budgetPercent).toBe(NONE);
    expect((await rowOf('retryBudget: { percent: 0 }')).row.budgetPercent).toBe(0);
    expect(await dumpOf('retryBudget: false')).toMatchObject({ retryBudget: false });
    const read = imageOf(await loadGood(withCluster('', '[127.0.0.1:1, { address: two.test:2, backup: true }]')));
    expect(read.rows('ENDPOINT').map(({ backup }) => backup)).toEqual([0, 1, 1]);
  });

  it.each([
    ['limits: { maxRequests: -1 }', 'limits.maxRequests: expected a number from 0, not -1'],
    ['limits: { maxRetrys: 1 }', 'limits.maxRetrys: unknown key "maxRetrys" (did you mean "maxRetries"?)'],
    ['retryBudget: true', 'retryBudget: expected false, or a mapping with "percent", "minPerSecond" and "window", not true'],
    ['retryBudget: { window: 500ms }', 'retryBudget.window: the duration must be at least 1000ms: it counts by seconds'],
    ['retryBudget: { percent: 1001 }', 'retryBudget.percent: the percentage must be from 0 to 1000'],
    ['tls: { handshakeTimeout: 25h }', 'tls.handshakeTimeout: the duration must be at most 24h'],
  ])('%s is refused', async (settings, problem) => {
    expect(await problemsOfCluster(settings)).toEqual([problem]);
  });

  it('a backup stands behind something, and behind every priority', async () => {
    expect(await problemsOfCluster('', '[{ address: 127.0.0.1:1, backup: true }, { address: 127.0.0.1:2, backup: true }]')).toEqual([
      'endpoints: every endpoint is a backup: there is nothing that they could stand in for (leave out "backup")',
    ]);
    expect(await problemsOfCluster('', '[127.0.0.1:1, { address: 127.0.0.1:2, backup: true, priority: 1 }]')).toEqual([
      'endpoints[1].backup: a backup is used after every priority level, so that priority: 1 means nothing to it (keep one of the two)',
    ]);
    expect(await problemsOfCluster('', '[127.0.0.1:1, { address: 127.0.0.1:2, backup: true, priority: 0 }]')).toEqual([]);
    expect(await warningsOfCluster('', '[{ address: 127.0.0.1:1, weight: 0 }, { address: 127.0.0.1:2, backup: true }]')).toEqual([
      'endpoints: every endpoint that is not a backup has weight 0: the backups take all requests',
    ]);
  });
});
