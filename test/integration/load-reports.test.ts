/** Upstreams that say how busy they are (prequal). */
import { expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

const reporting = (rif: number, latencyUs: number) =>
  Origin.start({ answer: (_message, connection) => connection.send(ok('ok', `X-Prequal-RIF: ${rif}\r\nX-Prequal-Latency-Us: ${latencyUs}\r\nX-Own: 1\r\n`)) });

it('the less loaded of the endpoints that report is preferred, and the client sees nothing of it', async () => {
  const origins = [await reporting(50, 90_000), await reporting(1, 900), await reporting(60, 95_000)];
  const proxy = await Millrace.start(proxyTo(origins.map(({ address }) => address), { cluster: { balancer: { policy: 'prequal' } } }));
  for (let i = 0; i < 300; i++) {
    const answer = await request(proxy.port(), '/');
    expect(answer.status).toBe(200);
    expect(answer.header('x-own')).toBe('1');
    expect(answer.head.text.toLowerCase()).not.toContain('x-prequal');
  }
  const counts = origins.map(({ requests }) => requests.length);
  expect(counts[1]).toBeGreaterThan(150);
  expect(Math.min(...counts)).toBeGreaterThan(0);
});

it('other policies pass such headers through', async () => {
  const origin = await reporting(1, 2);
  const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { balancer: { policy: 'peakEwma' } } }));
  expect((await request(proxy.port(), '/')).header('x-prequal-rif')).toBe('1');
});

it.each(['peakEwma', 'leastTime', 'prequal'] as const)('%s does not take an endpoint that fails fast for a quick one', async (policy) => {
  const failing = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n') });
  const others = await Promise.all([1, 2, 3].map(() => Origin.start()));
  const proxy = await Millrace.start(
    proxyTo([failing.address, ...others.map(({ address }) => address)], { cluster: { balancer: { policy } }, route: { retry: { attempts: 0 } } }),
  );
  for (let i = 0; i < 400; i++) await request(proxy.port(), '/');
  expect(failing.requests.length).toBeGreaterThan(0);
  expect(failing.requests.length).toBeLessThan(20);
});
