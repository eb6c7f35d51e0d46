import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parsing, refuse } from './parsing.ts';
import * as scalar from './schema-scalars.ts';

const PERCENT = /^(\d{1,3}(?:\.\d{1,9})?)\s*%$/;
const expected = 'expected a percentage such as 5, 0.1 or 5%';

/** From 0 to 100 percent with at most four decimals, kept as parts of a million. */
const perMillion = parsing(z.union([z.number(), z.string().regex(PERCENT, expected)], { error: expected }), (value) => {
  const percent = typeof value === 'number' ? value : Number(PERCENT.exec(value)?.[1]);
  if (percent < 0 || percent > 100) return refuse('the percentage must be from 0 to 100');
  const parts = Math.round(percent * 10_000);
  return Math.abs(parts - percent * 10_000) > 1e-6 ? refuse(`${percent} has more than four decimals`) : parts;
});

/** Faults on purpose. `enabled: false` keeps the settings at hand. */
export const fault = z.strictObject({
  enabled: z.boolean().default(true).describe('false: nothing is injected'),
  abort: z
    .strictObject({
      status: z.int().min(400).max(599).default(503),
      percent: perMillion.prefault(100).describe('of the requests'),
    })
    .optional()
    .describe('an answer of the proxy instead of the upstream\'s'),
  delay: z
    .strictObject({
      time: scalar.durationUpTo(LIMITS.maxFaultDelayMs, scalar.duration).describe('counts in the timeout of the route, as that of a slow upstream would'),
      percent: perMillion.prefault(100).describe('of the requests'),
    })
    .optional()
    .describe('before the upstream hears of the request'),
});

export type ParsedFault = z.output<typeof fault>;
