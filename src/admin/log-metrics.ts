import type { MetricsWriter } from '../telemetry/exposition.ts';
import type { ControlView } from '../control/view.ts';

/** Nothing while there is no access log. */
export function writeAccessLog(out: MetricsWriter, { accessLog, stats }: ControlView): void {
  const sinks = accessLog.stats();
  if (sinks.length === 0) return;
  const rows = sinks.map((sink) => ({ labels: { sink: sink.sink }, sink }));
  out.counter('millrace_access_log_lines_total', 'Lines of the access log that were written.', rows.map(({ labels, sink }) => ({ labels, value: sink.lines })));
  out.counter('millrace_access_log_bytes_total', 'Bytes of the access log that were written.', rows.map(({ labels, sink }) => ({ labels, value: sink.bytes })));
  out.counter('millrace_access_log_lines_dropped_total', 'Lines that were lost, because their sink was blocked or failed for too long.', rows.map(({ labels, sink }) => ({ labels, value: sink.dropped })));
  out.counter('millrace_access_log_errors_total', 'Failed attempts to open or write a sink of the access log.', rows.map(({ labels, sink }) => ({ labels, value: sink.errors })));
  out.gauge('millrace_access_log_failing', '1 while a sink of the access log cannot be written.', rows.map(({ labels, sink }) => ({ labels, value: sink.errno === 0 ? 0 : 1 })));
  out.gauge('millrace_access_log_pending_bytes', 'Lines that wait for their sink.', rows.map(({ labels, sink }) => ({ labels, value: sink.pendingBytes })));
  out.gauge('millrace_access_log_waiting_bytes', 'Records that wait for the writer of the access log.', [{ value: accessLog.waitingBytes() }]);
  out.counter('millrace_access_log_records_dropped_total', 'Requests that are in no sink, because the writer of the access log did not keep up.', [{ value: stats.process().recordsDropped }]);
}
