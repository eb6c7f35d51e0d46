/** The process-wide half of the engine, for the control plane. */
import { StartError } from '../core/errors.ts';
import { addon } from './load.ts';

export type InstallResult = { ok: true; version: number } | { ok: false; error: string };

/**
 * Validates a compiled image and publishes it to all workers at once. They take it over at their next loop turn;
 * requests in flight end on the image that they began with.
 */
export function installImage(image: ArrayBuffer): InstallResult {
  const { version, error } = addon.installImage(image);
  return version === 0 ? { ok: false, error } : { ok: true, version };
}

/** Default roots (PEM) for upstream TLS. Call once, before the first image is installed. */
export function setTlsRoots(pem: string): void {
  addon.setTlsRoots(pem);
}

/** Fills `out` in the order of CLUSTER_STATS; false when `version` is no longer the current image. */
export function clusterStats(version: number, cluster: number, out: Float64Array): boolean {
  return addon.clusterStats(version, cluster, out);
}

/** Fills `out` with HISTOGRAM_BUCKETS counts of request durations in microseconds. */
export function clusterHistogram(version: number, cluster: number, out: Float64Array): boolean {
  return addon.clusterHistogram(version, cluster, out);
}

/** Fills `out` in the order of ENDPOINT_STATS. */
export function endpointStats(version: number, endpoint: number, out: Float64Array): boolean {
  return addon.endpointStats(version, endpoint, out);
}

/** Fills `out` in the order of PROCESS_STATS. */
export function processStats(out: Float64Array): void {
  addon.processStats(out);
}

/** A file without a name on any disk (Linux memfd); readable by path as /proc/self/fd/N until the caller closes it. */
export function createMemoryFile(name: string, bytes: Uint8Array): number {
  const fd = addon.createMemoryFile(name, bytes);
  if (fd < 0) throw new StartError(`cannot create a memory file for ${name} (errno ${-fd})`);
  return fd;
}
