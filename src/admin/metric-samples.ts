/** From rows of numbers to samples of families. Lazily: what is read is written before the next row is looked at. */
import type { HistogramSample, Labels, Sample } from '../telemetry/exposition.ts';
import type { HistogramData } from '../telemetry/histograms.ts';

export interface NumberRow<F extends string> {
  labels: Labels;
  stats: Readonly<Record<F, number>>;
}

/** Fields that make up one family, told apart by a label. */
export type Parts<F extends string> = readonly { more: Labels; field: F }[];

/** `fields`: by the value of the label. */
export function partsOf<F extends string>(label: string, fields: Readonly<Record<string, F>>): Parts<F> {
  return Object.entries(fields).map(([value, field]) => ({ more: { [label]: value }, field }));
}

export const STATUS_CLASSES = partsOf('status_class', {
  '1xx': 'responses1xx',
  '2xx': 'responses2xx',
  '3xx': 'responses3xx',
  '4xx': 'responses4xx',
  '5xx': 'responses5xx',
  none: 'responsesNone',
} as const);

export function* samplesOf<F extends string>(rows: readonly NumberRow<F>[], field: F): Generator<Sample> {
  for (const { labels, stats } of rows) yield { labels, value: stats[field] };
}

export function* samplesBy<F extends string>(rows: readonly NumberRow<F>[], parts: Parts<F>): Generator<Sample> {
  for (const { labels, stats } of rows) {
    for (const { more, field } of parts) yield { labels, more, value: stats[field] };
  }
}

/** Null is what a reload left behind. */
export function* histogramsOf<P extends string>(rows: readonly { labels: Labels; histogram: (phase: P) => HistogramData | null }[], phase: P): Generator<HistogramSample> {
  for (const { labels, histogram } of rows) {
    const data = histogram(phase);
    if (data !== null) yield { labels, data };
  }
}
