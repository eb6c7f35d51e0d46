import type { ControlView } from '../control/view.ts';
import { FAILURES } from '../health/check.ts';
import type { MetricsWriter } from '../telemetry/exposition.ts';

/** Counters of active health checks, of clusters that have them. */
export function writeHealthChecks(out: MetricsWriter, { health }: ControlView): void {
  const clusters = [...health.counts];
  if (clusters.length === 0) return;
  out.counter('millrace_health_checks_total', 'Active health checks by result; void ones failed for lack of time or descriptors of this process, and were made again.', clusters.flatMap(([cluster, counts]) => [
    { labels: { cluster, result: 'passed' }, value: counts.passed },
    { labels: { cluster, result: 'failed' }, value: FAILURES.reduce((sum, failure) => sum + counts[`failed:${failure}`], 0) },
    { labels: { cluster, result: 'void' }, value: counts.void },
  ]));
  out.counter('millrace_health_check_failures_total', 'Active health checks that failed, by where they did.', clusters.flatMap(([cluster, counts]) =>
    FAILURES.map((reason) => ({ labels: { cluster, reason }, value: counts[`failed:${reason}`] })),
  ));
}
