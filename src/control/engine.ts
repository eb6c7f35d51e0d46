import { rootCertificates } from 'node:tls';
import type { DigestQuery, HealthChange, HistogramQuery, RequestQuery } from '../binding/addon.ts';
import type { ExplainHead, NativeExplanation } from '../binding/explain.ts';
import type { NativeIncident, NativeLogNotice, NativeLogStats, NativeRequestRecord, NativeSpans, NativeTransitions } from '../binding/native.ts';
import type { Config } from '../config/types.ts';
import { StartError, errorMessage } from '../core/errors.ts';

/**
 * What the control plane needs of the native engine: the functions of `binding/addon.ts`. An interface, so that
 * commands which run no data plane can do without the addon.
 */
export interface Engine {
  /** Checks the whole image, then publishes it to every worker at once. The previous image stays on failure. */
  installImage(image: ArrayBuffer, rateLimitKeys: number): { ok: true; version: number } | { ok: false; error: string };
  /**
   * Sets and clears HEALTH bits of endpoints, given by their indexes; the balancers of all workers see it with their next pick.
   * Many at once cost little more than one: each of their clusters is planned anew. False when `version` is no longer the
   * current image.
   */
  setEndpointHealth(version: number, changes: readonly HealthChange[]): boolean;
  /** Has plans with endpoints in slow start built anew; milliseconds until the next call is due, 0 = none is. */
  refreshPlans(): number;
  /** Default roots for TLS upstreams. */
  setTlsRoots(pem: string): void;
  /** The readers return false when `version` is no longer the current image: its indexes mean nothing then. */
  clusterStats(version: number, clusterIndex: number, out: Float64Array): boolean;
  endpointStats(version: number, endpointIndex: number, out: Float64Array): boolean;
  routeStats(version: number, routeIndex: number, out: Float64Array): boolean;
  listenerStats(version: number, listenerIndex: number, out: Float64Array): boolean;
  listenerHistogram(query: HistogramQuery, out: Float64Array): boolean;
  clusterHistogram(query: HistogramQuery, out: Float64Array): boolean;
  endpointHistogram(query: HistogramQuery, out: Float64Array): boolean;
  routeHistogram(query: HistogramQuery, out: Float64Array): boolean;
  listenerDigest(query: DigestQuery, out: Float64Array): boolean;
  clusterDigest(query: DigestQuery, out: Float64Array): boolean;
  endpointDigest(query: DigestQuery, out: Float64Array): boolean;
  routeDigest(query: DigestQuery, out: Float64Array): boolean;
  /** ROUTE rows that have taken a request. */
  usedRoutes(version: number): Uint32Array;
  collectHistograms(nowMs: number): void;
  rateLimitStats(version: number, rateLimitIndex: number, out: Float64Array): boolean;
  rateTableStats(out: Float64Array): void;
  processStats(out: Float64Array): void;
  /** What the workers reported for the log since the last call, at most `most` of each worker. */
  takeIncidents(most: number): NativeIncident[];
  /** What became of recent requests, newest first. */
  findRequests(query: RequestQuery): NativeRequestRecord[];
  /** Sampled requests, at most that many bytes of each worker and one more; and how full the fullest worker is, from 0 to 1. */
  takeSpans(mostBytes: number): NativeSpans;
  spansWaiting(): number;
  /** Calls back, on this thread, whenever workers have something for `failoverTick`; returns what ends that. */
  onFailover(callback: () => void): () => void;
  /** Does what is due for failover; milliseconds until the next call is due, 0 = not before a wake-up. */
  failoverTick(): number;
  /** What was decided about endpoints and clusters since the last call, oldest first. */
  takeTransitions(): NativeTransitions;
  /** What would happen to a request now, by LISTENER row; undefined when `version` is no longer the current image. */
  explain(version: number, listener: number, head: ExplainHead): NativeExplanation | undefined;
  /** Calls back, on this thread, when the access log has notices, is reopened, or has ended; returns what ends that. */
  onAccessLog(callback: () => void): () => void;
  takeAccessLogNotices(): NativeLogNotice[];
  /** A ticket for `accessLogReopened`. */
  reopenAccessLog(): number;
  /** Undefined until that is done; then the sinks that could not be opened. */
  accessLogReopened(ticket: number): NativeLogNotice[] | undefined;
  /** Once everything is written, or after `limitMs`. */
  stopAccessLog(limitMs: number): void;
  accessLogStopped(): boolean;
  accessLogStats(): NativeLogStats[];
  accessLogWaiting(): number;
  /** An anonymous file in memory, readable as /proc/self/fd/N; the caller closes it with fs.closeSync. */
  createMemoryFile(name: string, bytes: Uint8Array): number;
  reservePort(host: string): { fd: number; port: number } | number;
}

export async function loadEngine(): Promise<Engine> {
  try {
    return await import('../binding/addon.ts');
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`the native addon cannot be loaded: ${errorMessage(error).split('\n', 1)[0]}`, 'build it with: npm run build', { cause: error });
  }
}

/**
 * Gives an image to the engine. The default roots, 200 KiB of text, go along when a cluster speaks TLS, as an image that
 * needs roots is refused without. Throws a StartError when the engine refuses what `compile` made: a defect.
 */
export function install(engine: Engine, config: Config, image: ArrayBuffer): number {
  if (Object.values(config.clusters).some(({ tls }) => tls !== null)) engine.setTlsRoots(rootCertificates.join('\n'));
  const installed = engine.installImage(image, config.limits.rateLimitKeys);
  if (!installed.ok) throw new StartError(`the engine refused the compiled configuration: ${installed.error}`, 'please report this');
  return installed.version;
}
