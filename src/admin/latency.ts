/** Latencies as GET /stats shows them: quantiles in milliseconds over ten seconds, a minute and the whole life of the process. */
import * as z from 'zod';
import type { Digest, Digests } from '../control/stats.ts';

const US_PER_MS = 1000;

export interface Latency {
  count: number;
  /** Over the real length of the window, which is up to 5 s longer than its name. */
  perSecond: number;
  seconds: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
  mean: number;
}

/** Null where nothing was recorded. */
export type Latencies = Record<'10s' | '1m' | 'total', Latency | null>;

export const latenciesSchema = z.object({
  '10s': latencySchema('of the last ten seconds'),
  '1m': latencySchema('of the last minute'),
  total: latencySchema('since the start'),
}).nullable().meta({ id: 'Latencies', description: 'milliseconds; null where nothing was recorded' });

function latencySchema(description: string) {
  const milliseconds = z.number().nonnegative();
  return z.object({
    count: z.int().nonnegative(), perSecond: z.number().nonnegative(), seconds: z.number().nonnegative(),
    p50: milliseconds, p90: milliseconds, p99: milliseconds, p999: milliseconds, max: milliseconds, mean: milliseconds,
  }).nullable().describe(description);
}

/** `uptimeMs`: what the total is spread over. Null when another configuration came into service meanwhile. */
export function latencies(digests: Digests | null, uptimeMs: number): Latencies | null {
  const [last10s, last1m, total] = digests ?? [];
  if (last10s === undefined || last1m === undefined || total === undefined) return null;
  return { '10s': latency(last10s, last10s.spanMs), '1m': latency(last1m, last1m.spanMs), total: latency(total, uptimeMs) };
}

function latency({ samples, sum, max, p50, p90, p99, p999 }: Digest, spanMs: number): Latency | null {
  if (samples === 0) return null;
  return {
    count: samples,
    perSecond: spanMs === 0 ? 0 : rounded((samples * 1000) / spanMs),
    seconds: spanMs / 1000,
    p50: p50 / US_PER_MS,
    p90: p90 / US_PER_MS,
    p99: p99 / US_PER_MS,
    p999: p999 / US_PER_MS,
    max: max / US_PER_MS,
    mean: rounded(sum / samples / US_PER_MS),
  };
}

/** Three places: more would only be noise, and bytes. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000;
