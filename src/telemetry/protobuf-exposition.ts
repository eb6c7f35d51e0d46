/**
 * Writes metrics in the protobuf format of Prometheus: the one that carries native histograms (Prometheus asks for it with
 * `--enable-feature=native-histograms`). A stream of MetricFamily messages, each after its length. Field numbers are those of
 * https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
 */
import type { HistogramSample, Labels, MetricsWriter, Sample } from './exposition.ts';
import { classicBuckets, nativeBuckets, type HistogramKind } from './histograms.ts';
import { ProtobufMessage } from './protobuf.ts';

export const PROTOBUF_CONTENT_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const FAMILY = { name: 1, help: 2, type: 3, metric: 4 };
const TYPE = { counter: 0, gauge: 1, histogram: 4 };
const METRIC = { label: 1, gauge: 2, counter: 3, histogram: 7 };
const LABEL = { name: 1, value: 2 };
const NUMBER = { value: 1 };
const HISTOGRAM = { sampleCount: 1, sampleSum: 2, bucket: 3, schema: 5, zeroThreshold: 6, zeroCount: 7, positiveSpan: 12, positiveDelta: 13 };
const BUCKET = { cumulativeCount: 1, upperBound: 2 };
const SPAN = { offset: 1, length: 2 };

export class ProtobufExposition implements MetricsWriter {
  readonly #stream = new ProtobufMessage();

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#family(name, help, TYPE.counter, samples.map(({ labels, value }) => metric(labels).message(METRIC.counter, new ProtobufMessage().double(NUMBER.value, value))));
  }

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#family(name, help, TYPE.gauge, samples.map(({ labels, value }) => metric(labels).message(METRIC.gauge, new ProtobufMessage().double(NUMBER.value, value))));
  }

  /** Both forms in one: a scraper that knows native histograms takes that one. */
  histogram(name: string, help: string, kind: HistogramKind, samples: readonly HistogramSample[]): void {
    this.#family(name, help, TYPE.histogram, samples.map(({ labels, data }) => metric(labels).message(METRIC.histogram, histogram(data, kind))));
  }

  bytes(): Buffer {
    return this.#stream.bytes();
  }

  #family(name: string, help: string, type: number, metrics: readonly ProtobufMessage[]): void {
    // A family without metrics is refused by some readers, and says nothing.
    if (metrics.length === 0) return;
    const family = new ProtobufMessage().string(FAMILY.name, name).string(FAMILY.help, help).uint(FAMILY.type, type);
    for (const message of metrics) family.message(FAMILY.metric, message);
    this.#stream.delimited(family);
  }
}

function metric(labels: Labels = {}): ProtobufMessage {
  const message = new ProtobufMessage();
  for (const [name, value] of Object.entries(labels)) message.message(METRIC.label, new ProtobufMessage().string(LABEL.name, name).string(LABEL.value, value));
  return message;
}

function histogram(data: HistogramSample['data'], kind: HistogramKind): ProtobufMessage {
  const message = new ProtobufMessage().uint(HISTOGRAM.sampleCount, data.count).double(HISTOGRAM.sampleSum, data.sum / kind.scale);
  for (const { le, count } of [...classicBuckets(data, kind), { le: Infinity, count: data.count }]) {
    message.message(HISTOGRAM.bucket, new ProtobufMessage().uint(BUCKET.cumulativeCount, count).double(BUCKET.upperBound, le));
  }
  const { schema, zeroThreshold, zeroCount, spans, deltas } = nativeBuckets(data, kind);
  message.sint(HISTOGRAM.schema, schema).double(HISTOGRAM.zeroThreshold, zeroThreshold).uint(HISTOGRAM.zeroCount, zeroCount);
  for (const { offset, length } of spans) message.message(HISTOGRAM.positiveSpan, new ProtobufMessage().sint(SPAN.offset, offset).uint(SPAN.length, length));
  for (const delta of deltas) message.sint(HISTOGRAM.positiveDelta, delta);
  return message;
}
