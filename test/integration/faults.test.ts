import { expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

const proxy = (origin: Origin, fault: object): Promise<Millrace> => Millrace.start(proxyTo([origin.address], { route: { fault } }));

it('a route with an abort answers by itself, and says so', async () => {
  const origin = await Origin.start();
  const millrace = await proxy(origin, { abort: { status: 429, percent: 100 } });
  const answer = await request(millrace.port(), '/');
  expect(answer.status).toBe(429);
  expect(answer.text).toBe('aborted by fault injection\n');
  expect(origin.requests).toHaveLength(0);
  expect(await millrace.metric('millrace_request_outcomes_total', { flag: 'FI' })).toBe(1);
  expect(await millrace.metric('millrace_faults_injected_total', { fault: 'abort' })).toBe(1);
});

it('a delayed request takes that long, body and all', async () => {
  const origin = await Origin.start();
  const millrace = await proxy(origin, { delay: { time: '150ms' } });
  const begun = performance.now();
  const answer = await request(millrace.port(), '/', { method: 'POST', body: 'x'.repeat(100_000) });
  // The wheel of the timers has steps of 16 ms, and may begin one early.
  expect(performance.now() - begun).toBeGreaterThan(130);
  expect(answer.status).toBe(200);
  expect(origin.requests[0]?.body).toHaveLength(100_000);
  expect(await millrace.metric('millrace_faults_injected_total', { fault: 'delay' })).toBe(1);
});

it('what is not enabled is not injected', async () => {
  const origin = await Origin.start();
  const millrace = await proxy(origin, { enabled: false, abort: { status: 503 }, delay: { time: '10s' } });
  expect((await request(millrace.port(), '/')).status).toBe(200);
  expect(await millrace.metric('millrace_faults_injected_total', { fault: 'abort' })).toBe(0);
});
