/** The histograms of the running proxy, as the admin endpoint shows them. */
import { expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

interface Shown {
  count: number;
  p50: number;
  p9999: number;
  max: number;
  seconds?: number;
}
interface Clusters {
  clusters: { latencyMs: { p50: number }; histograms: { duration: Record<'total' | 'last1m' | 'last10s', Shown> } }[];
}

it('quantiles cover the total, the last minute and the last ten seconds', async () => {
  const delayMs = 30;
  const origin = await Origin.start({ answer: (_request, connection) => void setTimeout(() => connection.send(ok()), delayMs) });
  const proxy = await Millrace.start({ ...proxyTo([origin.address]), workers: 2 });
  await Promise.all(Array.from({ length: 20 }, () => request(proxy.port(), '/')));
  const { clusters } = JSON.parse((await proxy.admin('/clusters')).text) as Clusters;
  const duration = clusters[0]?.histograms.duration;
  for (const { count, p50, p9999, max } of [duration?.total, duration?.last1m, duration?.last10s].map((shown) => shown ?? { count: 0, p50: 0, p9999: 0, max: 0 })) {
    expect(count).toBe(20);
    expect(p50).toBeGreaterThanOrEqual(delayMs * (1 - 1 / 64) - 1); // timers may fire a millisecond early
    expect(p9999).toBe(max); // the largest of twenty
    expect(max).toBeGreaterThanOrEqual(p50);
  }
  // The proxy is younger than the windows.
  expect(duration?.last10s.seconds).toBe(duration?.last1m.seconds);
  expect(duration?.last10s.seconds).toBeGreaterThanOrEqual(delayMs / 1000);
  expect(duration?.total).not.toHaveProperty('seconds');
});
