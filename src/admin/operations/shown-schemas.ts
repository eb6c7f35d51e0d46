/** Schemas of what several operations show. */
import * as z from 'zod';
import { BREAKER_STATE, HEALTH } from '../../binding/abi.ts';

export const isoTime = z.iso.datetime();

const keys = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];
const value = z.number().nullable();
const quantileFields = { p50: value, p90: value, p99: value, p999: value, p9999: value, max: value };

export const quantilesSchema = z.object(quantileFields).meta({ id: 'Quantiles', description: 'null where nothing was recorded' });

const summary = z.object({ count: z.number(), mean: value, ...quantileFields, seconds: z.number().optional().describe('how far back it reaches') }).meta({ id: 'Summary' });
const summaries = z.object({ unit: z.enum(['ms', 'bytes']), total: summary, last1m: summary, last10s: summary }).meta({ id: 'Summaries' });

/** By phase; those without samples are left out. */
export function histogramsSchema(phases: readonly string[]) {
  return z.object(Object.fromEntries(phases.map((phase) => [phase, summaries.optional()]))).describe('phases that have samples');
}

/** Counters and gauges under their names in the engine. */
export function countersSchema(names: readonly string[]) {
  return z.object(Object.fromEntries(names.map((name) => [name, z.number()])));
}

const history = z.array(z.object({ at: isoTime, what: z.string(), text: z.string() })).describe('changes, the newest one last');

export const healthSchema = z.object({
  state: z.enum(['available', 'unavailable']),
  reasons: z.array(z.enum(keys(HEALTH))).describe('why it is unavailable; halfOpen: it takes the probes of its circuit breaker only'),
  since: isoTime.nullable(),
  evidence: z.string().nullable().describe('what was seen then'),
  until: isoTime.nullable().describe('when an ejection, or the open time of its breaker, ends'),
  lastCheck: z.object({ at: isoTime, ok: z.boolean().nullable(), tookMs: z.number(), text: z.string() }).nullable(),
  nextCheck: isoTime.nullable(),
  history,
}).meta({ id: 'Health' });

export const breakerSchema = z.object({ state: z.enum(keys(BREAKER_STATE)), since: isoTime.nullable(), evidence: z.string().nullable(), until: isoTime.nullable(), history }).meta({ id: 'Breaker' });
