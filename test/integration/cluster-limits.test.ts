import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

/** Keeps every request until told to answer. */
async function patient(): Promise<{ origin: Origin; answer: () => void; asked: () => number }> {
  const waiting: OriginConnection[] = [];
  const origin = await Origin.start({ answer: (_message, connection) => void waiting.push(connection) });
  return { origin, answer: () => waiting.splice(0).forEach((connection) => connection.send(ok())), asked: () => waiting.length };
}

const ask = (proxy: Millrace, count: number): Promise<{ status: number; text: string }[]> => Promise.all(Array.from({ length: count }, () => request(proxy.port(), '/')));

describe('limits of a cluster, with two workers', () => {
  it('maxRequests lets exactly so many through', async () => {
    const { origin, answer, asked } = await patient();
    const proxy = await Millrace.start(proxyTo([origin.address], { workers: 2, cluster: { limits: { maxRequests: 5 } } }));
    const answers = ask(proxy, 20);
    await eventually(async () => (await proxy.metric('millrace_request_outcomes_total', { flag: 'UO' })) === 15);
    await eventually(() => asked() === 5);
    answer();
    const all = await answers;
    expect(all.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(all.filter(({ status, text }) => status === 503 && text === 'the upstream cluster is at its limit of requests (maxRequests)\n')).toHaveLength(15);
    expect(await proxy.logged(/^request failed: the upstream cluster is at its limit/)).toMatchObject({ reason: 'UO', status: 503, cluster: 'up' });
    // All places are free again.
    const more = ask(proxy, 5);
    await eventually(() => asked() === 5);
    answer();
    expect((await more).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  it('maxConnections is never exceeded, and everybody is served', async () => {
    const origins = await Promise.all([Origin.start(), Origin.start(), Origin.start()]);
    const proxy = await Millrace.start(
      proxyTo(
        origins.map(({ address }) => address),
        { workers: 2, cluster: { limits: { maxConnections: 2 } } },
      ),
    );
    let done = false;
    const answers = ask(proxy, 300).finally(() => (done = true));
    // As the proxy counts them, since an origin hears of the end of a connection only later. A scrape reads one worker after
    // the other: of two that pass a place on at that moment it may count both.
    let most = 0;
    while (!done) most = Math.max(most, await proxy.metric('millrace_upstream_connections', { cluster: 'up' }));
    expect((await answers).every(({ status }) => status === 200)).toBe(true);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    expect(await proxy.metric('millrace_upstream_limit_overflow_total', { limit: 'maxConnections' })).toBeGreaterThan(0);
    expect(origins.every(({ requests }) => requests.length > 0)).toBe(true);
  });

  it('maxPendingRequests refuses those that would wait', async () => {
    const { origin, answer, asked } = await patient();
    const proxy = await Millrace.start(proxyTo([origin.address], { workers: 2, cluster: { limits: { maxConnections: 2, maxPendingRequests: 3 } } }));
    const answers = ask(proxy, 20);
    await eventually(async () => (await proxy.metric('millrace_request_outcomes_total', { flag: 'UO' })) === 15);
    const served = setInterval(answer, 5);
    const all = await answers.finally(() => clearInterval(served));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(all.filter(({ text }) => text === 'too many requests of the upstream cluster wait (maxPendingRequests)\n')).toHaveLength(15);
    expect(asked()).toBe(0);
  });
});
