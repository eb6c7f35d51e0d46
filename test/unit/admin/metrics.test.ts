import { describe, expect, it } from 'vitest';
import { Exposition } from '../../../src/telemetry/exposition.ts';
import { metricsText } from '../../../src/admin/metrics.ts';
import { CLUSTER_STATS, ENDPOINT_STATS, HEALTH, PROCESS_STATS } from '../../../src/binding/abi.ts';
import type { Engine } from '../../../src/control/engine.ts';
import { Stats } from '../../../src/control/stats.ts';
import { parseMetrics } from './metrics-parser.ts';
import { CONFIG, countingEngine, runningConfig, view } from './support.ts';

describe('the metrics', () => {
  it.each(['prometheus', 'openmetrics'] as const)('are valid %s', async (format) => {
    const families = parseMetrics(metricsText(await view(), format), format);
    expect(families.size).toBeGreaterThan(25);
    for (const { help } of families.values()) expect(help).not.toBe('');
  });

  it('carry the counters of the right cluster and endpoint', async () => {
    const families = parseMetrics(metricsText(await view(), 'prometheus'), 'prometheus');
    const value = (family: string, labels: Record<string, string>): number | undefined =>
      families.get(family)?.samples.find((sample) => Object.entries(labels).every(([name, text]) => sample.labels[name] === text))?.value;
    const field = (name: (typeof CLUSTER_STATS)[number]): number => CLUSTER_STATS.indexOf(name);
    expect(value('millrace_requests_total', { cluster: 'b', status_class: '5xx' })).toBe(100 + field('responses5xx'));
    expect(value('millrace_active_requests', { cluster: 'a' })).toBe(field('active'));
    expect(value('millrace_upstream_connections', { cluster: 'b', state: 'idle' })).toBe(100 + field('connectionsIdle'));
    expect(value('millrace_endpoint_requests_total', { cluster: 'b', endpoint: '127.0.0.1:9003' })).toBe(1020);
    expect(value('millrace_downstream_connections', {})).toBe(5000);
    expect(value('millrace_request_outcomes_total', { flag: 'none' })).toBe(5000 + PROCESS_STATS.indexOf('flag:none'));
    expect(value('millrace_config_last_reload_success', {})).toBe(0);
    expect(value('millrace_config_reloads_total', { result: 'ok' })).toBe(4);
    expect(value('millrace_workers', { state: 'running' })).toBe(1);
    expect(value('millrace_worker_restarts_total', {})).toBe(5);
    expect(value('millrace_build_info', { node: process.version })).toBe(1);
  });

  it('show failover where it is configured', async () => {
    const clusters = `
  a: { endpoints: [127.0.0.1:9001], outlierDetection: false }
  b: { endpoints: [127.0.0.1:9002, 127.0.0.1:9003], healthCheck: { tcp: {} }, circuitBreaker: {} }
  c: { endpoints: [127.0.0.1:9004], circuitBreaker: { scope: cluster } }
  d: { endpoints: [127.0.0.1:9005], circuitBreaker: { scope: endpoint } }
`;
    const health = HEALTH.ejected | HEALTH.halfOpen;
    const stats = new Stats({ ...countingEngine, endpointStats: (version, index, out) => countingEngine.endpointStats(version, index, out) && (out[ENDPOINT_STATS.indexOf('health')] = index === 1 ? health : 0) >= 0 } as Engine, { wallMs: () => 0, monotonicMs: () => 0 });
    const shown = await view({ stats, running: await runningConfig(CONFIG.replace(/clusters:[^]*$/, `clusters:${clusters}`)) });
    const families = parseMetrics(metricsText(shown, 'prometheus'), 'prometheus');
    const samples = (family: string, label: string): Record<string, number> =>
      Object.fromEntries(families.get(family)?.samples.map(({ labels, value }) => [`${labels.endpoint ?? labels.cluster} ${labels[label] ?? ''}`.trim(), value]) ?? []);
    const field = (name: (typeof CLUSTER_STATS)[number], cluster: number): number => CLUSTER_STATS.indexOf(name) + 100 * cluster;
    expect(samples('millrace_upstream_retries_refused_total', 'reason')).toMatchObject({
      'a budget': field('retryBudgetExhausted', 0), 'a limit': field('retryOverflow', 0), 'a body': field('retryBodyTooLarge', 0), 'd body': field('retryBodyTooLarge', 3),
    });
    expect(samples('millrace_upstream_attempt_timeouts_total', 'phase')).toMatchObject({
      'b connect': field('connectTimeouts', 1), 'b tls': field('tlsTimeouts', 1), 'b perTry': field('perTryTimeouts', 1),
    });
    expect(samples('millrace_upstream_limit_overflow_total', 'limit')).toMatchObject({ 'c maxRequests': field('requestOverflow', 2), 'c maxConnections': field('connectionOverflow', 2) });
    expect(samples('millrace_cluster_ejections_skipped_total', 'reason')).toMatchObject({ 'a shadow': field('ejectionsShadowed', 0), 'a maxEjectionPercent': field('ejectionsOverflow', 0) });
    for (const [family, name] of [
      ['millrace_upstream_retry_successes_total', 'retrySuccesses'], ['millrace_upstream_hedges_total', 'hedges'], ['millrace_upstream_hedges_won_total', 'hedgesWon'],
      ['millrace_upstream_hedges_over_budget_total', 'hedgesOverBudget'], ['millrace_cluster_ejected_endpoints', 'ejected'], ['millrace_cluster_ejections_total', 'ejections'],
      ['millrace_cluster_fallbacks_total', 'fallbacks'],
    ] as const)
      expect(samples(family, '')).toEqual({ a: field(name, 0), b: field(name, 1), c: field(name, 2), d: field(name, 3) });
    for (const [family, name] of [
      ['millrace_cluster_circuit_breaker_state', 'breakerState'], ['millrace_cluster_circuit_breaker_opened_total', 'breakerOpened'], ['millrace_cluster_circuit_breaker_rejected_total', 'breakerRejected'],
    ] as const)
      expect(samples(family, '')).toEqual({ b: field(name, 1), c: field(name, 2) });
    const ofEndpoint = (name: (typeof ENDPOINT_STATS)[number], index: number): number => 1000 + 10 * index + ENDPOINT_STATS.indexOf(name);
    expect(samples('millrace_endpoint_circuit_breaker_state', '')).toEqual({
      '127.0.0.1:9002': ofEndpoint('breakerState', 1), '127.0.0.1:9003': ofEndpoint('breakerState', 2), '127.0.0.1:9005': ofEndpoint('breakerState', 4),
    });
    expect(samples('millrace_endpoint_circuit_breaker_opened_total', '')).toMatchObject({ '127.0.0.1:9005': ofEndpoint('breakerOpened', 4) });
    for (const [family, name] of [['responses', 'responses'], ['failures', 'failures'], ['ejections', 'ejections']] as const)
      expect(samples(`millrace_endpoint_${family}_total`, '')).toMatchObject({ '127.0.0.1:9001': ofEndpoint(name, 0), '127.0.0.1:9005': ofEndpoint(name, 4) });
    expect(samples('millrace_endpoint_health', 'reason')).toEqual({
      '127.0.0.1:9002 unhealthy': 0, '127.0.0.1:9002 unchecked': 0, '127.0.0.1:9002 ejected': 1, '127.0.0.1:9002 open': 0, '127.0.0.1:9002 halfOpen': 1,
      '127.0.0.1:9003 unhealthy': 0, '127.0.0.1:9003 unchecked': 0, '127.0.0.1:9003 ejected': 0, '127.0.0.1:9003 open': 0, '127.0.0.1:9003 halfOpen': 0,
      '127.0.0.1:9004 ejected': 0,
      '127.0.0.1:9005 ejected': 0, '127.0.0.1:9005 open': 0, '127.0.0.1:9005 halfOpen': 0,
    });
    expect(samples('millrace_endpoint_available', '')).toMatchObject({ '127.0.0.1:9002': 0, '127.0.0.1:9003': 1 });
  });

  it.each([
    [HEALTH.halfOpen, 1], [HEALTH.open, 0], [HEALTH.unchecked, 0], [HEALTH.unhealthy | HEALTH.halfOpen, 0],
  ])('call an endpoint with the health bits %s available: %s', async (bits, available) => {
    const engine = { ...countingEngine, endpointStats: (_version: number, _index: number, out: Float64Array) => (out[ENDPOINT_STATS.indexOf('health')] = bits) > 0 } as Engine;
    const families = parseMetrics(metricsText(await view({ stats: new Stats(engine, { wallMs: () => 0, monotonicMs: () => 0 }) }), 'prometheus'), 'prometheus');
    expect(families.get('millrace_endpoint_available')?.samples[0]?.value).toBe(available);
  });

  it('have no circuit breakers where there are none', async () => {
    expect([...parseMetrics(metricsText(await view(), 'prometheus'), 'prometheus').keys()].filter((family) => family.includes('circuit_breaker'))).toEqual([]);
  });

  it('carry histograms of clusters and used routes, and of endpoints when asked for', async () => {
    const shown = await view();
    const plain = parseMetrics(metricsText(shown, 'prometheus'), 'prometheus');
    const full = parseMetrics(metricsText(shown, 'prometheus', { endpoints: true, mostRoutes: 1 }), 'prometheus');
    const bare = parseMetrics(metricsText(shown, 'prometheus', { endpoints: false, mostRoutes: 0 }), 'prometheus');
    const count = (families: typeof plain, family: string, labels: Record<string, string>): number | undefined =>
      families.get(family)?.samples.find((sample) => sample.name === `${family}_count` && Object.entries(labels).every(([name, text]) => sample.labels[name] === text))?.value;
    for (const phase of ['connect', 'first_byte', 'request', 'queue']) expect(count(plain, `millrace_upstream_${phase}_duration_seconds`, { cluster: 'b' })).toBe(4);
    expect(full.get('millrace_upstream_queue_duration_seconds')?.samples.find(({ name, labels }) => name.endsWith('_sum') && labels.cluster === 'a')?.value).toBe((3 * 44) / 1e6);
    // The second route of the configuration, the only one that was used.
    expect(plain.get('millrace_route_requests_total')?.samples).toEqual([{ name: 'millrace_route_requests_total', labels: { route_table: 't', virtual_host: 't/0', route: 't/0/1' }, value: 3100 }]);
    expect(plain.get('millrace_route_responses_total')?.samples).toContainEqual({ name: 'millrace_route_responses_total', labels: { route_table: 't', virtual_host: 't/0', route: 't/0/1', status_class: '5xx' }, value: 3105 });
    for (const family of ['millrace_route_duration_seconds', 'millrace_route_request_body_bytes', 'millrace_route_response_body_bytes']) {
      expect(count(plain, family, { route_table: 't', virtual_host: 't/0', route: 't/0/1' })).toBe(8);
      expect(bare.has(family)).toBe(false);
      expect(full.has(family)).toBe(true);
    }
    for (const [families, exported] of [[plain, 1], [full, 1], [bare, 0]] as const) {
      expect(families.get('millrace_routes_used')?.samples[0]?.value).toBe(1);
      expect(families.get('millrace_routes_exported')?.samples[0]?.value).toBe(exported);
    }
    for (const phase of ['connect', 'first_byte', 'request']) {
      const family = `millrace_endpoint_${phase}_duration_seconds`;
      expect(count(full, family, { cluster: 'b', endpoint: '127.0.0.1:9003' })).toBe(7);
      expect(plain.has(family)).toBe(false);
    }
  });

  it('leave out clusters while another image comes into service', async () => {
    const shown = await view();
    const families = parseMetrics(metricsText({ ...shown, running: { ...shown.running!, version: 2 } }, 'prometheus'), 'prometheus');
    expect(families.get('millrace_requests_total')?.samples).toEqual([]);
    expect(families.get('millrace_downstream_connections')?.samples).toHaveLength(1);
  });

  it('exist before the first configuration', async () => {
    const families = parseMetrics(metricsText(await view({ running: null }), 'prometheus'), 'prometheus');
    expect(families.get('millrace_config_version')?.samples[0]?.value).toBe(0);
  });

  it('escape what names may contain', () => {
    const out = new Exposition('prometheus');
    out.gauge('a', 'back\\slash\nline', [{ labels: { name: 'quote " back \\ line\n' }, value: 1 }, { labels: { name: 'x' }, value: Infinity }]);
    expect(out.bytes().toString()).toBe('# HELP a back\\\\slash\\nline\n# TYPE a gauge\na{name="quote \\" back \\\\ line\\n"} 1\na{name="x"} +Inf\n');
    expect(parseMetrics(out.bytes().toString(), 'prometheus').get('a')?.samples[0]?.labels).toEqual({ name: 'quote " back \\ line\n' });
  });
});
