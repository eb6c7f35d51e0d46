/**
 * Writes metrics in the protobuf format of Prometheus: the one that carries native histograms (Prometheus asks for it with
 * `--enable-feature=native-histograms`). A stream of MetricFamily messages, each after its length. Field numbers are those of
 * https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */
import { atOnce, type HistogramSample, type Labels, type MetricsWriter, type Sample } from './exposition.ts';
import { classicCounts, nativeBuckets, type HistogramData, type HistogramKind } from './histograms.ts';
import { ProtobufMessage, lengthOf } from './protobuf.ts';

export const PROTOBUF_CONTENT_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const FAMILY = { name: 1, help: 2, type: 3, metric: 4 };
const TYPE = { counter: 0, gauge: 1, histogram: 4 };
const METRIC = { label: 1, gauge: 2, counter: 3, histogram: 7 };
const LABEL = { name: 1, value: 2 };
const NUMBER = { value: 1 };
const HISTOGRAM = { sampleCount: 1, sampleSum: 2, bucket: 3, schema: 5, zeroThreshold: 6, zeroCount: 7, positiveSpan: 12, positiveDelta: 13 };
const BUCKET = { cumulativeCount: 1, upperBound: 2 };
const SPAN = { offset: 1, length: 2 };
/** Rows between two pauses: some 100 us of histograms. */
const ROWS_PER_TURN = 8;

export class ProtobufExposition implements MetricsWriter {
  /** Families, each behind its length. */
  readonly #pieces: Buffer[] = [];
  readonly #labels = new WeakMap<Labels, ProtobufMessage>();
  // Reused for each row.
  readonly #metric = new ProtobufMessage();
  readonly #histogram = new ProtobufMessage();

  counter(name: string, help: string, samples: Iterable<Sample>): void {
    this.#numbers(name, help, TYPE.counter, METRIC.counter, samples);
  }

  gauge(name: string, help: string, samples: Iterable<Sample>): void {
    this.#numbers(name, help, TYPE.gauge, METRIC.gauge, samples);
  }

  histogram(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): void {
    atOnce(this.histogramInTurns(name, help, kind, samples));
  }

  /** Both forms in one: a scraper that knows native histograms takes that one. */
  *histogramInTurns(name: string, help: string, kind: HistogramKind, samples: Iterable<HistogramSample>): Generator<void> {
    const family = this.#begin(name, help, TYPE.histogram);
    let rows = 0;
    for (const { labels, data } of samples) {
      const metric = this.#metric.clear();
      this.#writeLabels(metric, labels);
      family.message(FAMILY.metric, metric.message(METRIC.histogram, writeHistogram(this.#histogram.clear(), data, kind)));
      if (++rows % ROWS_PER_TURN === 0) yield;
    }
    this.#end(family, rows);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  #numbers(name: string, help: string, type: number, field: number, samples: Iterable<Sample>): void {
    const family = this.#begin(name, help, type);
    let rows = 0;
    for (const { labels, more, value } of samples) {
      const metric = this.#metric.clear();
      this.#writeLabels(metric, labels);
      this.#writeLabels(metric, more);
      family.message(FAMILY.metric, metric.nested(field, lengthOf.double).double(NUMBER.value, value));
      rows++;
    }
    this.#end(family, rows);
  }

  #begin(name: string, help: string, type: number): ProtobufMessage {
    return new ProtobufMessage().string(FAMILY.name, name).string(FAMILY.help, help).uint(FAMILY.type, type);
  }

  /** A family without metrics is refused by some readers, and says nothing. */
  #end(family: ProtobufMessage, rows: number): void {
    if (rows !== 0) this.#pieces.push(new ProtobufMessage().varint(family.length).bytes(), family.bytes());
  }

  #writeLabels(metric: ProtobufMessage, labels: Labels | undefined): void {
    if (labels === undefined) return;
    let written = this.#labels.get(labels);
    if (written === undefined) {
      written = new ProtobufMessage();
      const pair = new ProtobufMessage();
      for (const [name, value] of Object.entries(labels)) written.message(METRIC.label, pair.clear().string(LABEL.name, name).string(LABEL.value, value));
      this.#labels.set(labels, written);
    }
    metric.append(written);
  }
}

function writeHistogram(message: ProtobufMessage, data: HistogramData, kind: HistogramKind): ProtobufMessage {
  message.uint(HISTOGRAM.sampleCount, data.count).double(HISTOGRAM.sampleSum, data.sum / kind.scale);
  const below = new Float64Array(kind.bounds.length);
  classicCounts(data, kind, below);
  for (const [i, le] of kind.bounds.entries()) writeBucket(message, below[i] ?? 0, le);
  writeBucket(message, data.count, Infinity);
  const { schema, zeroThreshold, zeroCount, spans, deltas } = nativeBuckets(data, kind);
  message.sint(HISTOGRAM.schema, schema).double(HISTOGRAM.zeroThreshold, zeroThreshold).uint(HISTOGRAM.zeroCount, zeroCount);
  for (const { offset, length } of spans) {
    message.nested(HISTOGRAM.positiveSpan, lengthOf.sint(offset) + lengthOf.uint(length)).sint(SPAN.offset, offset).uint(SPAN.length, length);
  }
  for (const delta of deltas) message.sint(HISTOGRAM.positiveDelta, delta);
  return message;
}

function writeBucket(message: ProtobufMessage, count: number, le: number): void {
  message.nested(HISTOGRAM.bucket, lengthOf.uint(count) + lengthOf.double).uint(BUCKET.cumulativeCount, count).double(BUCKET.upperBound, le);
}
