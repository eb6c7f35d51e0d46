import { RATE_ALGORITHM, RATE_FLAG, RATE_KEY_FLAG, RATE_KEY_KIND, type RecordFields } from '../binding/abi.ts';
import type { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

/** Names of the limits that a listener or a route checks, in the order of the checks. */
export function dumpLimitNames(reader: ImageReader, row: { limitStart: number; limitCount: number }): string[] {
  return [...reader.index.subarray(row.limitStart, row.limitStart + row.limitCount)].map((index) => {
    const { nameOffset, nameLength } = reader.row('RATE_LIMIT', index);
    return reader.text(nameOffset, nameLength) ?? '';
  });
}

/** Every limit under its name: they are shared by routes. */
export function dumpRateLimits(reader: ImageReader): object {
  return Object.fromEntries(
    reader
      .rows('RATE_LIMIT')
      .map((row) => [reader.text(row.nameOffset, row.nameLength) ?? '', dumpRateLimit(reader, row)]),
  );
}

function dumpRateLimit(reader: ImageReader, row: RecordFields<'RATE_LIMIT'>): object {
  const has = (flag: number) => (row.flags & flag) !== 0;
  return {
    tag: row.tag.toString(16).padStart(8, '0'),
    algorithm: nameOf(RATE_ALGORITHM, row.algorithm),
    requests: row.limit,
    windowMs: row.windowMs,
    ...(row.algorithm === RATE_ALGORITHM.gcra ? { burst: row.burst } : {}),
    key: reader.rows('RATE_KEY', row.keyStart, row.keyCount).map((key) => dumpKey(reader, key)),
    shadow: has(RATE_FLAG.shadow),
    headers: has(RATE_FLAG.headersNever) ? 'never' : has(RATE_FLAG.headersAlways) ? 'always' : 'limited',
    xHeaders: has(RATE_FLAG.xHeaders),
    status: row.status,
    body: reader.text(row.bodyOffset, row.bodyLength),
    contentType: reader.text(row.typeOffset, row.typeLength),
  };
}

function dumpKey(reader: ImageReader, row: RecordFields<'RATE_KEY'>): object | string {
  const kind = nameOf(RATE_KEY_KIND, row.kind);
  const missing = (row.flags & RATE_KEY_FLAG.skipWhenMissing) === 0 ? {} : { missing: 'skip' };
  switch (row.kind) {
    case RATE_KEY_KIND.clientIp:
      return { clientIp: { v4: row.bits4, v6: row.bits6 }, ...missing };
    case RATE_KEY_KIND.header:
    case RATE_KEY_KIND.cookie:
      return { [kind]: reader.text(row.nameOffset, row.nameLength), ...missing };
    default:
      return kind;
  }
}
