/**
 * Writes metrics as text: Prometheus text format 0.0.4, or OpenMetrics 1.0 when the scraper asks for it. They differ in the
 * name of a counter's family (without `_total` in OpenMetrics), in the spelling of whole `le` values and in the last line.
 */
import type { HistogramData } from './histograms.ts';
import { classicBuckets, type HistogramKind } from './histograms.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  labels?: Labels;
  value: number;
}

export interface HistogramSample {
  labels?: Labels;
  data: HistogramData;
}

/** What metrics are written to. */
export interface MetricsWriter {
  /** `name` ends in `_total`. */
  counter(name: string, help: string, samples: readonly Sample[]): void;
  gauge(name: string, help: string, samples: readonly Sample[]): void;
  histogram(name: string, help: string, kind: HistogramKind, samples: readonly HistogramSample[]): void;
}

export const CONTENT_TYPES = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;
export type ExpositionFormat = keyof typeof CONTENT_TYPES;

export class Exposition implements MetricsWriter {
  readonly #format: ExpositionFormat;
  readonly #lines: string[] = [];

  constructor(format: ExpositionFormat) {
    this.#format = format;
  }

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#head(this.#format === 'openmetrics' ? name.replace(/_total$/, '') : name, 'counter', help);
    for (const { labels, value } of samples) this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#head(name, 'gauge', help);
    for (const { labels, value } of samples) this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  histogram(name: string, help: string, kind: HistogramKind, samples: readonly HistogramSample[]): void {
    this.#head(name, 'histogram', help);
    for (const { labels, data } of samples) {
      const count = data.count;
      const sum = data.sum / kind.scale;
      for (const bucket of classicBuckets(data, kind)) this.#lines.push(`${name}_bucket${labelText({ ...labels, le: this.#bound(bucket.le) })} ${numberText(bucket.count)}`);
      this.#lines.push(`${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${numberText(count)}`);
      this.#lines.push(`${name}_sum${labelText(labels)} ${numberText(sum)}`, `${name}_count${labelText(labels)} ${numberText(count)}`);
    }
  }

  text(): string {
    const end = this.#format === 'openmetrics' ? '# EOF\n' : '';
    return `${this.#lines.join('\n')}\n${end}`;
  }

  #head(family: string, type: string, help: string): void {
    this.#lines.push(`# HELP ${family} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`, `# TYPE ${family} ${type}`);
  }

  #bound(le: number): string {
    return this.#format === 'openmetrics' && Number.isInteger(le) ? `${le}.0` : String(le);
  }
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
