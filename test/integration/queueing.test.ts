/** Limits of requests per endpoint, and the queue in front of them. */
import { expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

interface Held {
  origin: Origin;
  answers: (() => void)[];
}

async function holding(): Promise<Held> {
  const answers: (() => void)[] = [];
  const origin = await Origin.start({ answer: (_message, connection) => void answers.push(() => connection.send(ok())) });
  return { origin, answers };
}

it('no endpoint gets more than its maxRequests from all workers together, and nothing is lost', async () => {
  const { origin, answers } = await holding();
  const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { maxRequests: 3, queue: { max: 100, timeout: '20s' } }, workers: 2 }));
  const requests = Array.from({ length: 30 }, () => request(proxy.port(), '/'));
  for (let served = 0; served < 30; served++) {
    await eventually(() => answers.length > 0);
    expect(origin.requests.length - served).toBeLessThanOrEqual(3);
    answers.shift()?.();
  }
  for (const answer of requests) expect((await answer).status).toBe(200);
  expect(await proxy.metric('millrace_upstream_queued_requests')).toBe(0);
});

it('a request that waits too long gets 503 with the flag UQ, one beyond the queue gets UO', async () => {
  const { origin, answers } = await holding();
  const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { maxRequests: 1, queue: { max: 1, timeout: '200ms' } } }));
  const running = request(proxy.port(), '/');
  await eventually(() => answers.length === 1);
  const [one, two] = await Promise.all([request(proxy.port(), '/'), request(proxy.port(), '/')]);
  expect([one.status, two.status]).toEqual([503, 503]);
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UQ' })).toBe(1);
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UO' })).toBe(1);
  answers[0]?.();
  expect((await running).status).toBe(200);
});

it('a limit raised by a reload lets the waiting ones through', async () => {
  const { origin, answers } = await holding();
  const config = (maxRequests: number) => proxyTo([origin.address], { cluster: { maxRequests, queue: { max: 10, timeout: '20s' } } });
  const proxy = await Millrace.start(config(1));
  const requests = [1, 2, 3].map(() => request(proxy.port(), '/'));
  await eventually(() => answers.length === 1);
  await proxy.reload(config(3));
  await eventually(() => answers.length === 3);
  for (const answer of answers) answer();
  for (const answer of requests) expect((await answer).status).toBe(200);
});
