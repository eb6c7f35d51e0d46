/** Families of clusters and endpoints; what failover does is in failover-metrics.ts. */
import { UPSTREAM_ERROR } from '../binding/abi.ts';
import type { MetricsWriter, Sample } from '../telemetry/exposition.ts';
import { DURATION } from '../telemetry/histograms.ts';
import type { ClusterRow, EndpointRow } from './metric-rows.ts';
import { STATUS_CLASSES, histogramsOf, partsOf, samplesBy, samplesOf } from './metric-samples.ts';

const CONNECTION_STATES = partsOf('state', { active: 'connectionsActive', idle: 'connectionsIdle' } as const);
const ERRORS = UPSTREAM_ERROR.map((reason) => ({ more: { reason }, field: `error:${reason}` as const }));

export function* writeClusters(out: MetricsWriter, rows: readonly ClusterRow[]): Generator<void> {
  out.counter('millrace_requests_total', 'Requests forwarded to a cluster, by class of the status that was answered.', samplesBy(rows, STATUS_CLASSES));
  yield;
  out.gauge('millrace_active_requests', 'Requests in flight.', samplesOf(rows, 'active'));
  yield;
  yield* out.histogramInTurns('millrace_request_duration_seconds', 'Time from the head of a request to the end of its answer.', DURATION, histogramsOf(rows, 'duration'));
  yield* out.histogramInTurns('millrace_upstream_connect_duration_seconds', 'Time to open an upstream connection, TLS included.', DURATION, histogramsOf(rows, 'connect'));
  yield* out.histogramInTurns('millrace_upstream_first_byte_duration_seconds', 'Time from the request sent upstream to the first byte of the answer.', DURATION, histogramsOf(rows, 'firstByte'));
  yield* out.histogramInTurns('millrace_upstream_request_duration_seconds', 'Time from the request sent upstream to the end of the answer.', DURATION, histogramsOf(rows, 'upstream'));
  yield* out.histogramInTurns('millrace_upstream_queue_duration_seconds', 'Time that requests waited for a connection or an endpoint, of those that had to.', DURATION, histogramsOf(rows, 'queue'));
  out.gauge('millrace_upstream_connections', 'Open upstream connections: active carry a request, idle wait in the pool.', samplesBy(rows, CONNECTION_STATES));
  yield;
  out.counter('millrace_upstream_connections_opened_total', 'Upstream connections opened.', samplesOf(rows, 'connectionsOpened'));
  yield;
  out.counter('millrace_upstream_connect_failures_total', 'Upstream connections that could not be opened.', samplesOf(rows, 'connectFailures'));
  yield;
  out.gauge('millrace_upstream_pending_requests', 'Requests that wait for an upstream connection.', samplesOf(rows, 'pending'));
  yield;
  out.counter('millrace_upstream_pending_overflow_total', 'Requests refused because too many were waiting already.', samplesOf(rows, 'pendingOverflow'));
  yield;
  out.gauge('millrace_upstream_queued_requests', 'Requests that wait because every endpoint is at its maxRequests.', samplesOf(rows, 'queued'));
  yield;
  out.counter('millrace_upstream_queued_total', 'Requests that had to wait because every endpoint was at its maxRequests.', samplesOf(rows, 'queuedTotal'));
  yield;
  out.counter('millrace_upstream_queue_overflow_total', 'Requests refused because that queue was full.', samplesOf(rows, 'queueOverflow'));
  yield;
  out.counter('millrace_upstream_queue_timeouts_total', 'Requests refused because they waited in that queue for too long.', samplesOf(rows, 'queueTimeouts'));
  yield;
  out.counter('millrace_upstream_panic_picks_total', 'Requests sent without regard to health, because too few endpoints are healthy.', samplesOf(rows, 'panicPicks'));
  yield;
  out.counter('millrace_upstream_hash_overflow_total', 'Requests sent to another endpoint than their hash says, because that one has more than its share.', samplesOf(rows, 'hashOverflow'));
  yield;
  out.counter('millrace_upstream_retries_total', 'Attempts after the first.', samplesOf(rows, 'retries'));
  yield;
  out.counter('millrace_upstream_timeouts_total', 'Requests that the upstream did not answer in time.', samplesOf(rows, 'timeouts'));
  yield;
  // Only reasons that have occurred: all of them would be most of the page.
  out.counter('millrace_upstream_protocol_errors_total', 'Upstream answers that were not valid HTTP, by what was wrong.', protocolErrors(rows));
  yield;
  out.counter('millrace_upstream_sent_bytes_total', 'Bytes sent to upstreams.', samplesOf(rows, 'bytesSent'));
  yield;
  out.counter('millrace_upstream_received_bytes_total', 'Bytes received from upstreams.', samplesOf(rows, 'bytesReceived'));
  yield;
}

/** Only reasons that have occurred: all of them would be most of the page. */
function* protocolErrors(rows: readonly ClusterRow[]): Generator<Sample> {
  for (const { labels, stats } of rows) {
    for (const { more, field } of ERRORS) {
      if (stats[field] !== 0) yield { labels, more, value: stats[field] };
    }
  }
}

export function* writeEndpoints(out: MetricsWriter, rows: readonly EndpointRow[]): Generator<void> {
  out.counter('millrace_endpoint_requests_total', 'Requests sent to an endpoint, retries included.', samplesOf(rows, 'requests'));
  yield;
  out.gauge('millrace_endpoint_active_requests', 'Requests in flight to an endpoint.', samplesOf(rows, 'active'));
  yield;
  out.gauge('millrace_endpoint_connections', 'Open connections to an endpoint.', samplesOf(rows, 'connections'));
  yield;
  out.counter('millrace_endpoint_connect_failures_total', 'Connections to an endpoint that could not be opened.', samplesOf(rows, 'connectFailures'));
  yield;
  out.gauge('millrace_endpoint_latency_seconds', 'Latency of an endpoint as its balancer sees it now; 0 when it was not measured.', rows.map(({ labels, stats }) => ({ labels, value: stats.latencyUs / 1e6 })));
  yield;
  out.counter('millrace_endpoint_5xx_total', 'Answers of an endpoint with a status of 500 or more.', samplesOf(rows, 'responses5xx'));
  yield;
  out.gauge('millrace_endpoint_weight', 'Weight of an endpoint among those of its cluster; 0 takes no requests.', rows.map(({ labels, weight }) => ({ labels, value: weight })));
  out.gauge('millrace_endpoint_draining', 'Whether an endpoint takes no new requests because of its `drain`.', rows.map(({ labels, drain }) => ({ labels, value: drain ? 1 : 0 })));
}

export function* writeEndpointHistograms(out: MetricsWriter, rows: readonly EndpointRow[]): Generator<void> {
  yield* out.histogramInTurns('millrace_endpoint_connect_duration_seconds', 'Time to open a connection to an endpoint, TLS included.', DURATION, histogramsOf(rows, 'connect'));
  yield* out.histogramInTurns('millrace_endpoint_first_byte_duration_seconds', 'Time from the request sent to an endpoint to the first byte of the answer.', DURATION, histogramsOf(rows, 'firstByte'));
  yield* out.histogramInTurns('millrace_endpoint_request_duration_seconds', 'Time from the request sent to an endpoint to the end of the answer.', DURATION, histogramsOf(rows, 'upstream'));
}

