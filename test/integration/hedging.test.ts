import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

/** Answers nothing. */
const silent: Answer = () => undefined;
/** A second attempt after 30 ms, for as many requests as there are. */
const hedge = { quantile: 0, minDelay: '30ms', budget: 100 };
const hedges = (proxy: Millrace) => proxy.metric('millrace_upstream_hedges_total');

describe('hedging', () => {
  it('asks another endpoint when one takes too long, gives the first answer and cancels the other attempt', async () => {
    const slow = await Origin.start({ answer: silent });
    const fast = await Origin.start();
    const proxy = await Millrace.start(proxyTo([slow.address, fast.address], { route: { hedge } }));
    for (let i = 0; i < 8; i++) expect((await request(proxy.port(), `/${i}`)).status).toBe(200);
    expect(fast.requests).toHaveLength(8);
    expect(slow.requests.length).toBeGreaterThan(0);
    await eventually(() => slow.open.size === 0);
    expect(await hedges(proxy)).toBe(slow.requests.length);
    expect(await proxy.metric('millrace_upstream_hedges_won_total')).toBe(slow.requests.length);
    expect(await proxy.metric('millrace_upstream_retries_total')).toBe(0);
    expect(await proxy.metric('millrace_active_requests')).toBe(0);
  });

  it('never sends a request twice that may have had an effect', async () => {
    const slow = await Promise.all([Origin.start({ answer: silent }), Origin.start({ answer: silent })]);
    const proxy = await Millrace.start(proxyTo(slow.map(({ address }) => address), { route: { hedge, timeout: '300ms', retry: { attempts: 0 } } }));
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'x' })).status).toBe(504);
    expect((await request(proxy.port(), '/', { method: 'PUT', body: 'x' })).status).toBe(504);
    expect(slow.reduce((sum, origin) => sum + origin.requests.length, 0)).toBe(2);
    expect(await hedges(proxy)).toBe(0);
  });

  it('waits for the slow one when the second attempt fails, and takes the second when the first fails', async () => {
    const held: (() => void)[] = [];
    const first = await Origin.start({ answer: (_message, connection) => void held.push(() => connection.send(ok('slow'))) });
    const broken = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n') });
    const proxy = await Millrace.start(proxyTo([first.address, { address: broken.address, weight: 1 }], { cluster: { balancer: { policy: 'roundRobin' } }, route: { hedge } }));
    let slow = 0;
    for (let i = 0; i < 8; i++) {
      const before = broken.requests.length;
      let over = false;
      const answer = request(proxy.port(), '/').finally(() => (over = true));
      await eventually(() => broken.requests.length > before);
      await eventually(() => held.length > 0 || over);
      held.splice(0).forEach((send) => send());
      const { status, text } = await answer;
      // Where the broken one is asked first, its answer stands, being the only attempt then.
      if (status === 200) slow++;
      else expect(status).toBe(500);
      if (status === 200) expect(text).toBe('slow');
    }
    expect(slow).toBeGreaterThan(0);
  });

  it('takes both attempts back when the client leaves', async () => {
    const slow = await Promise.all([Origin.start({ answer: silent }), Origin.start({ answer: silent })]);
    const proxy = await Millrace.start(proxyTo(slow.map(({ address }) => address), { route: { hedge } }));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await eventually(() => slow.every((origin) => origin.requests.length === 1));
    client.socket.destroy();
    await eventually(() => slow.every((origin) => origin.open.size === 0));
    await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  });

  it('stays within its budget', async () => {
    const slow = await Origin.start({ answer: silent });
    const other = await Origin.start({ answer: silent });
    const proxy = await Millrace.start(proxyTo([slow.address, other.address], { route: { hedge: { ...hedge, budget: 10 }, timeout: '200ms', retry: { attempts: 0 } } }));
    const answers = await Promise.all(Array.from({ length: 40 }, () => request(proxy.port(), '/')));
    expect(answers.every(({ status }) => status === 504)).toBe(true);
    expect(await hedges(proxy)).toBe(4);
    expect(slow.requests.length + other.requests.length).toBe(44);
  });
});
