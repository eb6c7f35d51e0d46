import { NONE, RETRY_FLAG, RETRY_ON, type RecordFields } from '../binding/abi.ts';
import type { ImageReader } from './image-reader.ts';

export function dumpRetry(reader: ImageReader, row: RecordFields<'ROUTE'>): object {
  const retry = reader.row('RETRY', row.retry);
  const conditions = Object.keys(RETRY_ON) as (keyof typeof RETRY_ON)[];
  return {
    retry: {
      on: [
        ...conditions.filter((name) => (row.retryOn & RETRY_ON[name]) !== 0),
        ...reader.index.subarray(retry.statusStart, retry.statusStart + retry.statusCount),
      ],
      attempts: row.retryAttempts,
      perTryTimeoutMs: row.perTryTimeoutMs,
      backoff: { baseMs: retry.backoffBaseMs, maxMs: retry.backoffMaxMs },
      maxRetryAfterMs: retry.retryAfterMaxMs,
      bufferBytes: retry.bufferBytes,
      nonIdempotent: (retry.flags & RETRY_FLAG.nonIdempotent) !== 0,
    },
    hedge: row.hedge === NONE ? null : dumpHedge(reader.row('HEDGE', row.hedge)),
    propagateDeadline:
      row.deadlineOffset === NONE ? false : { header: reader.text(row.deadlineOffset, row.deadlineLength) },
  };
}

function dumpHedge(row: RecordFields<'HEDGE'>): object {
  return {
    quantile: row.quantileMillis / 1_000,
    minDelayMs: row.minDelayMs,
    maxDelayMs: row.maxDelayMs,
    minRequests: row.minRequests,
    budget: row.percent,
  };
}
