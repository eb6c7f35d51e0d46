/**
 * What the results of an endpoint's checks add up to, and when the next check is due. Pure: random numbers are arguments.
 *
 *               the first good one              `unhealthyThreshold` failures in a row
 *      pending --------------------> healthy ------------------------------------------> unhealthy
 *         |                             ^                                                 |  ^
 *         |                             +------- `healthyThreshold` good ones in a row ---+  |
 *         +---------- `unhealthyThreshold` failures in a row --------------------------------+
 *
 * Pending endpoints take no traffic, like unhealthy ones; but their first good answer admits them, so that neither a start nor
 * a new endpoint waits for more.
 */
import type { HealthCheckConfig } from '../config/types-failover.ts';

export type Health = 'pending' | 'healthy' | 'unhealthy';

export interface Verdict {
  readonly health: Health;
  /** Results in a row that speak against `health`; always fewer than what decides. */
  readonly against: number;
}

export const PENDING: Verdict = { health: 'pending', against: 0 };

export type Thresholds = Pick<HealthCheckConfig, 'healthyThreshold' | 'unhealthyThreshold'>;
export type Intervals = Pick<HealthCheckConfig, 'intervalMs' | 'unhealthyIntervalMs' | 'edgeIntervalMs' | 'jitterPercent'>;

/** The verdict after one more result. */
export function judge({ health, against }: Verdict, good: boolean, { healthyThreshold, unhealthyThreshold }: Thresholds): Verdict {
  const confirms = health === (good ? 'healthy' : 'unhealthy');
  if (confirms) return { health, against: 0 };
  const needed = !good ? unhealthyThreshold : health === 'pending' ? 1 : healthyThreshold;
  return against + 1 >= needed ? { health: good ? 'healthy' : 'unhealthy', against: 0 } : { health, against: against + 1 };
}

/**
 * Milliseconds from the start of a check to the start of the next one; `random` is in [0, 1). All endpoints are first checked at
 * the same time, so the check after the first one comes at any time of the interval: that spreads them for good.
 */
export function pauseMs({ health, against }: Verdict, intervals: Intervals, random: number, isFirst: boolean): number {
  const { edgeIntervalMs, jitterPercent } = intervals;
  const isEdge = against > 0 || health === 'pending';
  const baseMs = isEdge ? edgeIntervalMs : health === 'healthy' ? intervals.intervalMs : intervals.unhealthyIntervalMs;
  if (isFirst && !isEdge) return Math.ceil(baseMs * random);
  return Math.round(baseMs * (1 + (jitterPercent / 100) * random));
}
