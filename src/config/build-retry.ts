import { DEFAULT_DEADLINE_HEADER, type ParsedDeadline, type ParsedHedge, type ParsedRetry } from './schema-retry.ts';
import type { HedgeConfig, RetryCondition, RetryConfig } from './types.ts';

const DEFAULT_MAX_BACKOFF_MS = 250;

export function buildRetry(parsed: ParsedRetry): RetryConfig {
  const { backoff } = parsed;
  const statuses = parsed.on.filter((entry): entry is number => typeof entry === 'number');
  const on = parsed.on.filter((entry): entry is RetryCondition => typeof entry !== 'number');
  return {
    on: [...new Set(on)],
    statuses: [...new Set(statuses)].sort((a, b) => a - b),
    attempts: parsed.attempts,
    perTryTimeoutMs: parsed.perTryTimeout,
    backoff: { baseMs: backoff.base, maxMs: backoff.max ?? Math.max(backoff.base, DEFAULT_MAX_BACKOFF_MS) },
    maxRetryAfterMs: parsed.maxRetryAfter,
    bufferBytes: parsed.bufferBytes,
    nonIdempotent: parsed.nonIdempotent,
  };
}

export function buildHedge(parsed: ParsedHedge | undefined): HedgeConfig | null {
  if (parsed === undefined) return null;
  const { quantile, minDelay, maxDelay, minRequests, budget } = parsed;
  return { quantileMillis: quantile, minDelayMs: minDelay, maxDelayMs: maxDelay, minRequests, budgetPercent: budget };
}

export function deadlineHeader(parsed: ParsedDeadline): string | null {
  if (typeof parsed === 'object') return parsed.header;
  return parsed ? DEFAULT_DEADLINE_HEADER : null;
}
