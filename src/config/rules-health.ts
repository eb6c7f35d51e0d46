import { formatDuration } from '../core/duration.ts';
import { parseEndpointAddress } from './address.ts';
import { isRefusal } from './parsing.ts';
import { durationOf, excluding, list, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';

const PROBE_KEYS = ['http', 'tcp', 'grpc'] as const;

/** Rules within `healthCheck` of a cluster. */
export function checkHealthCheck(path: Path, cluster: Record<string, unknown>, report: Report): void {
  const written = cluster['healthCheck'];
  if (typeof written !== 'object' || written === null || Array.isArray(written)) return;
  const at = [...path, 'healthCheck'];
  const check = mapping(written);
  const kinds = excluding(at, check, PROBE_KEYS, report);
  if (kinds.length === 0)
    report(at, `expected one of ${PROBE_KEYS.join(', ')}`, 'such as http: { path: /healthz }, or tcp: {} to connect only', 'key');
  checkBody([...at, 'http'], mapping(check['http']), report);
  checkTimes(at, check, report);
  if (check['port'] === undefined) return;
  for (const [index, entry] of list(cluster['endpoints']).entries()) {
    const text = typeof entry === 'string' ? entry : mapping(entry)['address'];
    const address = typeof text === 'string' ? parseEndpointAddress(text) : undefined;
    if (address === undefined || isRefusal(address) || address.kind !== 'unix') continue;
    report(
      [...at, 'port'],
      `endpoints[${index}] of this cluster is a socket in the file system, which has no ports`,
      'leave out "port", or give that endpoint a cluster of its own',
      'key',
    );
    return;
  }
}

function checkBody(path: Path, http: Record<string, unknown>, report: Report): void {
  const { body, method } = http;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
  const at = [...path, 'body'];
  if (excluding(at, mapping(body), ['contains', 'regex'], report).length === 0)
    report(at, 'expected "contains" or "regex"', undefined, 'key');
  if (method === 'HEAD') report(at, 'the answer to HEAD has no body', 'use method: GET', 'key');
}

/** While all is well, a check ends before the next one is due; at an edge and while unhealthy the next one may follow at once. */
function checkTimes(path: Path, check: Record<string, unknown>, report: Report): void {
  const [timeout, interval] = [durationOf(check['timeout'] ?? '1s'), durationOf(check['interval'] ?? '5s')];
  if (timeout === undefined || interval === undefined || timeout <= interval) return;
  const isWritten = check['timeout'] !== undefined;
  report(
    [...path, isWritten ? 'timeout' : 'interval'],
    `the timeout of a check, ${formatDuration(timeout)}${isWritten ? '' : ' by default'}, is longer than its interval, ${formatDuration(interval)}`,
    isWritten ? 'a check ends before the next one is due' : `write a timeout of at most ${formatDuration(interval)}`,
  );
}
