import { expect, it } from 'vitest';
import { RawClient, requestBytes } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { randomOf } from '../conformance/rate/support.ts';

/** Each origin does something else with every request; about half of them are answered. */
const mixed = (seed: number): Answer => {
  const random = randomOf(seed);
  return (message, connection) => {
    const draw = random();
    if (draw < 0.08) connection.reset();
    else if (draw < 0.16) connection.end();
    else if (draw < 0.24) connection.end('HTTP/1.1 200 OK\r\nContent-');
    else if (draw < 0.34) connection.send('HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno');
    else if (draw < 0.38) {
      connection.send('HTTP/1.1 500 No\r\nContent-Length: 30\r\n\r\nnot all of it, ');
      setImmediate(() => connection.send('but later there'));
    }
    else if (draw < 0.44) connection.send('HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n');
    else if (draw < 0.5) return;
    else connection.send(ok(message.target + message.text));
  };
};

it('each request in a mix of failing origins gets exactly one answer, and it is its own', { timeout: 60_000 }, async () => {
  const origins = await Promise.all([1, 2, 3].map((seed) => Origin.start({ answer: mixed(seed) })));
  const proxy = await Millrace.start(
    proxyTo([...origins.map(({ address }) => address), await closedAddress()], {
      workers: 2,
      route: { timeout: '3s', retry: { on: ['connectFailure', 'reset', 'timeout', '5xx', 'rateLimited'], attempts: 6, perTryTimeout: '150ms', backoff: { base: '4ms' } } },
      cluster: { outlierDetection: false, retryBudget: { percent: 400 }, limits: { maxRetries: 40 } },
    }),
  );
  const counts = new Map<number, number>();
  const run = async (lane: number): Promise<void> => {
    const client = await RawClient.connect({ port: proxy.port() });
    for (let i = 0; i < 60; i++) {
      const body = i % 3 === 0 ? `body ${lane}.${i}` : undefined;
      client.send(requestBytes(`/${lane}/${i}`, { method: body === undefined ? 'GET' : 'PUT', ...(body === undefined ? {} : { body }) }));
      const { status, text } = await client.response();
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (status === 200) expect(text).toBe(`/${lane}/${i}${body ?? ''}`);
    }
    // Nothing has come that nobody asked for.
    expect(client.received).toHaveLength(0);
    await client.close();
  };
  await Promise.all(Array.from({ length: 16 }, (_, lane) => run(lane)));
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  expect(total).toBe(16 * 60);
  expect([...counts.keys()].filter((status) => ![200, 429, 500, 502, 503, 504].includes(status))).toEqual([]);
  // Six more attempts at even odds leave about one in a hundred.
  expect(counts.get(200)).toBeGreaterThan(0.95 * total);
  expect(await proxy.metric('millrace_downstream_requests_total')).toBe(total);
  expect(await proxy.metric('millrace_active_requests')).toBe(0);
  expect(await proxy.metric('millrace_upstream_retry_successes_total')).toBeGreaterThan(200);
});
