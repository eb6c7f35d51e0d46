/** A result file is checked once, here: what follows trusts its shape (not its texts, which html.mjs escapes). */
import { z } from 'zod';
import { isMetric } from './metrics.mjs';

/** The message names the place in the file and what was expected there. */
export class BadResult extends Error {}

const amount = z.number().min(0);
const texts = z.record(z.string(), z.unknown());
const quantiles = z.looseObject({ p50: amount, p90: amount, p99: amount, p999: amount.optional(), p9999: amount.optional(), max: amount.optional(), mean: amount.optional(), count: amount });
const run = z
  .looseObject({ rate: amount.optional(), cpuUs: amount.optional(), userUs: amount.optional(), systemUs: amount.optional(), rssKiB: amount.optional(), pssKiB: amount.optional(), gbps: amount.optional(), errors: amount.optional(), failed: amount.optional(), contextSwitches: amount.optional(), busy: amount.optional(), latencyUs: quantiles.nullish(), at: amount.optional() })
  .nullable();
const metric = z.string().refine(isMetric, { error: 'is not a metric (rate, gbps, cpuUs, userUs, systemUs, rssKiB, failed, contextSwitches, p50 .. p9999, or one of the latter at a load: p99@50, latency.50.p99)' });
const histogram = z.array(z.tuple([amount, amount]));
const latencyOf = z.object({ histogram: z.record(z.string(), histogram).optional() }).catchall(z.array(quantiles.nullable()));
const latency = z.object({ rates: z.record(z.string(), amount).optional() }).catchall(latencyOf);
const goal = z
  .looseObject({ text: z.string(), metric, against: z.array(z.string()).optional(), againstScenario: z.string().optional(), contender: z.string().optional(), ratio: amount.optional(), limit: amount.optional(), direction: z.enum(['atLeast', 'atMost']) })
  .refine((g) => (g.ratio === undefined) !== (g.limit === undefined), { error: 'needs either a ratio or a limit' })
  // A ratio to nobody is a limit.
  .transform((g) => (g.against?.length === 0 && g.againstScenario === undefined && g.ratio !== undefined ? { ...g, limit: g.ratio, ratio: undefined } : g));
const scenario = z.looseObject({
  id: z.string(),
  title: z.string(),
  what: z.string().default(''),
  unit: z.string().default('requests/s'),
  primary: metric,
  runs: z.record(z.string(), z.array(run)),
  latency: latency.nullish(),
  direct: z.looseObject({ rate: amount.optional() }).nullish(),
  systemCalls: z.record(z.string(), z.record(z.string(), amount)).nullish(),
  instructions: z.record(z.string(), z.looseObject({ user: amount, system: amount })).nullish(),
  skipped: z.record(z.string(), z.string()).default({}),
  void: z.array(z.looseObject({ contender: z.string(), round: amount.optional(), why: z.string() })).default([]),
  goals: z.array(goal).default([]),
});
const contender = z.looseObject({ name: z.string(), title: z.string(), version: z.string().default(''), kind: z.string(), config: z.string().nullish(), note: z.string().nullish(), features: z.string().nullish(), check: texts.nullish() });

const schema = z.looseObject({
  format: z.literal(1, { error: 'is not 1, the only format that this program reads' }),
  date: z.string(),
  seconds: amount.optional(),
  label: z.string().default(''),
  machine: texts.default({}),
  options: texts.default({}),
  contenders: z.array(contender).min(1),
  absent: z.array(z.looseObject({ name: z.string(), why: z.string() })).default([]),
  scenarios: z.array(scenario),
});

const place = (path) => path.reduce((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`), '');

/** @param {unknown} value @returns {z.infer<typeof schema>} */
export function checked(value) {
  const result = schema.safeParse(value);
  if (!result.success) {
    const lines = result.error.issues.slice(0, 10).map(({ path, message }) => `${place(path) || 'the result'}: ${message}`);
    throw new BadResult(`this is not a result of the race:\n  ${lines.join('\n  ')}`);
  }
  return result.data;
}
