import { DOWNSTREAM_ERROR, RESPONSE_FLAG, UPSTREAM_ERROR } from '../binding/abi.ts';
import type { ClusterStats, EndpointStats, RoutePhase, RouteStats } from '../control/stats.ts';
import type { HistogramData } from '../telemetry/histograms.ts';
import type { ControlView } from '../control/view.ts';
import type { AdminCounters } from './admin-counters.ts';
import { Exposition, type ExpositionFormat, type HistogramSample, type Labels, type MetricsWriter, type Sample } from '../telemetry/exposition.ts';
import { writeClusterFailover, writeEndpointFailover } from './failover-metrics.ts';
import { DURATION, SIZE } from '../telemetry/histograms.ts';
import { readRows, type ClusterRow, type EndpointRow } from './metric-rows.ts';
import type { MetricsFormat } from '../telemetry/negotiate.ts';
import { ProtobufExposition } from '../telemetry/protobuf-exposition.ts';
import { writeHealthChecks } from './health-metrics.ts';
import { routeNames } from './names.ts';
import { writeProcessMetrics } from './process-metrics.ts';
import { writeRateLimits } from './rate-metrics.ts';

const STATUS_CLASSES = {
  '1xx': 'responses1xx',
  '2xx': 'responses2xx',
  '3xx': 'responses3xx',
  '4xx': 'responses4xx',
  '5xx': 'responses5xx',
  none: 'responsesNone',
} as const satisfies Record<string, keyof ClusterStats>;

interface RouteRow {
  labels: { route_table: string; route: string };
  stats: RouteStats;
  histogram: (phase: RoutePhase) => HistogramData | null;
}

/** What takes many series. */
export interface MetricsOptions {
  /** Histograms of every endpoint: default no. */
  endpoints: boolean;
  /** Routes that have taken a request, with histograms: only while there are no more of them than this. */
  mostRoutes: number;
  /** What the admin endpoint counts of itself. */
  admin?: AdminCounters;
}

/** A route takes some 60 lines. */
export const MOST_ROUTES = { unasked: 1_000, asked: 10_000 } as const;
const DEFAULTS: MetricsOptions = { endpoints: false, mostRoutes: MOST_ROUTES.unasked };

export function metrics(view: ControlView, format: MetricsFormat, options: MetricsOptions): string | Uint8Array {
  if (format !== 'protobuf') return metricsText(view, format, options);
  const out = new ProtobufExposition();
  writeMetrics(out, view, options);
  return out.bytes();
}

export function metricsText(view: ControlView, format: ExpositionFormat, options = DEFAULTS): string {
  const out = new Exposition(format);
  writeMetrics(out, view, options);
  return out.text();
}

function writeMetrics(out: MetricsWriter, view: ControlView, { endpoints: withEndpoints, mostRoutes, admin }: MetricsOptions): void {
  const { clusters, endpoints } = readRows(view);
  writeClusters(out, clusters);
  writeClusterFailover(out, clusters);
  writeEndpoints(out, endpoints);
  writeHealthChecks(out, view);
  writeEndpointFailover(out, endpoints);
  if (withEndpoints) writeEndpointHistograms(out, endpoints);
  writeRoutes(out, view, mostRoutes);
  writeRateLimits(out, view);
  writeDownstream(out, view);
  writeControl(out, view);
  admin?.write(out);
  writeProcessMetrics(out);
}

function writeClusters(out: MetricsWriter, rows: readonly ClusterRow[]): void {
  const of = (field: keyof ClusterStats): Sample[] => rows.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  out.counter('millrace_requests_total', 'Requests forwarded to a cluster, by class of the status that was answered.', rows.flatMap(({ labels, stats }) =>
    Object.entries(STATUS_CLASSES).map(([status_class, field]) => ({ labels: { ...labels, status_class }, value: stats[field] })),
  ));
  out.gauge('millrace_active_requests', 'Requests in flight.', of('active'));
  out.histogram('millrace_request_duration_seconds', 'Time from the head of a request to the end of its answer.', DURATION, histogramsOf(rows, 'duration'));
  out.histogram('millrace_upstream_connect_duration_seconds', 'Time to open an upstream connection, TLS included.', DURATION, histogramsOf(rows, 'connect'));
  out.histogram('millrace_upstream_first_byte_duration_seconds', 'Time from the request sent upstream to the first byte of the answer.', DURATION, histogramsOf(rows, 'firstByte'));
  out.histogram('millrace_upstream_request_duration_seconds', 'Time from the request sent upstream to the end of the answer.', DURATION, histogramsOf(rows, 'upstream'));
  out.histogram('millrace_upstream_queue_duration_seconds', 'Time that requests waited for a connection or an endpoint, of those that had to.', DURATION, histogramsOf(rows, 'queue'));
  out.gauge('millrace_upstream_connections', 'Open upstream connections: active carry a request, idle wait in the pool.', rows.flatMap(({ labels, stats }) => [
    { labels: { ...labels, state: 'active' }, value: stats.connectionsActive },
    { labels: { ...labels, state: 'idle' }, value: stats.connectionsIdle },
  ]));
  out.counter('millrace_upstream_connections_opened_total', 'Upstream connections opened.', of('connectionsOpened'));
  out.counter('millrace_upstream_connect_failures_total', 'Upstream connections that could not be opened.', of('connectFailures'));
  out.gauge('millrace_upstream_pending_requests', 'Requests that wait for an upstream connection.', of('pending'));
  out.counter('millrace_upstream_pending_overflow_total', 'Requests refused because too many were waiting already.', of('pendingOverflow'));
  out.gauge('millrace_upstream_queued_requests', 'Requests that wait because every endpoint is at its maxRequests.', of('queued'));
  out.counter('millrace_upstream_queued_total', 'Requests that had to wait because every endpoint was at its maxRequests.', of('queuedTotal'));
  out.counter('millrace_upstream_queue_overflow_total', 'Requests refused because that queue was full.', of('queueOverflow'));
  out.counter('millrace_upstream_queue_timeouts_total', 'Requests refused because they waited in that queue for too long.', of('queueTimeouts'));
  out.counter('millrace_upstream_panic_picks_total', 'Requests sent without regard to health, because too few endpoints are healthy.', of('panicPicks'));
  out.counter('millrace_upstream_hash_overflow_total', 'Requests sent to another endpoint than their hash says, because that one has more than its share.', of('hashOverflow'));
  out.counter('millrace_upstream_retries_total', 'Attempts after the first.', of('retries'));
  out.counter('millrace_upstream_timeouts_total', 'Requests that the upstream did not answer in time.', of('timeouts'));
  // Only reasons that have occurred: all of them would be most of the page.
  out.counter('millrace_upstream_protocol_errors_total', 'Upstream answers that were not valid HTTP, by what was wrong.', rows.flatMap(({ labels, stats }) =>
    UPSTREAM_ERROR.filter((reason) => stats[`error:${reason}`] !== 0).map((reason) => ({ labels: { ...labels, reason }, value: stats[`error:${reason}`] })),
  ));
  out.counter('millrace_upstream_sent_bytes_total', 'Bytes sent to upstreams.', of('bytesSent'));
  out.counter('millrace_upstream_received_bytes_total', 'Bytes received from upstreams.', of('bytesReceived'));
}

function writeEndpoints(out: MetricsWriter, rows: readonly EndpointRow[]): void {
  const of = (field: keyof EndpointStats): Sample[] => rows.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  out.counter('millrace_endpoint_requests_total', 'Requests sent to an endpoint, retries included.', of('requests'));
  out.gauge('millrace_endpoint_active_requests', 'Requests in flight to an endpoint.', of('active'));
  out.gauge('millrace_endpoint_connections', 'Open connections to an endpoint.', of('connections'));
  out.counter('millrace_endpoint_connect_failures_total', 'Connections to an endpoint that could not be opened.', of('connectFailures'));
  out.gauge('millrace_endpoint_latency_seconds', 'Latency of an endpoint as its balancer sees it now; 0 when it was not measured.', rows.map(({ labels, stats }) => ({ labels, value: stats.latencyUs / 1e6 })));
  out.counter('millrace_endpoint_5xx_total', 'Answers of an endpoint with a status of 500 or more.', of('responses5xx'));
}

function writeEndpointHistograms(out: MetricsWriter, rows: readonly EndpointRow[]): void {
  out.histogram('millrace_endpoint_connect_duration_seconds', 'Time to open a connection to an endpoint, TLS included.', DURATION, histogramsOf(rows, 'connect'));
  out.histogram('millrace_endpoint_first_byte_duration_seconds', 'Time from the request sent to an endpoint to the first byte of the answer.', DURATION, histogramsOf(rows, 'firstByte'));
  out.histogram('millrace_endpoint_request_duration_seconds', 'Time from the request sent to an endpoint to the end of the answer.', DURATION, histogramsOf(rows, 'upstream'));
}

/** All of them or none: a part would be an arbitrary one. The gauges tell which. */
function writeRoutes(out: MetricsWriter, view: ControlView, most: number): void {
  const used = view.running === null ? new Uint32Array() : view.stats.usedRoutes(view.running.version);
  const exported = used.length <= most;
  out.gauge('millrace_routes_used', 'Routes that have taken a request.', [{ value: used.length }]);
  out.gauge('millrace_routes_exported', 'Routes that have series of their own here: all that were used, or none when they are too many.', [{ value: exported ? used.length : 0 }]);
  if (exported && most > 0) writeRouteRows(out, readRoutes(view, used));
}

function readRoutes({ running, stats }: ControlView, used: Uint32Array): RouteRow[] {
  if (running === null) return [];
  const names = routeNames(running.config);
  return Array.from(used).flatMap((index): RouteRow[] => {
    const name = names[index];
    const routeStats = stats.route(running.version, index);
    if (name === undefined || routeStats === null) return [];
    return [{ labels: { route_table: name.table, route: name.route }, stats: routeStats, histogram: (phase) => stats.routeHistogram(running.version, index, phase) }];
  });
}

function writeRouteRows(out: MetricsWriter, rows: readonly RouteRow[]): void {
  const of = (field: keyof RouteStats): Sample[] => rows.map(({ labels, stats }) => ({ labels, value: stats[field] }));
  out.counter('millrace_route_requests_total', 'Requests that a route took.', of('requests'));
  out.counter('millrace_route_responses_total', 'Answers of a route, by class of the status.', rows.flatMap(({ labels, stats }) =>
    Object.entries(STATUS_CLASSES).map(([status_class, field]) => ({ labels: { ...labels, status_class }, value: stats[field] })),
  ));
  out.counter('millrace_route_retries_total', 'Attempts after the first.', of('retries'));
  out.counter('millrace_route_timeouts_total', 'Requests that were not answered in time.', of('timeouts'));
  out.counter('millrace_route_rate_limited_total', 'Requests refused by a rate limit.', of('rateLimited'));
  out.histogram('millrace_route_duration_seconds', 'Time from the head of a request to the end of its answer.', DURATION, histogramsOf(rows, 'duration'));
  out.histogram('millrace_route_request_body_bytes', 'Bodies of requests.', SIZE, histogramsOf(rows, 'requestBytes'));
  out.histogram('millrace_route_response_body_bytes', 'Bodies of answers.', SIZE, histogramsOf(rows, 'responseBytes'));
}

/** Null is what a reload left behind. */
function histogramsOf<P extends string>(rows: readonly { labels: Labels; histogram: (phase: P) => HistogramData | null }[], phase: P): HistogramSample[] {
  return rows.flatMap(({ labels, histogram }): HistogramSample[] => {
    const data = histogram(phase);
    return data === null ? [] : [{ labels, data }];
  });
}

function writeDownstream(out: MetricsWriter, view: ControlView): void {
  const stats = view.stats.process();
  out.gauge('millrace_downstream_connections', 'Open downstream connections.', [{ value: stats.downstreamConnections }]);
  out.counter('millrace_downstream_connections_opened_total', 'Downstream connections accepted.', [{ value: stats.downstreamConnectionsTotal }]);
  out.counter('millrace_downstream_requests_total', 'Requests received.', [{ value: stats.downstreamRequests }]);
  out.counter('millrace_downstream_received_bytes_total', 'Bytes of requests received.', [{ value: stats.downstreamBytesReceived }]);
  out.counter('millrace_downstream_sent_bytes_total', 'Bytes of answers sent.', [{ value: stats.downstreamBytesSent }]);
  out.gauge('millrace_websockets', 'Open WebSocket connections.', [{ value: stats.webSockets }]);
  out.counter('millrace_websockets_opened_total', 'WebSocket handshakes that an upstream accepted.', [{ value: stats.webSocketsTotal }]);
  out.counter('millrace_websocket_messages_total', 'WebSocket messages and pings passed on, by whose they are.', [
    { labels: { from: 'downstream' }, value: stats.webSocketMessagesReceived },
    { labels: { from: 'upstream' }, value: stats.webSocketMessagesSent },
  ]);
  out.counter('millrace_request_outcomes_total', 'Requests by response flag: why an answer is not simply the upstream\'s; "none" when it is.', RESPONSE_FLAG.map((flag) => ({
    labels: { flag }, value: stats[`flag:${flag}`],
  })));
  out.counter('millrace_downstream_protocol_errors_total', 'Requests refused for what they are, by reason; none of them was sent upstream.', DOWNSTREAM_ERROR.slice(1).map((reason) => ({
    labels: { reason }, value: stats[`downstreamError:${reason}`],
  })));
  out.counter('millrace_faults_injected_total', 'Requests with a fault injected on purpose.', [
    { labels: { fault: 'abort' }, value: stats.faultsAborted },
    { labels: { fault: 'delay' }, value: stats.faultsDelayed },
  ]);
  out.counter('millrace_log_incidents_dropped_total', 'Refusals and protocol errors without a line in the log, because too many came at once.', [{ value: stats.incidentsDropped }]);
}

function writeControl(out: MetricsWriter, view: ControlView): void {
  const { reloads, running, workers } = view;
  out.gauge('millrace_ready', 'Whether traffic should be sent here.', [{ value: view.readiness().ready ? 1 : 0 }]);
  out.gauge('millrace_config_version', 'Number of the configuration image in service.', [{ value: running?.version ?? 0 }]);
  out.gauge('millrace_config_last_reload_success', 'Whether the configuration on the disk, as last seen, is the one in service.', [{ value: reloads.lastReloadSuccess ? 1 : 0 }]);
  out.gauge('millrace_config_loaded_timestamp_seconds', 'When the configuration in service was loaded.', [{ value: (running?.loadedAtMs ?? 0) / 1000 }]);
  out.counter('millrace_config_reloads_total', 'Reloads that changed the configuration, or were refused.', [
    { labels: { result: 'ok' }, value: reloads.ok },
    { labels: { result: 'failed' }, value: reloads.failed },
  ]);
  const states = ['starting', 'running', 'stopping', 'exited'] as const;
  out.gauge('millrace_workers', 'Worker threads by state.', states.map((state) => ({ labels: { state }, value: workers.filter((worker) => worker.state === state).length })));
  out.counter('millrace_worker_restarts_total', 'Workers replaced after they died.', [{ value: workers.reduce((sum, { restarts }) => sum + restarts, 0) }]);
}
