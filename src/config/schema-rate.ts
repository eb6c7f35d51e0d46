import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parsing, refuse } from './parsing.ts';
import * as scalar from './schema-scalars.ts';

const keyEntry = z.union([
  z.enum(['clientIp', 'route', 'host', 'path'], {
    error: 'expected clientIp, route, host, path, or a mapping with clientIp, header or cookie',
  }),
  z.strictObject({
    clientIp: z
      .strictObject({
        v4: z.int().min(1).max(32).default(32).describe('prefix length that is one client'),
        v6: z.int().min(1).max(128).default(64).describe('one household or server has a whole /64'),
      })
      .optional(),
    header: scalar.headerName.optional(),
    cookie: scalar.cookieName.optional(),
    missing: z
      .enum(['share', 'skip'])
      .default('share')
      .describe('requests without this part share one counter, or are not counted by this limit'),
  }),
]);

const window = parsing(scalar.positiveDuration, (ms) =>
  ms > LIMITS.maxRateWindowMs ? refuse('a rate limit counts over 24h at most') : ms,
);

export const rateLimit = z.strictObject({
  name: scalar.name
    .optional()
    .describe('in metrics and headers; default: table/virtual host/route, or listener/name. Counters carry over a reload by it'),
  requests: z.int().min(1).max(LIMITS.maxRateRequests).describe('how many in a window'),
  window: window.describe('1ms to 24h'),
  algorithm: z
    .enum(['slidingWindow', 'slidingLog', 'gcra', 'tokenBucket'])
    .default('slidingWindow')
    .describe(
      'slidingWindow: two counters, an estimate; slidingLog: exact, for small limits; gcra or tokenBucket: evenly spaced, with a burst',
    ),
  burst: z
    .int()
    .min(1)
    .max(LIMITS.maxRateRequests)
    .optional()
    .describe('gcra, tokenBucket: requests that may come at once; default: requests'),
  key: z
    .array(keyEntry)
    .max(LIMITS.maxRateKeys)
    .default(['clientIp'])
    .describe('what requests have in common that share a counter; []: one counter for all'),
  shadow: z.boolean().default(false).describe('true: count, and refuse nothing'),
  headers: z
    .enum(['limited', 'always', 'never'])
    .default('limited')
    .describe('which answers carry RateLimit and RateLimit-Policy'),
  xHeaders: z.boolean().default(false).describe('X-RateLimit-Limit, -Remaining and -Reset beside them'),
  status: z.int().min(400).max(599).default(429).describe('of a refusal'),
  body: z.string().optional().describe('of a refusal; default: a sentence'),
  contentType: scalar.headerValue.default('text/plain; charset=utf-8').describe('of the body'),
});

/** One limit, or several that must all allow a request. */
export const rateLimits = z
  .union([rateLimit, z.array(rateLimit).min(1).max(LIMITS.maxRateLimitsPerRoute)])
  .optional()
  .describe('how many requests may come in a window, by client or other keys');

export type ParsedRateLimits = z.output<typeof rateLimits>;
export type ParsedRateLimit = z.output<typeof rateLimit>;
export type ParsedRateKey = z.output<typeof keyEntry>;
