/**
 * Writes metrics as text: Prometheus text format 0.0.4, or OpenMetrics 1.0 when the scraper asks for it. They differ in the
 * name of a counter's family (without `_total` in OpenMetrics), in the spelling of whole `le` values and in the last line.
 */
import { classicCounts, type HistogramData, type HistogramKind } from './histograms.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** Of the row: one object for all its samples, since its text is kept. */
  labels?: Labels;
  /** Behind those: one object for all samples of the family that have them. */
  more?: Labels;
  value: number;
}

export interface HistogramSample {
  labels?: Labels;
  data: HistogramData;
}

/** What metrics are written to. Samples are taken one by one: those that are read lazily are never all in memory. */
export interface MetricsWriter {
  /** `name` ends in `_total`. */
  counter(name: string, help: string, samples: Iterable<Sample>): void;
  gauge(name: string, help: string, samples: Iterable<Sample>): void;
  histogram(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): void;
  /** The same for many series: may be left for a moment at each `yield`, after every few of them. */
  histogramInTurns(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): Generator<void>;
}

export const CONTENT_TYPES = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;
export type ExpositionFormat = keyof typeof CONTENT_TYPES;

/** Bytes of text that are gathered before they are encoded. */
const PIECE = 64 * 1024;
/** Rows between two pauses: some 50 us of histograms. */
const ROWS_PER_TURN = 8;

export class Exposition implements MetricsWriter {
  readonly #format: ExpositionFormat;
  readonly #labelTexts = new WeakMap<Labels, string>();
  readonly #bounds = new WeakMap<HistogramKind, string[]>();
  readonly #pieces: Buffer[] = [];
  #text = '';

  constructor(format: ExpositionFormat) {
    this.#format = format;
  }

  counter(name: string, help: string, samples: Iterable<Sample>): void {
    this.#head(this.#format === 'openmetrics' ? name.replace(/_total$/, '') : name, 'counter', help);
    this.#samples(name, samples);
  }

  gauge(name: string, help: string, samples: Iterable<Sample>): void {
    this.#head(name, 'gauge', help);
    this.#samples(name, samples);
  }

  histogram(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): void {
    atOnce(this.histogramInTurns(name, help, kind, samples));
  }

  *histogramInTurns(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): Generator<void> {
    this.#head(name, 'histogram', help);
    const ends = this.#boundsOf(kind);
    const below = new Float64Array(ends.length);
    let rows = 0;
    for (const { labels, data } of samples) {
      const own = this.#labelText(labels);
      const bucket = `${name}_bucket{${own === '' ? '' : `${own},`}le="`;
      const count = numberText(data.count);
      let text = '';
      classicCounts(data, kind, below);
      for (let i = 0; i < ends.length; i++) text += `${bucket}${ends[i] ?? ''}${below[i] ?? 0}\n`;
      const series = own === '' ? '' : `{${own}}`;
      this.#add(`${text}${bucket}+Inf"} ${count}\n${name}_sum${series} ${numberText(data.sum / kind.scale)}\n${name}_count${series} ${count}\n`);
      if (++rows % ROWS_PER_TURN === 0) yield;
    }
  }

  bytes(): Buffer {
    if (this.#format === 'openmetrics') this.#text += '# EOF\n';
    this.#flush();
    return Buffer.concat(this.#pieces);
  }

  #samples(name: string, samples: Iterable<Sample>): void {
    for (const { labels, more, value } of samples) {
      const own = this.#labelText(labels);
      const text = more === undefined ? own : own === '' ? this.#labelText(more) : `${own},${this.#labelText(more)}`;
      this.#add(text === '' ? `${name} ${numberText(value)}\n` : `${name}{${text}} ${numberText(value)}\n`);
    }
  }

  #add(text: string): void {
    this.#text += text;
    if (this.#text.length >= PIECE) this.#flush();
  }

  #flush(): void {
    this.#pieces.push(Buffer.from(this.#text));
    this.#text = '';
  }

  #head(family: string, type: string, help: string): void {
    // Beside what 0.0.4 wants, OpenMetrics has quotes escaped as in labels.
    const text = help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
    this.#add(`# HELP ${family} ${this.#format === 'openmetrics' ? text.replace(/"/g, '\\"') : text}\n# TYPE ${family} ${type}\n`);
  }

  /** What stands between the labels of a row and the count of a bucket. */
  #boundsOf(kind: HistogramKind): string[] {
    let ends = this.#bounds.get(kind);
    if (ends === undefined) {
      ends = kind.bounds.map((le) => `${this.#format === 'openmetrics' && Number.isInteger(le) ? `${le}.0` : String(le)}"} `);
      this.#bounds.set(kind, ends);
    }
    return ends;
  }

  #labelText(labels: Labels | undefined): string {
    if (labels === undefined) return '';
    let text = this.#labelTexts.get(labels);
    if (text === undefined) {
      text = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"')}"`).join(',');
      this.#labelTexts.set(labels, text);
    }
    return text;
  }
}

/** Without the pauses. */
export function atOnce(work: Generator<void>): void {
  while (work.next().done !== true);
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
