/** What must be as before once the trouble is over. */
import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import type { Millrace } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';

const GAUGES = ['millrace_active_requests', 'millrace_endpoint_active_requests', 'millrace_upstream_pending_requests', 'millrace_downstream_connections'];

export const descriptors = (proxy: Millrace): number => readdirSync(`/proc/${proxy.child.pid}/fd`).length;

/** Every gauge at zero, no upstream connection that thinks it carries a request, no descriptor left but those of idle connections. */
export async function expectNothingLeft(proxy: Millrace, descriptorsBefore: number, limitMs = 20_000): Promise<void> {
  await eventually(async () => {
    const values = await Promise.all(GAUGES.map((name) => proxy.metric(name)));
    const active = await proxy.metric('millrace_upstream_connections', { state: 'active' });
    expect([...values, active], `${GAUGES.join()} and active upstream connections`).toEqual([...GAUGES, ''].map(() => 0));
  }, limitMs);
  const idle = await proxy.metric('millrace_upstream_connections', { state: 'idle' });
  await eventually(() => expect(descriptors(proxy) - idle, 'descriptors').toBeLessThanOrEqual(descriptorsBefore + SLACK));
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
  expect(proxy.running).toBe(true);
}

/** Connections of the admin endpoint that are being closed. */
const SLACK = 4;
