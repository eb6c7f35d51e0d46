import { rateLimitsOf } from '../config/compile-rate.ts';
import type { ControlView } from '../control/view.ts';
import type { MetricsWriter } from '../telemetry/exposition.ts';

/** Nothing while no rate limit is configured. */
export function writeRateLimits(out: MetricsWriter, { running, stats }: ControlView): void {
  const limits = running === null ? [] : rateLimitsOf(running.config);
  const rows = limits.flatMap(({ name }, index) => {
    const counted = stats.rateLimit(running?.version ?? 0, index);
    return counted === null ? [] : [{ name, counted }];
  });
  if (rows.length === 0) return;
  const results = { allowed: 'allowed', limited: 'limited', shadowed: 'shadowed' } as const;
  out.counter('millrace_rate_limit_requests_total', 'Requests that a rate limit counted: allowed, refused (limited), or let pass in shadow (shadowed).', rows.flatMap(({ name, counted }) =>
    Object.entries(results).map(([result, field]) => ({ labels: { limit: name, result }, value: counted[field] })),
  ));
  out.counter('millrace_rate_limit_unplaced_total', 'Requests counted together with those of other clients, because the table of keys was full.', rows.map(({ name, counted }) => ({ labels: { limit: name }, value: counted.unplaced })));
  const table = stats.rateTable();
  out.gauge('millrace_rate_limit_keys', 'Clients that the table of rate limits remembers.', [{ value: table.keys }]);
  out.gauge('millrace_rate_limit_key_capacity', 'Places in that table.', [{ value: table.capacity }]);
  out.gauge('millrace_rate_limit_table_bytes', 'Memory of that table.', [{ value: table.bytes }]);
  out.counter('millrace_rate_limit_evictions_total', 'Places of clients whose window was over, given to others.', [{ value: table.evicted }]);
}
