import { readFileSync, readdirSync } from 'node:fs';
import { VERSION } from '../core/version.ts';
import { systemClock } from '../core/clock.ts';
import type { MetricsWriter } from '../telemetry/exposition.ts';

/** Once: a step of the wall clock is no new start. */
const STARTED_SECONDS = systemClock.wallMs() / 1000 - process.uptime();

/** The process under the usual names, so that common dashboards find it. */
export function writeProcessMetrics(out: MetricsWriter): void {
  const memory = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  out.gauge('millrace_build_info', 'Version of Millrace and of Node.', [{ labels: { version: VERSION, node: process.version }, value: 1 }]);
  out.counter('process_cpu_seconds_total', 'User and system CPU time, all threads.', [{ value: (user + system) / 1e6 }]);
  out.gauge('process_resident_memory_bytes', 'Resident memory.', [{ value: memory.rss }]);
  out.gauge('process_start_time_seconds', 'Start of the process since the epoch.', [{ value: STARTED_SECONDS }]);
  const openFiles = unlessShort(() => readdirSync('/proc/self/fd').length);
  if (openFiles !== undefined) out.gauge('process_open_fds', 'Open file descriptors.', [{ value: openFiles }]);
  const maxFiles = unlessShort(() => /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  if (maxFiles !== undefined) out.gauge('process_max_fds', 'Limit of open file descriptors.', [{ value: Number(maxFiles) }]);
  out.gauge('millrace_main_heap_bytes', 'Heap in use by the main thread (workers have heaps of their own).', [{ value: memory.heapUsed }]);
}

/** To look at descriptors takes one. The page is needed most when none is left, so it goes without these lines then. */
function unlessShort<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
