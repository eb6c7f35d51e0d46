/** The page of metrics: which families there are, and in which order. */
import { DOWNSTREAM_ERROR, RESPONSE_FLAG } from '../binding/abi.ts';
import type { ControlView } from '../control/view.ts';
import { systemClock } from '../core/clock.ts';
import { Turns } from '../core/turns.ts';
import { Exposition, atOnce, type ExpositionFormat, type MetricsWriter } from '../telemetry/exposition.ts';
import type { MetricsFormat } from '../telemetry/negotiate.ts';
import { ProtobufExposition } from '../telemetry/protobuf-exposition.ts';
import type { AdminCounters } from './admin-counters.ts';
import { writeClusterFailover, writeEndpointFailover } from './failover-metrics.ts';
import { writeHealthChecks } from './health-metrics.ts';
import { writeListeners } from './listener-metrics.ts';
import { writeAccessLog } from './log-metrics.ts';
import { readRows } from './metric-rows.ts';
import { writeProcessMetrics } from './process-metrics.ts';
import { writeRateLimits } from './rate-metrics.ts';
import { writeRoutes } from './route-metrics.ts';
import { writeClusters, writeEndpointHistograms, writeEndpoints } from './upstream-metrics.ts';
import { writeTracing } from './tracing-metrics.ts';

/** Nothing else on the main thread waits longer for the page. */
const TURN_MS = 4;
/** The newest configuration is shown, unless they come so fast that none lasts for the time of a page. */
const ATTEMPTS = 3;

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

/** The page, made in turns; a configuration that comes into service meanwhile has it begun anew, as the numbers of the old one are gone. */
export async function metrics(view: ControlView, format: MetricsFormat, options: MetricsOptions): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    const { running } = view;
    const out = format === 'protobuf' ? new ProtobufExposition() : new Exposition(format);
    const turns = new Turns(systemClock, TURN_MS);
    const work = writeMetrics(out, view, options);
    while (work.next().done !== true) {
      await turns.pause();
      if (view.running !== running && attempt < ATTEMPTS) break;
    }
    if (view.running === running || attempt === ATTEMPTS) return out.bytes();
  }
}

/** Without pauses. */
export function metricsText(view: ControlView, format: ExpositionFormat, options = DEFAULTS): string {
  const out = new Exposition(format);
  atOnce(writeMetrics(out, view, options));
  return out.bytes().toString();
}

/** A yield is where others may have their turn. */
export function* writeMetrics(out: MetricsWriter, view: ControlView, { endpoints: withEndpoints, mostRoutes, admin }: MetricsOptions): Generator<void> {
  yield* writeListeners(out, view);
  const { clusters, endpoints } = yield* readRows(view);
  yield* writeClusters(out, clusters);
  writeClusterFailover(out, clusters);
  yield;
  yield* writeEndpoints(out, endpoints);
  writeHealthChecks(out, view);
  yield;
  yield* writeEndpointFailover(out, endpoints);
  if (withEndpoints) yield* writeEndpointHistograms(out, endpoints);
  yield* writeRoutes(out, view, mostRoutes);
  writeRateLimits(out, view);
  writeAccessLog(out, view);
  writeDownstream(out, view);
  writeTracing(out, view);
  writeControl(out, view);
  writeProcessMetrics(out);
  admin?.write(out);
}

function writeDownstream(out: MetricsWriter, view: ControlView): void {
  const stats = view.stats.process();
  out.gauge('millrace_downstream_connections', 'Open downstream connections.', [{ value: stats.downstreamConnections }]);
  out.counter('millrace_downstream_connections_opened_total', 'Downstream connections accepted.', [{ value: stats.downstreamConnectionsTotal }]);
  out.counter('millrace_downstream_requests_total', 'Requests received.', [{ value: stats.downstreamRequests }]);
  out.counter('millrace_downstream_received_bytes_total', 'Bytes of request bodies received.', [{ value: stats.downstreamBytesReceived }]);
  out.counter('millrace_downstream_sent_bytes_total', 'Bytes of answers sent, heads included.', [{ value: stats.downstreamBytesSent }]);
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
