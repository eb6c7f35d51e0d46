import { list, mapping, type Report } from './raw.ts';
import { checkOrder } from './rules-failover.ts';
import type { Path } from './source.ts';

/** As `RequestHead::isIdempotent` of the engine has them. */
export const IDEMPOTENT_METHODS: readonly string[] = [
  'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'SEARCH', 'REPORT',
];

/** Rules within one route about further attempts. */
export function checkRetry(path: Path, route: Record<string, unknown>, report: Report): void {
  checkOrder([...path, 'retry', 'backoff'], mapping(mapping(route['retry'])['backoff']), 'base', '25ms', 'max', report);
  if (route['hedge'] === undefined) return;
  const hedge = mapping(route['hedge']);
  // maxDelay: 0 is no bound.
  if (hedge['maxDelay'] !== 0 && hedge['maxDelay'] !== '0')
    checkOrder([...path, 'hedge'], hedge, 'minDelay', '5ms', 'maxDelay', report);
  const methods = list(mapping(route['match'])['methods']).filter((method) => typeof method === 'string');
  if (methods.length > 0 && methods.every((method) => !IDEMPOTENT_METHODS.includes(method)))
    report(
      [...path, 'hedge'],
      `a request is sent twice only when its method is idempotent, and ${methods.join(', ')} ${methods.length === 1 ? 'is' : 'are'} not`,
      'leave out "hedge"',
      'key',
    );
}
