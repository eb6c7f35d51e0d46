import { NONE, RETRY_FLAG, RETRY_ON, type RecordFields } from '../binding/abi.ts';
import type { Compilation } from './compilation.ts';
import type { HedgeConfig, RetryConfig, RouteConfig } from './types.ts';

type RetryFields = Pick<
  RecordFields<'ROUTE'>,
  'retryOn' | 'retryAttempts' | 'perTryTimeoutMs' | 'retry' | 'hedge' | 'deadlineOffset' | 'deadlineLength'
>;

/** What a ROUTE says of further attempts and of deadlines. */
export function retryFields(compilation: Compilation, { retry, hedge, deadlineHeader }: RouteConfig): RetryFields {
  const deadline = compilation.writer.optionalString(deadlineHeader);
  return {
    retryOn: retry.on.reduce((bits, condition) => bits | RETRY_ON[condition], 0),
    retryAttempts: retry.attempts,
    perTryTimeoutMs: retry.perTryTimeoutMs,
    retry: retryRow(compilation, retry),
    hedge: hedge === null ? NONE : hedgeRow(compilation, hedge),
    deadlineOffset: deadline.offset,
    deadlineLength: deadline.length,
  };
}

/** The index of an equal row, else of a new one. */
function shared(rows: Map<string, number>, settings: object, add: () => number): number {
  const key = JSON.stringify(settings);
  const known = rows.get(key);
  if (known !== undefined) return known;
  const row = add();
  rows.set(key, row);
  return row;
}

function retryRow({ writer, retries }: Compilation, retry: RetryConfig): number {
  const { statuses, backoff, maxRetryAfterMs, bufferBytes, nonIdempotent } = retry;
  return shared(retries, { statuses, backoff, maxRetryAfterMs, bufferBytes, nonIdempotent }, () => {
    const statusStart = writer.index.length;
    writer.index.append(statuses);
    return writer.add('RETRY', {
      statusStart,
      statusCount: statuses.length,
      backoffBaseMs: backoff.baseMs,
      backoffMaxMs: backoff.maxMs,
      retryAfterMaxMs: maxRetryAfterMs,
      bufferBytes,
      flags: nonIdempotent ? RETRY_FLAG.nonIdempotent : 0,
    });
  });
}

function hedgeRow({ writer, hedges }: Compilation, hedge: HedgeConfig): number {
  return shared(hedges, hedge, () =>
    writer.add('HEDGE', {
      quantileMillis: hedge.quantileMillis,
      minDelayMs: hedge.minDelayMs,
      maxDelayMs: hedge.maxDelayMs,
      minRequests: hedge.minRequests,
      percent: hedge.budgetPercent,
    }),
  );
}
