/** Families of routes. */
import type { RoutePhase, RouteStats } from '../control/stats.ts';
import type { ControlView } from '../control/view.ts';
import type { MetricsWriter } from '../telemetry/exposition.ts';
import { DURATION, SIZE, type HistogramData } from '../telemetry/histograms.ts';
import { STATUS_CLASSES, histogramsOf, samplesBy, samplesOf } from './metric-samples.ts';
import { routeNames } from './names.ts';

interface RouteRow {
  labels: { route_table: string; virtual_host: string; route: string };
  stats: RouteStats;
  histogram: (phase: RoutePhase) => HistogramData | null;
}

/** All of them or none: a part would be an arbitrary one. The gauges tell which. */
export function* writeRoutes(out: MetricsWriter, view: ControlView, most: number): Generator<void> {
  const used = view.running === null ? new Uint32Array() : view.stats.usedRoutes(view.running.version);
  const exported = used.length <= most;
  out.gauge('millrace_routes_used', 'Routes that have taken a request.', [{ value: used.length }]);
  out.gauge('millrace_routes_exported', 'Routes that have series of their own here: all that were used, or none when they are too many.', [{ value: exported ? used.length : 0 }]);
  if (exported && most > 0) {
    const rows: RouteRow[] = [];
    yield* readRoutes(view, used, rows);
    yield* writeRouteRows(out, rows);
  }
}

function* readRoutes({ running, stats }: ControlView, used: Uint32Array, rows: RouteRow[]): Generator<void> {
  if (running === null) return;
  const names = routeNames(running.config);
  for (const index of used) {
    const name = names[index];
    const routeStats = stats.route(running.version, index);
    if (name === undefined || routeStats === null) return;
    rows.push({ labels: { route_table: name.table, virtual_host: name.virtualHost, route: name.route }, stats: routeStats, histogram: (phase) => stats.routeHistogram(running.version, index, phase) });
    if (rows.length % 100 === 0) yield;
  }
}

function* writeRouteRows(out: MetricsWriter, rows: readonly RouteRow[]): Generator<void> {
  out.counter('millrace_route_requests_total', 'Requests that a route took.', samplesOf(rows, 'requests'));
  yield;
  out.counter('millrace_route_responses_total', 'Answers of a route, by class of the status.', samplesBy(rows, STATUS_CLASSES));
  yield;
  out.counter('millrace_route_retries_total', 'Attempts after the first.', samplesOf(rows, 'retries'));
  yield;
  out.counter('millrace_route_timeouts_total', 'Requests that were not answered in time.', samplesOf(rows, 'timeouts'));
  yield;
  out.counter('millrace_route_rate_limited_total', 'Requests refused by a rate limit.', samplesOf(rows, 'rateLimited'));
  yield;
  yield* out.histogramInTurns('millrace_route_duration_seconds', 'Time from the head of a request to the end of its answer.', DURATION, histogramsOf(rows, 'duration'));
  yield* out.histogramInTurns('millrace_route_request_body_bytes', 'Bodies of requests.', SIZE, histogramsOf(rows, 'requestBytes'));
  yield* out.histogramInTurns('millrace_route_response_body_bytes', 'Bodies of answers.', SIZE, histogramsOf(rows, 'responseBytes'));
}

