import { NONE, TRACING_FLAG, type RecordFields } from '../binding/abi.ts';
import type { ImageReader } from './image-reader.ts';

function sampleOf({ sampleLow, sampleHigh }: RecordFields<'TRACING'>): number {
  return sampleLow === NONE && sampleHigh === NONE ? 1 : (sampleHigh * 2 ** 32 + sampleLow) / 2 ** 64;
}

/** The exporter is not part of an image. */
export function dumpTracing(reader: ImageReader): object | null {
  const [row] = reader.rows('TRACING');
  if (row === undefined) return null;
  const has = (flag: number) => (row.flags & flag) !== 0;
  return {
    sample: sampleOf(row),
    parentBased: has(TRACING_FLAG.parentBased),
    b3: has(TRACING_FLAG.b3),
    trust: has(TRACING_FLAG.trustedPeers) ? 'trustedPeers' : 'all',
  };
}

export function dumpRouteTracing(reader: ImageReader, { tracing }: RecordFields<'ROUTE'>): { tracing?: object | false } {
  if (tracing === NONE) return {};
  const row = reader.row('TRACING', tracing);
  return { tracing: (row.flags & TRACING_FLAG.off) !== 0 ? false : { sample: sampleOf(row) } };
}
