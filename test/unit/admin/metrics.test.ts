import { describe, expect, it } from 'vitest';
import { Exposition } from '../../../src/admin/exposition.ts';
import { LATENCY_BOUNDS_SECONDS, foldLatency, lowerBoundUs, middleUs, quantileMs } from '../../../src/admin/latency.ts';
import { metricsText } from '../../../src/admin/metrics.ts';
import { CLUSTER_STATS, HISTOGRAM_BUCKETS, HISTOGRAM_MAX_BITS } from '../../../src/binding/abi.ts';
import { parseMetrics } from './metrics-parser.ts';
import { view } from './support.ts';

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
    expect(value('millrace_request_outcomes_total', { flag: 'none' })).toBe(5005);
    expect(value('millrace_config_last_reload_success', {})).toBe(0);
    expect(value('millrace_config_reloads_total', { result: 'ok' })).toBe(4);
    expect(value('millrace_workers', { state: 'running' })).toBe(1);
    expect(value('millrace_worker_restarts_total', {})).toBe(5);
    expect(value('millrace_build_info', { node: process.version })).toBe(1);
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
    expect(out.text()).toBe('# HELP a back\\\\slash\\nline\n# TYPE a gauge\na{name="quote \\" back \\\\ line\\n"} 1\na{name="x"} +Inf\n');
    expect(parseMetrics(out.text(), 'prometheus').get('a')?.samples[0]?.labels).toEqual({ name: 'quote " back \\ line\n' });
  });
});

describe('the latency histogram', () => {
  it('has buckets that join without gaps up to the end of the range', () => {
    for (let i = 0; i < HISTOGRAM_BUCKETS; i++) {
      expect(lowerBoundUs(i + 1)).toBeGreaterThan(lowerBoundUs(i));
      expect((lowerBoundUs(i + 1) - 1 - middleUs(i)) / Math.max(1, lowerBoundUs(i))).toBeLessThan(0.0161);
    }
    expect(lowerBoundUs(HISTOGRAM_BUCKETS)).toBe(2 ** HISTOGRAM_MAX_BITS);
  });

  it('folds every sample into one bucket', () => {
    const counts = new Float64Array(HISTOGRAM_BUCKETS).fill(1);
    const { buckets, count } = foldLatency(counts);
    expect(count).toBe(HISTOGRAM_BUCKETS);
    expect(buckets.map(({ le }) => le)).toEqual([...LATENCY_BOUNDS_SECONDS]);
    expect(buckets.every((bucket, i) => i === 0 || bucket.count > (buckets[i - 1]?.count ?? 0))).toBe(true);
    expect(buckets.at(-1)?.count).toBeLessThan(count);
  });

  it('puts a sample on a bound at most one bucket too high', () => {
    const counts = new Float64Array(HISTOGRAM_BUCKETS);
    const bucketOf = (us: number): number => counts.findIndex((_, i) => us < lowerBoundUs(i + 1));
    for (const bound of LATENCY_BOUNDS_SECONDS) {
      counts.fill(0);
      counts[bucketOf(bound * 1e6)] = 1;
      // The middle of its bucket may lie up to 1.6 % above the bound; then the next bucket has it.
      const below = foldLatency(counts).buckets.filter(({ count }) => count === 0).length;
      expect(below - LATENCY_BOUNDS_SECONDS.indexOf(bound)).toBeLessThanOrEqual(1);
    }
  });

  it('gives quantiles, and none without samples', () => {
    const counts = new Float64Array(HISTOGRAM_BUCKETS);
    expect(quantileMs(counts, 0.5)).toBeNull();
    counts[10] = 90;
    counts[50] = 10;
    expect([0, 0.5, 0.9, 0.91, 1].map((q) => quantileMs(counts, q))).toEqual([0.01, 0.01, 0.01, 0.05, 0.05]);
  });
});
