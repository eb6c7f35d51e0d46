/**
 * Writes metrics as text: Prometheus text format 0.0.4, or OpenMetrics 1.0 when the scraper asks for it. They differ in the
 * name of a counter's family (without `_total` in OpenMetrics), in the spelling of whole `le` values and in the last line.
 */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  labels?: Labels;
  value: number;
}

export interface HistogramSample {
  labels?: Labels;
  /** Ascending; the count of a bucket includes the buckets below it. */
  buckets: readonly { le: number; count: number }[];
  sum: number;
  /** Of all samples, those above the last bucket included. */
  count: number;
}

export const CONTENT_TYPES = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;
export type ExpositionFormat = keyof typeof CONTENT_TYPES;

export class Exposition {
  readonly #format: ExpositionFormat;
  readonly #lines: string[] = [];

  constructor(format: ExpositionFormat) {
    this.#format = format;
  }

  /** `name` ends in `_total`. */
  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#head(this.#format === 'openmetrics' ? name.replace(/_total$/, '') : name, 'counter', help);
    for (const { labels, value } of samples) this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#head(name, 'gauge', help);
    for (const { labels, value } of samples) this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  histogram(name: string, help: string, samples: readonly HistogramSample[]): void {
    this.#head(name, 'histogram', help);
    for (const { labels, buckets, sum, count } of samples) {
      for (const bucket of buckets) this.#lines.push(`${name}_bucket${labelText({ ...labels, le: this.#bound(bucket.le) })} ${numberText(bucket.count)}`);
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
