import { expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const roundRobin = { balancer: { policy: 'roundRobin' as const } };

it('round robin gives every endpoint its weight, exactly', async () => {
  const origins = await Promise.all([1, 2, 3].map(() => Origin.start()));
  const weights = [3, 1, 2];
  const proxy = await Millrace.start(proxyTo(origins.map(({ address }, i) => ({ address, weight: weights[i] ?? 0 })), { cluster: roundRobin }));
  for (let i = 0; i < 60; i++) await request(proxy.port(), '/');
  expect(origins.map(({ requests }) => requests.length)).toEqual([30, 10, 20]);
});

it('an endpoint of weight 0 gets nothing', async () => {
  const [drained, used] = [await Origin.start(), await Origin.start()];
  const proxy = await Millrace.start(proxyTo([{ address: drained.address, weight: 0 }, used.address], { cluster: roundRobin }));
  for (let i = 0; i < 10; i++) await request(proxy.port(), '/');
  expect([drained.requests.length, used.requests.length]).toEqual([0, 10]);
});

it('a cluster without an endpoint of weight answers 503', async () => {
  const drained = await Origin.start();
  const proxy = await Millrace.start(proxyTo([{ address: drained.address, weight: 0 }]));
  expect((await request(proxy.port(), '/')).status).toBe(503);
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'NC' })).toBe(1);
});

it('least request avoids an endpoint that is stuck', async () => {
  const stuck = await Origin.start({ answer: () => undefined });
  const origins = [stuck, await Origin.start(), await Origin.start()];
  const proxy = await Millrace.start(proxyTo(origins.map(({ address }) => address), { cluster: { balancer: { policy: 'leastRequest' } } }));
  // Until it holds a request, it is as good as the others.
  const victims: RawClient[] = [];
  while (stuck.requests.length === 0) {
    const victim = await RawClient.connect({ port: proxy.port() });
    victims.push(victim);
    victim.send(requestBytes('/'));
    await eventually(() => origins.reduce((sum, { requests }) => sum + requests.length, 0) === victims.length);
    if (victims.length > 200) throw new Error('the stuck endpoint was never chosen');
  }
  const before = stuck.requests.length;
  const client = await RawClient.connect({ port: proxy.port() });
  for (let i = 0; i < 200; i++) {
    client.send(requestBytes('/'));
    expect((await client.response()).status).toBe(200);
  }
  expect(stuck.requests.length).toBe(before);
});
