import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { DeafListener } from '../support/deaf-listener.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const silent: Answer = () => undefined;

describe('perTryTimeout', () => {
  it('leaves a slow endpoint for another', async () => {
    const slow = await Origin.start({ answer: silent });
    const fast = await Origin.start();
    const proxy = await Millrace.start(proxyTo([slow.address, fast.address], { route: { retry: { on: ['timeout'], perTryTimeout: '100ms' } } }));
    for (let i = 0; i < 5; i++) expect((await request(proxy.port(), '/')).status).toBe(200);
    expect(fast.requests).toHaveLength(5);
    expect(await proxy.metric('millrace_upstream_attempt_timeouts_total', { phase: 'perTry' })).toBe(slow.requests.length);
    await eventually(() => slow.open.size === 0);
  });

  it('of the last attempt is a 504 with the flag UPT', async () => {
    const slow = await Origin.start({ answer: silent });
    const proxy = await Millrace.start(proxyTo([slow.address], { route: { retry: { on: ['timeout'], attempts: 1, perTryTimeout: '50ms' } } }));
    const answer = await request(proxy.port(), '/');
    expect(answer.status).toBe(504);
    expect(answer.text).toContain('perTryTimeout');
    expect(slow.requests).toHaveLength(2);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UPT' })).toBe(1);
    // A request that may have had an effect is not asked for again, and its time ends all the same.
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'x' })).status).toBe(504);
    expect(slow.requests).toHaveLength(3);
  });

  it('covers an endpoint that takes no connection, for any method', async () => {
    const deaf = await DeafListener.start();
    const good = await Origin.start();
    const proxy = await Millrace.start(proxyTo([`127.0.0.1:${deaf.port}`, good.address], { route: { retry: { on: ['timeout'], perTryTimeout: '100ms' } } }));
    for (let i = 0; i < 4; i++) expect((await request(proxy.port(), '/', { method: 'POST', body: `${i}` })).status).toBe(200);
    expect(good.requests).toHaveLength(4);
  });
});

it('the timeout of a route bounds all attempts and the waits between them', async () => {
  const origin = await Origin.start({ answer: (_message, connection) => (connection.number % 3 === 0 ? connection.reset() : undefined) });
  const proxy = await Millrace.start(
    proxyTo([origin.address], { route: { timeout: '1s', retry: { on: ['timeout', 'reset'], attempts: 10, perTryTimeout: '300ms', backoff: { base: '1s', max: '2s' } } } }),
  );
  const times = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const before = performance.now();
      const { status } = await request(proxy.port(), '/');
      expect([502, 504]).toContain(status);
      return performance.now() - before;
    }),
  );
  // All attempts and waits would take twelve seconds; there is one.
  expect(Math.max(...times)).toBeLessThan(6000);
  expect(origin.requests.length).toBeGreaterThan(22);
  expect(await proxy.metric('millrace_active_requests')).toBe(0);
});

it('a client that leaves during a wait ends its request', async () => {
  const origin = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n') });
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { on: [503], maxRetryAfter: '10s' } } }));
  const left = request(proxy.port(), '/', { limitMs: 50 });
  await expect(left).rejects.toThrow();
  await eventually(async () => (await proxy.metric('millrace_request_outcomes_total', { flag: 'DC' })) === 1);
  expect(origin.requests).toHaveLength(1);
  origin.answer = (_message, connection) => connection.send(ok());
  expect((await request(proxy.port(), '/')).status).toBe(200);
  expect(origin.requests).toHaveLength(2);
});
