import { RATE_ALGORITHM, RATE_FLAG, RATE_KEY_FLAG, RATE_KEY_KIND } from '../binding/abi.ts';
import { hash32 } from './hash.ts';
import { NO_SLICE, type ImageWriter } from './image-writer.ts';
import type { Config, RateKeyConfig, RateLimitConfig } from './types.ts';

/** Every rate limit in the order of RATE_LIMIT: by table, virtual host, route; then by listener. */
export function rateLimitsOf(config: Config): RateLimitConfig[] {
  return [
    ...Object.values(config.routes).flatMap((hosts) =>
      hosts.flatMap((host) => [...host.rateLimits, ...host.routes.flatMap((route) => route.rateLimits)]),
    ),
    ...config.listeners.flatMap((listener) => listener.rateLimits),
  ];
}

/** Appends all limits of the configuration; returns their RATE_LIMIT indexes by name. */
export function compileRateLimits(writer: ImageWriter, config: Config): Map<string, number> {
  const tags = new Set<number>();
  return new Map(rateLimitsOf(config).map((limit) => [limit.name, addRateLimit(writer, limit, tags)]));
}

function addRateLimit(writer: ImageWriter, limit: RateLimitConfig, tags: Set<number>): number {
  const name = writer.string(limit.name);
  const body = writer.optionalString(limit.body);
  const type = limit.body === null ? NO_SLICE : writer.string(limit.contentType);
  const keyStart = writer.count('RATE_KEY');
  for (const key of limit.key) addRateKey(writer, key);
  return writer.add('RATE_LIMIT', {
    nameOffset: name.offset,
    nameLength: name.length,
    tag: tagOf(limit, tags),
    algorithm: RATE_ALGORITHM[limit.algorithm],
    limit: limit.requests,
    windowMs: limit.windowMs,
    burst: limit.burst,
    flags:
      (limit.shadow ? RATE_FLAG.shadow : 0) |
      (limit.headers === 'always' ? RATE_FLAG.headersAlways : 0) |
      (limit.headers === 'never' ? RATE_FLAG.headersNever : 0) |
      (limit.xHeaders ? RATE_FLAG.xHeaders : 0),
    status: limit.status,
    bodyOffset: body.offset,
    bodyLength: body.length,
    typeOffset: type.offset,
    typeLength: type.length,
    keyStart,
    keyCount: limit.key.length,
  });
}

function addRateKey(writer: ImageWriter, key: RateKeyConfig): void {
  const name = key.name === '' ? NO_SLICE : writer.string(key.name);
  writer.add('RATE_KEY', {
    kind: RATE_KEY_KIND[key.kind],
    flags: key.missing === 'skip' ? RATE_KEY_FLAG.skipWhenMissing : 0,
    nameOffset: name.offset,
    nameLength: name.length,
    bits4: key.v4Bits,
    bits6: key.v6Bits,
  });
}

/**
 * Identity of the counters of a limit. Equal as long as a counter of before a reload means the same after it: the size
 * of the limit may change, what is counted and how may not. A sliding log has room for its limit, so that is part of it.
 */
function tagOf(limit: RateLimitConfig, taken: Set<number>): number {
  const { name, algorithm, windowMs, key, requests } = limit;
  const identity = [
    name,
    algorithm,
    windowMs,
    key.map(({ kind, name: part, v4Bits, v6Bits }) => [kind, part, v4Bits, v6Bits]),
    algorithm === 'slidingLog' ? requests : 0,
  ];
  const bytes = new TextEncoder().encode(JSON.stringify(identity));
  // Two limits with one tag would share counters: a later seed decides in the rare case that hashes collide.
  for (let seed = 0; ; seed++) {
    const tag = hash32(bytes, seed);
    if (taken.has(tag)) continue;
    taken.add(tag);
    return tag;
  }
}

/** Appends the INDEX rows of limits that are checked together; `names` in the order of their checks. */
export function addLimitRows(
  writer: ImageWriter,
  rateLimits: ReadonlyMap<string, number>,
  limits: readonly RateLimitConfig[],
): { limitStart: number; limitCount: number } {
  const limitStart = writer.index.length;
  for (const { name } of limits) {
    const row = rateLimits.get(name);
    if (row === undefined) throw new Error(`the rate limit ${name} was not compiled`);
    writer.index.push(row);
  }
  return { limitStart, limitCount: limits.length };
}
