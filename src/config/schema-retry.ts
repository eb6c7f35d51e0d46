import * as z from 'zod';
import { LIMITS, RETRY_ON } from '../binding/abi.ts';
import { suggest } from './nearest.ts';
import { parsing, refuse } from './parsing.ts';
import { percent, thousandths } from './schema-percent.ts';
import * as scalar from './schema-scalars.ts';
import type { RetryCondition } from './types.ts';

export const DEFAULT_DEADLINE_HEADER = 'x-millrace-timeout-ms';

const CONDITIONS = Object.keys(RETRY_ON) as RetryCondition[];
const time = scalar.durationUpTo(LIMITS.maxFailoverMs, scalar.duration);
/** Counted in microseconds. */
const delay = scalar.durationUpTo(LIMITS.maxBalancerTimeMs, scalar.duration);

/** A condition by name, or one status. */
const condition = parsing(
  // For editors; what is refused is said below.
  z.union([z.string().meta({ enum: CONDITIONS }), z.int().meta({ minimum: 300, maximum: 599 })], { error: `expected ${CONDITIONS.join(', ')}, or a status such as 503` }),
  (value) => {
    const known = CONDITIONS.find((name) => name === value);
    if (known !== undefined) return known;
    const status = /^\d{3}$/.test(String(value)) ? Number(value) : Number.NaN;
    if (status >= 300 && status <= 599) return status;
    if (!Number.isNaN(status) || typeof value === 'number')
      return refuse(`a status that is tried again is from 300 to 599, not ${value}`);
    return refuse(
      `expected ${CONDITIONS.join(', ')}, or a status such as 503, not ${JSON.stringify(value)}`,
      suggest(value, CONDITIONS),
    );
  },
);

export const retry = z.strictObject({
  on: z
    .array(condition)
    .max(LIMITS.maxRetryStatuses)
    .default(['connectFailure', 'reset'])
    .describe('connectFailure, reset, timeout (perTryTimeout), 5xx, gatewayError (502, 503, 504), retriable4xx (409), rateLimited (429), and statuses'),
  attempts: z.int().min(0).max(LIMITS.maxRetries).default(2).describe('after the first; 0 = none'),
  perTryTimeout: scalar.duration
    .prefault(0)
    .describe('from an endpoint chosen, and the request received in full, to the head of its answer; 0 = none'),
  backoff: z
    .strictObject({
      base: time.prefault('25ms').describe('the n-th retry waits at random up to base * 2^(n - 1)'),
      max: time.optional().describe('but never longer; default 250ms, or base where that is longer'),
    })
    .prefault({})
    .describe('connect failures do not wait while there is an endpoint that was not tried'),
  maxRetryAfter: time
    .prefault(0)
    .describe('longest Retry-After of a status that is waited for; a longer one is passed on; 0 = not heeded'),
  bufferBytes: scalar
    .size(0, LIMITS.maxRetryBufferBytes)
    .prefault('64KiB')
    .describe('of a request body, kept to be sent again; a request with more is not retried once its body has left'),
  nonIdempotent: z
    .boolean()
    .default(false)
    .describe('true: POST, PATCH ... are sent again although an upstream may have acted on them'),
});

export const hedge = z.strictObject({
  quantile: thousandths(0.5, 0.999, 'or 0')
    .prefault(0.95)
    .describe(
      "of the route's live time to the head of the answer: a second attempt goes out when it has passed; 0 = after minDelay, whatever the route is like",
    ),
  minDelay: delay.prefault('5ms').describe('never sooner'),
  maxDelay: delay.prefault(0).describe('never later; 0 = no such bound'),
  minRequests: scalar.count.default(100).describe('samples before the quantile is believed'),
  budget: percent(1, 100).prefault(5).describe('second attempts in percent of the requests'),
});

/** Others that the proxy writes itself. */
const WRITTEN = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id']);
const deadlineHeader = parsing(scalar.editableRequestHeader, (name) =>
  WRITTEN.has(name) ? refuse(`${name} is written by the proxy, with another meaning`) : name,
);

export const propagateDeadline = z
  .union([z.boolean(), z.strictObject({ header: deadlineHeader.default(DEFAULT_DEADLINE_HEADER) })], {
    error: 'expected true, false or a mapping with "header"',
  })
  .default(false)
  .describe(`true: take the milliseconds that are left from ${DEFAULT_DEADLINE_HEADER} of a trusted peer, and pass on what is left`);

export type ParsedRetry = z.output<typeof retry>;
export type ParsedHedge = z.output<typeof hedge>;
export type ParsedDeadline = z.output<typeof propagateDeadline>;
