import type { ControlView } from '../control/view.ts';
import type { MetricsWriter } from '../telemetry/exposition.ts';

export function writeTracing(out: MetricsWriter, view: ControlView): void {
  const { exported, dropped, failures, waiting } = view.tracing;
  out.counter('millrace_tracing_spans_exported_total', 'Spans that the receiver took.', [{ value: exported }]);
  out.counter('millrace_tracing_spans_dropped_total', 'Spans that were lost: backlog = more came than could be sent, export = the receiver did not take them.', [
    { labels: { reason: 'backlog' }, value: view.stats.process().spansDropped },
    { labels: { reason: 'export' }, value: dropped },
  ]);
  out.counter('millrace_tracing_export_failures_total', 'Batches of spans that the receiver did not take, or not in time.', [{ value: failures }]);
  out.gauge('millrace_tracing_spans_waiting', 'Spans that wait to be sent.', [{ value: waiting }]);
}
