import { describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const roundRobin = { balancer: { policy: 'roundRobin' as const } };

describe('refused connection', () => {
  it.each(['GET', 'POST'])('is tried again at another endpoint (%s)', async (method) => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([await closedAddress(), origin.address], { cluster: roundRobin }));
    for (let i = 0; i < 6; i++) {
      const answer = await request(proxy.port(), '/', { method, ...(method === 'POST' ? { body: `body ${i}` } : {}) });
      expect(answer.status).toBe(200);
      if (method === 'POST') expect(origin.last.text).toBe(`body ${i}`);
    }
    expect(origin.requests).toHaveLength(6);
    // A retry takes the next place of the round too, so the dead endpoint may come first every time.
    const retries = await proxy.metric('millrace_upstream_retries_total');
    expect(retries).toBeGreaterThanOrEqual(3);
    expect(retries).toBeLessThanOrEqual(6);
  });

  it('by every endpoint is 502', async () => {
    const proxy = await Millrace.start(proxyTo([await closedAddress(), await closedAddress()]));
    expect((await request(proxy.port(), '/')).status).toBe(502);
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(502);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UF' })).toBe(2);
  });

  it('is not tried again when retries are switched off', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([await closedAddress(), origin.address], { cluster: roundRobin, route: { retry: { attempts: 0 } } }));
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await request(proxy.port(), '/')).status);
    expect(statuses.sort()).toEqual([200, 200, 502, 502]);
  });
});

describe('connection that the upstream closes without a byte', () => {
  /** Answers the first request of a connection and drops the others. */
  const stale = (drop: 'end' | 'reset'): Promise<Origin> =>
    Origin.start({ answer: (_message, connection) => (connection.requests === 1 ? connection.send(ok(`${connection.number}`)) : connection[drop]()) });

  it.each(['end', 'reset'] as const)('as it is reused is replaced by a new one (%s)', async (drop) => {
    const origin = await stale(drop);
    const proxy = await Millrace.start(proxyTo([origin.address]));
    expect((await request(proxy.port(), '/')).text).toBe('1');
    expect((await request(proxy.port(), '/')).text).toBe('2');
    expect(origin.requests).toHaveLength(3);
  });

  it('is not replaced for a request that may not be sent twice', async () => {
    const origin = await stale('reset');
    const proxy = await Millrace.start(proxyTo([origin.address]));
    await request(proxy.port(), '/');
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'once' })).status).toBe(502);
    expect(origin.requests).toHaveLength(2);
    expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'UC' })).toBe(1);
  });

  it('while idle costs no request anything', async () => {
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address]));
    expect((await request(proxy.port(), '/')).status).toBe(200);
    for (const connection of origin.open) connection.end();
    await eventually(async () => (await proxy.metric('millrace_upstream_connections')) === 0);
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'x' })).status).toBe(200);
    expect(origin.connections).toBe(2);
  });

  it('is tried at another endpoint when it was new', async () => {
    const bad = await Origin.start({ answer: (_message, connection) => connection.reset() });
    const good = await Origin.start();
    const proxy = await Millrace.start(proxyTo([bad.address, good.address], { cluster: roundRobin }));
    for (let i = 0; i < 4; i++) expect((await request(proxy.port(), '/')).status).toBe(200);
    expect(bad.requests.length).toBeGreaterThanOrEqual(2);
    expect(good.requests).toHaveLength(4);
  });

  it('of all endpoints is 502 after the attempts allowed', async () => {
    const bad = await Promise.all([1, 2, 3, 4].map(() => Origin.start({ answer: (_message, connection) => connection.reset() })));
    const proxy = await Millrace.start(proxyTo(bad.map(({ address }) => address), { route: { retry: { attempts: 2 } } }));
    expect((await request(proxy.port(), '/')).status).toBe(502);
    expect(bad.reduce((sum, { requests }) => sum + requests.length, 0)).toBe(3);
  });
});

it('an answer that has begun to reach the client is never asked for again', async () => {
  const origin = await Origin.start({ answer: (_message, connection) => connection.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nha') });
  const proxy = await Millrace.start(proxyTo([origin.address]));
  await expect(request(proxy.port(), '/')).rejects.toThrow();
  expect(origin.requests).toHaveLength(1);
});

it('the head of an answer that breaks off has not reached the client: it is asked for again', async () => {
  const origin = await Origin.start({ answer: (_message, connection) => connection.end('HTTP/1.1 200 OK\r\nConte') });
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { retry: { attempts: 1 } } }));
  expect((await request(proxy.port(), '/')).status).toBe(502);
  expect(origin.requests).toHaveLength(2);
});

it('the client keeps its connection through all of it', async () => {
  const proxy = await Millrace.start(proxyTo([await closedAddress()]));
  const client = await RawClient.connect({ port: proxy.port() });
  for (let i = 0; i < 3; i++) {
    client.send(requestBytes('/'));
    expect((await client.response()).status).toBe(502);
  }
});
