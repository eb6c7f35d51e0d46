import { LIMITS } from '../binding/abi.ts';
import { parseDuration } from '../core/duration.ts';
import {
  defaultRateLimitName,
  rateOwnerOfListener,
  rateOwnerOfRoute,
  rateOwnerOfVirtualHost,
} from './rate-names.ts';
import { list, mapping, uniqueness, type Report } from './raw.ts';
import { formatPath, type Path } from './source.ts';

type Mapping = Record<string, unknown>;
const KEY_KINDS = ['clientIp', 'header', 'cookie'] as const;
const BURST_ALGORITHMS: unknown[] = ['gcra', 'tokenBucket'];

const nameIn = (value: Mapping): string | undefined => (typeof value['name'] === 'string' ? value['name'] : undefined);
const isBetween = (value: unknown, min: number, max: number): value is number =>
  typeof value === 'number' && value >= min && value <= max;

/** Rules within rate limits, and between all of them: their names are labels of metrics, and carry counters over. */
export function checkRateLimits(config: Mapping, report: Report): void {
  const uniqueName = uniqueness('the rate limit name', report);
  const check = (path: Path, value: unknown, owner: string, isListener: boolean): number => {
    const limits = Array.isArray(value) ? (value as unknown[]) : value === undefined ? [] : [value];
    for (const [index, limit] of limits.entries()) {
      const at = Array.isArray(value) ? [...path, index] : path;
      const written = nameIn(mapping(limit));
      uniqueName(written ?? defaultRateLimitName(owner, index), written === undefined ? at : [...at, 'name'], formatPath);
      checkRateLimit(at, mapping(limit), isListener, report);
    }
    return limits.length;
  };
  for (const [index, value] of list(config['listeners']).entries()) {
    const listener = mapping(value);
    const owner = rateOwnerOfListener(nameIn(listener) ?? String(index));
    check(['listeners', index, 'rateLimit'], listener['rateLimit'], owner, true);
  }
  for (const [table, hosts] of Object.entries(mapping(config['routes']))) {
    for (const [index, value] of list(hosts).entries()) {
      const host = mapping(value);
      const path = ['routes', table, index];
      const owner = rateOwnerOfVirtualHost(table, nameIn(host), index);
      const shared = check([...path, 'rateLimit'], host['rateLimit'], owner, false);
      for (const [i, entry] of list(host['routes']).entries()) {
        const route = mapping(entry);
        const at = [...path, 'routes', i, 'rateLimit'];
        const own = check(at, route['rateLimit'], rateOwnerOfRoute(owner, nameIn(route), i), false);
        if (own > 0 && shared > 0 && own + shared > LIMITS.maxRateLimitsPerRoute)
          report(
            at,
            `${own} limits of the route and ${shared} of its virtual host are more than ${LIMITS.maxRateLimitsPerRoute} for one request`,
          );
      }
    }
  }
}

/** Rules within one limit. */
export function checkRateLimit(path: Path, limit: Mapping, isListener: boolean, report: Report): void {
  const { algorithm, requests, burst, body, contentType } = limit;
  if (algorithm === 'slidingLog' && isBetween(requests, LIMITS.maxSlidingLog + 1, LIMITS.maxRateRequests))
    report(
      [...path, 'requests'],
      `slidingLog remembers every request of the window, ${LIMITS.maxSlidingLog} at most`,
      'use slidingWindow, which estimates, or gcra, which is exact',
    );
  if (burst !== undefined && !BURST_ALGORITHMS.includes(algorithm))
    report([...path, 'burst'], '"burst" needs algorithm: gcra or tokenBucket', undefined, 'key');
  else checkBurst(path, limit, report);
  if (typeof contentType === 'string' && Buffer.byteLength(contentType) > LIMITS.maxRateTypeBytes)
    report([...path, 'contentType'], `the content type has more than ${LIMITS.maxRateTypeBytes} bytes`);
  if (contentType !== undefined && body === undefined)
    report([...path, 'contentType'], '"contentType" needs "body" beside it', undefined, 'key');
  if (typeof body === 'string' && Buffer.byteLength(body) > LIMITS.maxRespondBodyBytes)
    report([...path, 'body'], `the body has more than ${LIMITS.maxRespondBodyBytes} bytes`);
  checkKey([...path, 'key'], list(limit['key']), isListener, report);
}

/** A burst is earned again at the rate of the limit; the counter holds a time, which must not run ahead for ever. */
function checkBurst(path: Path, { window, requests, burst }: Mapping, report: Report): void {
  const windowMs = typeof window === 'string' ? parseDuration(window) : undefined;
  if (windowMs === undefined || typeof requests !== 'number' || typeof burst !== 'number' || !(requests >= 1)) return;
  if ((burst * windowMs) / requests > LIMITS.maxRateBurstMs)
    report(
      [...path, 'burst'],
      `it would take more than ${LIMITS.maxRateBurstMs / 86_400_000} days until a burst of ${burst} is possible again`,
    );
}

function checkKey(path: Path, entries: unknown[], isListener: boolean, report: Report): void {
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const at = [...path, index];
    const parts = mapping(entry);
    const kinds = typeof entry === 'string' ? [entry] : KEY_KINDS.filter((kind) => parts[kind] !== undefined);
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) {
      if (kinds.length === 0) report(at, `expected one of ${KEY_KINDS.join(', ')}`);
      for (const kind of kinds.slice(1))
        report([...at, kind], `"${kind}" and "${kinds[0]}" exclude each other`, 'make it an entry of its own', 'key');
    }
    const kind = kinds[0];
    if (kind === undefined) continue;
    if (kind === 'route' && isListener)
      report(at, 'a listener counts requests before their route is known', 'set this limit on the virtual hosts or routes');
    const name = kind === 'header' ? String(parts[kind]).toLowerCase() : kind === 'cookie' ? String(parts[kind]) : '';
    const identity = `${kind} ${name}`;
    if (seen.has(identity)) report(at, `${identity.trim()} is listed twice`);
    seen.add(identity);
  }
}
