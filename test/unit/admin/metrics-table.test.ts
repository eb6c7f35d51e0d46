/**
 * README.md lists every family of metrics with its labels: this holds it against what is exposed. After a change:
 *   MILLRACE_WRITE_README=1 npx vitest run --config test/vitest.config.ts test/unit/admin/metrics-table.test.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AdminCounters } from '../../../src/admin/admin-counters.ts';
import { writeMetrics } from '../../../src/admin/metrics.ts';
import { RATE_STATS, RATE_TABLE_STATS } from '../../../src/binding/abi.ts';
import type { Engine } from '../../../src/control/engine.ts';
import { Stats } from '../../../src/control/stats.ts';
import { FAILURES } from '../../../src/health/check.ts';
import { atOnce, type HistogramSample, type Labels, type MetricsWriter, type Sample } from '../../../src/telemetry/exposition.ts';
import type { HistogramKind } from '../../../src/telemetry/histograms.ts';
import { countingEngine, runningConfig, view } from './support.ts';

const README = resolve(import.meta.dirname, '../../../README.md');

/** Everything that has metrics of its own. */
const CONFIG = `
listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ match: { path: /hi }, respond: { status: 200, body: "hello" } }, { cluster: b, rateLimit: { requests: 5, window: 1s } }] }] }
clusters:
  a: { endpoints: [127.0.0.1:9001], circuitBreaker: { scope: both }, healthCheck: { tcp: {} } }
  b: { endpoints: [127.0.0.1:9002] }
`;

/** Families as rows of a table: name, type, labels, help. */
class Table implements MetricsWriter {
  readonly rows: string[] = [];

  counter(name: string, help: string, samples: Iterable<Sample>): void {
    this.#row(name, 'counter', help, [...samples].map(({ labels, more }) => ({ ...labels, ...more })));
  }

  gauge(name: string, help: string, samples: Iterable<Sample>): void {
    this.#row(name, 'gauge', help, [...samples].map(({ labels, more }) => ({ ...labels, ...more })));
  }

  histogram(name: string, help: string, _kind: HistogramKind, samples: Iterable<HistogramSample>): void {
    this.#row(name, 'histogram', help, [...samples].map(({ labels = {} }) => labels));
  }

  *histogramInTurns(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): Generator<void> {
    this.histogram(name, help, kind, samples);
    yield;
  }

  #row(name: string, type: string, help: string, samples: readonly Labels[]): void {
    expect(help, name).toMatch(/^[^\n]+\.$/);
    // OpenMetrics: the unit is the end of the name, and every unit is a base unit; a counter is a _total.
    expect(name, name).toMatch(/^(?:millrace|process)_[a-z0-9]+(?:_[a-z0-9]+)*$/);
    expect(name, name).not.toMatch(/_(?:ms|us|milliseconds|microseconds|kib|mib|percent|count|sum|bucket)(?:_total)?$/);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    if (/duration|latency|timestamp/.test(name)) expect(name).toMatch(/_seconds(?:_total)?$/);
    expect(samples.length, `${name} has no samples here, so this test cannot tell its labels`).toBeGreaterThan(0);
    const labels = Object.keys(samples[0] ?? {});
    for (const sample of samples) expect(Object.keys(sample), name).toEqual(labels);
    expect(new Set(samples.map((sample) => JSON.stringify(sample))).size, `${name}: every sample once`).toBe(samples.length);
    this.rows.push(`| \`${name}\` | ${type} | ${labels.join(', ')} | ${help.replaceAll('|', '\\|')} |`);
  }
}

async function exposed(): Promise<string[]> {
  const engine = {
    ...countingEngine,
    rateLimitStats: (_version: number, _index: number, out: Float64Array) => out.fill(1, 0, RATE_STATS.length).length > 0,
    rateTableStats: (out: Float64Array) => void out.fill(1, 0, RATE_TABLE_STATS.length),
  } as Engine;
  const running = await runningConfig(CONFIG);
  // As a listener with TLS would have.
  const certificate = { certFile: 'a', keyFile: 'a', cert: '', key: '', hosts: ['a.test'], fingerprint: '', notAfterMs: 0 };
  const [listener] = running.config.listeners;
  if (listener !== undefined) listener.tls = { ...listener.tls, certificates: [certificate] } as NonNullable<typeof listener.tls>;
  const counts = { passed: 1, void: 1, ...Object.fromEntries(FAILURES.map((failure) => [`failed:${failure}`, 1])) };
  const shown = await view({ running, stats: new Stats(engine, { wallMs: () => 0, monotonicMs: () => 0 }), health: { endpoint: () => null, counts: new Map([['a', counts as never]]) } });
  const admin = new AdminCounters();
  admin.answered(null, 404);
  const table = new Table();
  atOnce(writeMetrics(table, shown, { endpoints: true, mostRoutes: 10, admin }));
  return table.rows;
}

const HEAD = '| metric | type | labels | what |\n|---|---|---|---|\n';

function writeTable(rows: readonly string[]): void {
  const text = readFileSync(README, 'utf8');
  const begin = text.indexOf(HEAD) + HEAD.length;
  if (begin < HEAD.length) throw new Error('README.md has no table of metrics any more');
  writeFileSync(README, `${text.slice(0, begin)}${rows.join('\n')}\n${text.slice(begin).replace(/^(?:\|.*\n)*/, '')}`);
}

describe('the table of metrics in the README', () => {
  it('names every family with its type, its labels and what it is, in the order of the page', async () => {
    const rows = await exposed();
    if (process.env.MILLRACE_WRITE_README !== undefined) writeTable(rows);
    const written = readFileSync(README, 'utf8').split('\n').filter((line) => /^\| `(?:millrace|process)_[a-z0-9_]+` \| (?:counter|gauge|histogram) \|/.test(line));
    const lacking = rows.filter((row) => !written.includes(row));
    const superfluous = written.filter((row) => !rows.includes(row));
    expect({ lacking, superfluous }, 'write the table of README.md anew: see the head of this file').toEqual({ lacking: [], superfluous: [] });
    expect(written).toEqual(rows);
  });
});
