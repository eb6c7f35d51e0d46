/** What a real Prometheus makes of the metrics: classic histograms from text, native ones from protobuf. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Exposition } from '../../src/telemetry/exposition.ts';
import { DURATION, SIZE } from '../../src/telemetry/histograms.ts';
import { METRICS_TYPES, metricsFormat } from '../../src/telemetry/negotiate.ts';
import { ProtobufExposition } from '../../src/telemetry/protobuf-exposition.ts';
import { createHistogram, type Histogram } from '../../src/binding/histogram.ts';
import type { HistogramData } from '../../src/telemetry/histograms.ts';
import { DISTRIBUTIONS, samplesOf } from '../conformance/histogram/distributions.ts';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { Prometheus, hasPrometheus } from '../support/prometheus.ts';

const NATIVE = ['native-histograms'];
/** Half of our bucket and one of theirs: src/telemetry/histograms.ts. */
const NATIVE_ERROR = 0.038;

function dataOf(histogram: Histogram): HistogramData {
  const dense = histogram.counts();
  const buckets = Uint32Array.from(Array.from(dense.keys()).filter((bucket) => dense[bucket] !== 0));
  return { count: histogram.field('samples'), sum: histogram.field('sum'), max: histogram.field('max'), spanMs: 0, buckets, counts: Float64Array.from(buckets, (bucket) => dense[bucket] ?? 0) };
}

interface Exported {
  formats: Set<string>;
  port: number;
}

/** Serves these histograms as the admin endpoint does, negotiation included. */
async function exporter(series: Readonly<Record<string, Histogram>>): Promise<Exported> {
  const formats = new Set<string>();
  const server = createServer((incoming, response) => {
    const format = metricsFormat(incoming.headers.accept ?? '');
    formats.add(format);
    const out = format === 'protobuf' ? new ProtobufExposition() : new Exposition(format);
    const samples = Object.entries(series).map(([name, histogram]) => ({ labels: { name }, data: dataOf(histogram) }));
    out.histogram('test_seconds', 'As durations.', DURATION, samples);
    out.histogram('test_bytes', 'As sizes.', SIZE, samples);
    out.counter('test_done_total', 'A counter beside them.', [{ labels: { path: 'a "b"\n\\é' }, value: 2 ** 40 + 0.5 }]);
    out.gauge('test_level', 'A gauge.', [{ value: -3 }]);
    response.writeHead(200, { 'content-type': METRICS_TYPES[format] }).end(out.bytes());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => new Promise<void>((done) => {
    server.close(() => done());
    server.closeAllConnections();
  }));
  return { formats, port: (server.address() as AddressInfo).port };
}

function quantileOf(samples: Float64Array, q: number): number {
  return Float64Array.from(samples).sort()[Math.max(1, Math.ceil(q * samples.length)) - 1] ?? NaN;
}

// Debian: apt-get install prometheus; .ci/run does.
describe.skipIf(!hasPrometheus())('Prometheus', () => {
  it('reads native histograms whose quantiles are right', async () => {
    const samples = new Map(Object.keys(DISTRIBUTIONS).map((name) => [name, samplesOf(name, 10_000)]));
    const series = Object.fromEntries(Array.from(samples, ([name, values]) => {
      const histogram = createHistogram();
      histogram.recordMany(values);
      return [name, histogram];
    }));
    series.zeros = createHistogram();
    series.zeros.record(0, 3);
    series.empty = createHistogram();
    const { port, formats } = await exporter(series);
    const prometheus = await Prometheus.start({ port }, NATIVE);
    for (const [name, values] of samples) {
      expect(await prometheus.value(`histogram_count(test_seconds{name="${name}"})`)).toBe(10_000);
      const sum = values.reduce((total, value) => total + value, 0) / 1e6;
      expect(Math.abs((await prometheus.value(`histogram_sum(test_seconds{name="${name}"})`)) / sum - 1)).toBeLessThan(1e-9);
      for (const q of [0.01, 0.5, 0.9, 0.99, 0.999]) {
        const exact = quantileOf(values, q);
        for (const [metric, scale] of [['test_seconds', 1e6], ['test_bytes', 1]] as const) {
          const found = (await prometheus.value(`histogram_quantile(${q}, ${metric}{name="${name}"})`)) * scale;
          expect(Math.abs(found - exact), `${metric} of ${name}, ${q}: ${found} for ${exact}`).toBeLessThanOrEqual(exact * NATIVE_ERROR);
        }
      }
    }
    expect(await prometheus.value('histogram_count(test_seconds{name="zeros"})')).toBe(3);
    expect(await prometheus.value('histogram_quantile(0.5, test_seconds{name="zeros"})')).toBeLessThan(1e-6);
    expect(await prometheus.value('histogram_count(test_seconds{name="empty"})')).toBe(0);
    expect(await prometheus.query('test_done_total')).toMatchObject([{ labels: { path: 'a "b"\n\\é' }, value: 2 ** 40 + 0.5 }]);
    expect(await prometheus.value('test_level')).toBe(-3);
    expect([...formats]).toEqual(['protobuf']);
  });

  it('follows a native histogram that grows', async () => {
    const histogram = createHistogram();
    histogram.record(1000, 5);
    const { port } = await exporter({ grows: histogram });
    const prometheus = await Prometheus.start({ port }, NATIVE);
    await prometheus.value('histogram_count(test_seconds)', (count) => count === 5);
    for (const [value, times] of [[2_000_000, 7], [10, 1], [999, 2], [0, 1]] as const) histogram.record(value, times);
    await prometheus.value('histogram_count(test_seconds)', (count) => count === 16);
    // More buckets on both sides are no reset: the growth is counted whole.
    expect(await prometheus.value('resets(test_seconds[1m])')).toBe(0);
  });

  it('reads classic histograms when it does not know native ones', async () => {
    const histogram = createHistogram();
    const values = samplesOf('lognormal', 10_000);
    histogram.recordMany(values);
    const { port, formats } = await exporter({ one: histogram });
    const prometheus = await Prometheus.start({ port });
    expect(await prometheus.value('test_seconds_bucket{le="+Inf"}')).toBe(10_000);
    for (const le of [0.001, 0.01, 0.1]) {
      const found = await prometheus.value(`test_seconds_bucket{le="${le}"}`);
      const about = (factor: number): number => values.filter((value) => value <= le * 1e6 * factor).length;
      expect(found, String(le)).toBeGreaterThanOrEqual(about(1 - 1 / 32));
      expect(found, String(le)).toBeLessThanOrEqual(about(1 + 1 / 32));
    }
    expect(formats.has('protobuf')).toBe(false);
  });

  it.each([['native', NATIVE], ['classic', []]] as const)('scrapes the running proxy, %s', async (form, features) => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address]));
    for (let i = 0; i < 40; i++) await request(proxy.port(), '/');
    const prometheus = await Prometheus.start({ port: proxy.adminPort, params: { endpoints: ['1'] } }, features);
    expect(await prometheus.value('up', (up) => up === 1)).toBe(1);
    const name = 'millrace_request_duration_seconds';
    expect(await prometheus.value(form === 'native' ? `histogram_count(${name})` : `${name}_count`)).toBe(40);
    const { clusters } = JSON.parse((await proxy.admin('/clusters')).text) as { clusters: { latencyMs: { p90: number; max: number } }[] };
    if (form === 'native') {
      const p90 = (await prometheus.value(`histogram_quantile(0.9, ${name})`)) * 1000;
      const shown = clusters[0]?.latencyMs.p90 ?? 0;
      expect(Math.abs(p90 / shown - 1), `${p90} for ${shown}`).toBeLessThanOrEqual(NATIVE_ERROR);
    }
    expect(await prometheus.value('millrace_requests_total{status_class="2xx"}')).toBe(40);
    // Nothing of a scrape was refused.
    expect(await prometheus.value('scrape_samples_scraped - scrape_samples_post_metric_relabeling')).toBe(0);
  });
});
