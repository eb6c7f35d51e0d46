import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

const HEADER = 'x-millrace-timeout-ms';

/** A proxy that passes deadlines on, and believes those of loopback peers if told so. */
const proxy = (origin: Origin, { trust, route = {} }: { trust: boolean; route?: object }): Promise<Millrace> =>
  Millrace.start(
    proxyTo([origin.address], {
      route: { propagateDeadline: true, timeout: '20s', ...route },
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', forwarded: { trust: trust ? ['127.0.0.0/8'] : [] } }],
    }),
  );

/** What the upstream was told, each time; making a connection takes its time. */
function expectTold(origin: Origin, expected: readonly number[], name = HEADER): void {
  const told = origin.requests.map((message) => Number(message.header(name)));
  expect(told).toHaveLength(expected.length);
  for (const [i, ms] of expected.entries()) {
    expect(told[i]).toBeLessThanOrEqual(ms);
    expect(told[i]).toBeGreaterThan(ms - 1000);
  }
}

describe('a deadline that a trusted peer sends', () => {
  it('goes on to the upstream, as what is left of it', async () => {
    const origin = await Origin.start();
    const millrace = await proxy(origin, { trust: true });
    expect((await request(millrace.port(), '/', { headers: { [HEADER]: '12345' } })).status).toBe(200);
    expect((await request(millrace.port(), '/')).status).toBe(200);
    expectTold(origin, [12_345, 20_000]);
  });

  it('ends the request when it passes', async () => {
    const origin = await Origin.start({ answer: () => undefined });
    const millrace = await proxy(origin, { trust: true });
    const answer = await request(millrace.port(), '/', { headers: { [HEADER]: '150' } });
    expect(answer.status).toBe(504);
    expect(answer.text).toBe('the deadline of the request has passed\n');
    expect(await millrace.metric('millrace_request_outcomes_total', { flag: 'DLE' })).toBe(1);
  });

  it('of 0 is answered without asking anybody', async () => {
    const origin = await Origin.start();
    const millrace = await proxy(origin, { trust: true });
    expect((await request(millrace.port(), '/', { headers: { [HEADER]: '0' } })).status).toBe(504);
    expect(await millrace.metric('millrace_request_outcomes_total', { flag: 'DLE' })).toBe(1);
    expect(origin.requests).toHaveLength(0);
    const line = await millrace.logged(/^request failed: /);
    expect(line).toMatchObject({ reason: 'DLE', status: 504, cluster: 'up', method: 'GET', target: '/' });
    expect(Object.keys(line)).not.toContain('attempts');
  });
});

it('a peer that is not trusted has no say', async () => {
  const origin = await Origin.start();
  const millrace = await proxy(origin, { trust: false });
  for (const value of ['0', '1', 'soon']) expect((await request(millrace.port(), '/', { headers: { [HEADER]: value } })).status).toBe(200);
  expectTold(origin, [20_000, 20_000, 20_000]);
});

it('the header may have another name', async () => {
  const origin = await Origin.start();
  const millrace = await proxy(origin, { trust: true, route: { propagateDeadline: { header: 'X-Patience' } } });
  expect((await request(millrace.port(), '/', { headers: { 'x-patience': '1777', [HEADER]: '0' } })).status).toBe(200);
  expectTold(origin, [1777], 'x-patience');
  expect(origin.last.header(HEADER)).toBe('0');
});

it('two proxies in a row shorten it on the way', async () => {
  const origin = await Origin.start();
  const inner = await proxy(origin, { trust: true });
  const outer = await Millrace.start(proxyTo([`127.0.0.1:${inner.port()}`], { route: { propagateDeadline: true, timeout: '5s' } }));
  expect((await request(outer.port(), '/', { headers: { [HEADER]: '1' } })).status).toBe(200);
  expectTold(origin, [5000]);
});
