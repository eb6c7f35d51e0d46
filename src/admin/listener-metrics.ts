/** Families of listeners: every request that came in there, whatever became of it. */
import { RESPONSE_FLAG } from '../binding/abi.ts';
import type { ListenerPhase, ListenerStats } from '../control/stats.ts';
import type { ControlView } from '../control/view.ts';
import type { MetricsWriter } from '../telemetry/exposition.ts';
import { DURATION, type HistogramData } from '../telemetry/histograms.ts';
import { STATUS_CLASSES, histogramsOf, samplesBy, samplesOf } from './metric-samples.ts';

interface ListenerRow {
  labels: { listener: string };
  stats: ListenerStats;
  histogram: (phase: ListenerPhase) => HistogramData | null;
}

const FLAGS = RESPONSE_FLAG.map((flag) => ({ more: { flag }, field: `flag:${flag}` as const }));

export function* writeListeners(out: MetricsWriter, { running, stats }: ControlView): Generator<void> {
  const listeners = running?.config.listeners ?? [];
  const version = running?.version ?? 0;
  const rows = listeners.flatMap(({ name }, index): ListenerRow[] => {
    const counted = stats.listener(version, index);
    return counted === null ? [] : [{ labels: { listener: name }, stats: counted, histogram: (phase) => stats.listenerHistogram(version, index, phase) }];
  });
  out.counter('millrace_listener_requests_total', 'Requests that came in at a listener, refused ones among them.', samplesOf(rows, 'requests'));
  out.gauge('millrace_listener_active_requests', 'Requests of a listener in flight.', samplesOf(rows, 'active'));
  out.counter('millrace_listener_responses_total', 'Answers of a listener, by class of the status; none: the client was cut off, or had left.', samplesBy(rows, STATUS_CLASSES));
  out.counter('millrace_listener_outcomes_total', 'Requests of a listener by response flag: why an answer is not simply the upstream\'s; "none" when it is.', samplesBy(rows, FLAGS));
  out.gauge('millrace_listener_connections', 'Open connections of a listener.', samplesOf(rows, 'connections'));
  out.counter('millrace_listener_connections_opened_total', 'Connections that a listener accepted.', samplesOf(rows, 'connectionsTotal'));
  out.counter('millrace_listener_received_bytes_total', 'Bytes of request bodies that a listener received.', samplesOf(rows, 'bytesReceived'));
  out.counter('millrace_listener_sent_bytes_total', 'Bytes of answers that a listener sent, heads included.', samplesOf(rows, 'bytesSent'));
  yield;
  yield* out.histogramInTurns('millrace_listener_duration_seconds', 'Time from the head of a request to the end of its answer.', DURATION, histogramsOf(rows, 'duration'));
  const certificates = listeners.flatMap(({ name, tls }) => (tls?.certificates ?? []).map(({ hosts, notAfterMs }) => ({ labels: { listener: name, hosts: hosts.join(',') }, value: notAfterMs / 1000 })));
  if (certificates.length > 0) out.gauge('millrace_certificate_not_after_timestamp_seconds', 'When a certificate of a listener ends to be valid.', certificates);
}
