/** The process-wide half of the engine, for the control plane. */
import { StartError } from '../core/errors.ts';
import { addon } from './load.ts';
import type { NativeIncident, NativeLogNotice, NativeLogStats, NativeRequestRecord, NativeSpans, NativeTransitions } from './native.ts';

export { explain } from './explain.ts';

export type InstallResult = { ok: true; version: number } | { ok: false; error: string };

/**
 * Validates a compiled image and publishes it to all workers at once. They take it over at their next loop turn;
 * requests in flight end on the image that they began with. `rateLimitKeys` is the size of the table of rate limits; what
 * it holds is carried over when the size changes.
 */
export function installImage(image: ArrayBuffer, rateLimitKeys: number): InstallResult {
  const { version, error } = addon.installImage(image, rateLimitKeys);
  return version === 0 ? { ok: false, error } : { ok: true, version };
}

/** HEALTH bits that an endpoint, by its index in the image, gets and loses. */
export interface HealthChange {
  endpoint: number;
  set: number;
  clear: number;
}

/** Sets and clears HEALTH bits of endpoints; false, and nothing done, when `version` is no longer the current image. */
export function setEndpointHealth(version: number, changes: readonly HealthChange[]): boolean {
  return addon.setEndpointHealth(version, Uint32Array.from(changes.flatMap(({ endpoint, set, clear }) => [endpoint, set, clear])));
}

/** Builds the plans anew in which an endpoint is in slow start; milliseconds until the next call is due, 0 = none is. */
export function refreshPlans(): number {
  return addon.refreshPlans();
}

/** Default roots (PEM) for upstream TLS. Call once, before the first image is installed. */
export function setTlsRoots(pem: string): void {
  addon.setTlsRoots(pem);
}

/** Fills `out` in the order of CLUSTER_STATS; false when `version` is no longer the current image. */
export function clusterStats(version: number, cluster: number, out: Float64Array): boolean {
  return addon.clusterStats(version, cluster, out);
}

/** Fills `out` in the order of LISTENER_STATS; listeners are counted as configured. */
export function listenerStats(version: number, listener: number, out: Float64Array): boolean {
  return addon.listenerStats(version, listener, out);
}

/** Fills `out` in the order of ROUTE_STATS; zeros for a route that was never used. */
export function routeStats(version: number, route: number, out: Float64Array): boolean {
  return addon.routeStats(version, route, out);
}

/** ROUTE rows that have taken a request, in no order. */
export function usedRoutes(version: number): Uint32Array {
  return addon.usedRoutes(version);
}

/** Which histogram: `phase` is an index into CLUSTER_HISTOGRAMS and so on; `windowMs` 0 is everything since the start. */
export interface HistogramQuery {
  version: number;
  index: number;
  phase: number;
  windowMs: number;
  /** Of the clock that `collectHistograms` is called with. */
  nowMs: number;
}

export type DigestQuery = Omit<HistogramQuery, 'windowMs'>;

/** Fills `out` (HISTOGRAM_WORDS long) with HISTOGRAM_FIELDS and (bucket, count) pairs; false when `version` is no longer the current image. */
export function clusterHistogram({ version, index, phase, windowMs, nowMs }: HistogramQuery, out: Float64Array): boolean {
  return addon.clusterHistogram(version, index, phase, windowMs, nowMs, out);
}

export function endpointHistogram({ version, index, phase, windowMs, nowMs }: HistogramQuery, out: Float64Array): boolean {
  return addon.endpointHistogram(version, index, phase, windowMs, nowMs, out);
}

export function listenerHistogram({ version, index, phase, windowMs, nowMs }: HistogramQuery, out: Float64Array): boolean {
  return addon.listenerHistogram(version, index, phase, windowMs, nowMs, out);
}

export function routeHistogram({ version, index, phase, windowMs, nowMs }: HistogramQuery, out: Float64Array): boolean {
  return addon.routeHistogram(version, index, phase, windowMs, nowMs, out);
}

/** Fills `out` with DIGEST_FIELDS for each of DIGEST_WINDOWS_MS; false when `version` is no longer the current image. */
export function listenerDigest({ version, index, phase, nowMs }: DigestQuery, out: Float64Array): boolean {
  return addon.listenerDigest(version, index, phase, nowMs, out);
}

export function clusterDigest({ version, index, phase, nowMs }: DigestQuery, out: Float64Array): boolean {
  return addon.clusterDigest(version, index, phase, nowMs, out);
}

export function endpointDigest({ version, index, phase, nowMs }: DigestQuery, out: Float64Array): boolean {
  return addon.endpointDigest(version, index, phase, nowMs, out);
}

export function routeDigest({ version, index, phase, nowMs }: DigestQuery, out: Float64Array): boolean {
  return addon.routeDigest(version, index, phase, nowMs, out);
}

/** Ends a tick of the histogram windows; to be called every HISTOGRAM_TICK_MS with a monotonic time. */
export function collectHistograms(nowMs: number): void {
  addon.collectHistograms(nowMs);
}

/** Fills `out` in the order of ENDPOINT_STATS. */
export function endpointStats(version: number, endpoint: number, out: Float64Array): boolean {
  return addon.endpointStats(version, endpoint, out);
}

/** Fills `out` in the order of RATE_STATS; false when `version` is no longer the current image. */
export function rateLimitStats(version: number, rateLimit: number, out: Float64Array): boolean {
  return addon.rateLimitStats(version, rateLimit, out);
}

/** Fills `out` in the order of RATE_TABLE_STATS; zeros while nothing is limited. */
export function rateTableStats(out: Float64Array): void {
  addon.rateTableStats(out);
}

/** Fills `out` in the order of PROCESS_STATS. */
export function processStats(out: Float64Array): void {
  addon.processStats(out);
}

/** What the workers reported for the log since the last call, at most `most` of each worker. */
export function takeIncidents(most: number): NativeIncident[] {
  return addon.takeIncidents(most);
}

/** Which of the requests that the workers remember. */
export interface RequestQuery {
  /** Those only. */
  failed?: boolean | undefined;
  limit?: number | undefined;
  route?: string | undefined;
  /** An attempt went there, or it would have. */
  cluster?: string | undefined;
  /** From and to, both included; 0 = no answer. */
  status?: readonly [number, number] | undefined;
  /** Index into RESPONSE_FLAG. */
  flag?: number | undefined;
  /** Of the record, of the trace, or the request id as it was sent upstream. */
  id?: string | undefined;
}

const MOST_REQUESTS = 2 ** 31 - 1;
const ANY_STATUS = [0, 65_535] as const;

/** What became of recent requests, newest first: of each worker the last ones, and of failed ones more. Any thread. */
export function findRequests({ failed = false, limit = MOST_REQUESTS, route = '', cluster = '', status = ANY_STATUS, flag = -1, id = '' }: RequestQuery): NativeRequestRecord[] {
  return addon.findRequests(failed, limit, route, cluster, status[0], status[1], flag, id);
}

/** Sampled requests whose spans are to be exported: the oldest of each worker, at most that many bytes of each and one more. */
export function takeSpans(mostBytes: number): NativeSpans {
  return addon.takeSpans(mostBytes);
}

/** The largest share of a worker's room for sampled requests that is taken, from 0 to 1. */
export function spansWaiting(): number {
  return addon.spansWaiting();
}

/** Calls `callback` on this thread whenever workers have something for `failoverTick`; returns what ends that. */
export function onFailover(callback: () => void): () => void {
  return addon.onFailover(callback);
}

/** Ends ejections, compares endpoints, plans clusters anew: what is due. Milliseconds until the next call is due, 0 = not before a wake-up. */
export function failoverTick(): number {
  return addon.failoverTick();
}

/** What was decided about endpoints and clusters since the last call, oldest first. */
export function takeTransitions(): NativeTransitions {
  return addon.takeTransitions();
}

/** Calls `callback` on this thread when the access log has notices, has been reopened, or has ended; returns what ends that. */
export function onAccessLog(callback: () => void): () => void {
  return addon.onAccessLog(callback);
}

/** What happened to sinks of the access log since the last call. */
export function takeAccessLogNotices(): NativeLogNotice[] {
  return addon.takeAccessLogNotices();
}

/** Has the writer open its files by their names again; returns a ticket for `accessLogReopened`. */
export function reopenAccessLog(): number {
  return addon.reopenAccessLog();
}

/** Undefined until that is done; then the sinks that could not be opened. */
export function accessLogReopened(ticket: number): NativeLogNotice[] | undefined {
  return addon.accessLogReopened(ticket);
}

/** The writer ends once everything is written, or after `limitMs`. */
export function stopAccessLog(limitMs: number): void {
  addon.stopAccessLog(limitMs);
}

/** True also when it never began. */
export function accessLogStopped(): boolean {
  return addon.accessLogStopped();
}

/** Counters of each sink, in the order of LOG_STATS. */
export function accessLogStats(): NativeLogStats[] {
  return addon.accessLogStats();
}

/** Bytes of records that wait for the writer of the access log. */
export function accessLogWaiting(): number {
  return addon.accessLogWaiting();
}

/**
 * A free TCP port of an IP address, ours until the caller closes `fd`; listeners of this process may be opened on it meanwhile. A
 * negative number is an errno.
 */
export function reservePort(host: string): { fd: number; port: number } | number {
  return addon.reservePort(host);
}

/** A file without a name on any disk (Linux memfd); readable by path as /proc/self/fd/N until the caller closes it. */
export function createMemoryFile(name: string, bytes: Uint8Array): number {
  const fd = addon.createMemoryFile(name, bytes);
  if (fd < 0) throw new StartError(`cannot create a memory file for ${name} (errno ${-fd})`);
  return fd;
}
