import { describe, expect, it } from 'vitest';
import { MAX_CONNECTS } from '../../../src/health/health-checks.ts';
import { Phases } from '../../../src/health/connect.ts';
import { closedAddress } from '../../support/closed-port.ts';
import { ok, Origin } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';
import { checkConfig, clusterOf, http, tcp, tlsConfig, Watched } from './support.ts';

const FAST = checkConfig(http(), { intervalMs: 5, unhealthyIntervalMs: 5, edgeIntervalMs: 5 });

describe('another configuration', () => {
  it('leaves checks alone that stay what they are, wherever the endpoint is listed now', async () => {
    const origin = await Origin.start();
    const watched = new Watched({ a: clusterOf([origin.address], FAST) });
    const before = await watched.until('healthy');
    watched.checks.apply({ b: clusterOf([await closedAddress()], null), a: clusterOf([await closedAddress(), origin.address], FAST) });
    expect(watched.checks.endpoint(0)).toBeNull();
    expect(watched.checks.endpoint(1)?.findings.verdict.health).toBe('pending');
    expect(watched.checks.endpoint(2)?.findings).toBe(before.findings);
    await watched.result(watched.seen.length + 5);
    expect(origin.connections).toBe(1);
    expect(watched.seen.at(-1)?.endpoint.index).toBeGreaterThan(0);
  });

  it('of the checks keeps what is known, and checks at once', async () => {
    const origin = await Origin.start();
    const watched = new Watched({ a: clusterOf([origin.address], { ...FAST, intervalMs: 600_000 }) });
    const { findings } = await watched.until('healthy');
    const { sinceMs, history } = findings;
    for (const changed of [clusterOf([origin.address], { ...FAST, intervalMs: 500_000 }), clusterOf([origin.address], checkConfig(tcp(), { intervalMs: 500_000 })), clusterOf([origin.address], { ...FAST, timeoutMs: 300 }, tlsConfig())]) {
      const results = watched.seen.length;
      watched.checks.apply({ a: changed });
      expect(watched.checks.endpoint(0)?.findings).toMatchObject({ verdict: { health: 'healthy' }, sinceMs, history });
      await watched.result(results + 1);
    }
    expect(watched.seen.at(-1)?.result.text).toMatch(/^TLS handshake: not finished within 300ms/);
  });

  it('begins checks of an endpoint that was in service with the presumption that it is healthy', async () => {
    const address = await closedAddress();
    const watched = new Watched({ a: clusterOf([address], null) });
    watched.checks.apply({ a: clusterOf([address], FAST) });
    expect(watched.checks.endpoint(0)?.findings).toMatchObject({ verdict: { health: 'healthy', against: 0 }, evidence: 'in service before it was checked' });
    await watched.until('unhealthy');
    expect(watched.seen.length).toBe(3);
    watched.checks.apply({ b: clusterOf([address], FAST) });
    expect(watched.checks.endpoint(0)?.findings.verdict.health).toBe('pending');
  });

  it('ends the checks of what it does not have any more', async () => {
    const origin = await Origin.start();
    const watched = new Watched({ a: clusterOf([origin.address], FAST) });
    await watched.until('healthy');
    watched.checks.apply({ a: clusterOf([origin.address], null) });
    const results = watched.seen.length;
    await eventually(() => origin.open.size === 0);
    expect([watched.checks.count, watched.checks.endpoint(0), watched.seen.length]).toEqual([0, null, results]);
  });

  it('checks an endpoint once that is listed twice', async () => {
    const origin = await Origin.start();
    const watched = new Watched({ a: clusterOf([origin.address, origin.address], FAST) });
    expect(watched.checks.count).toBe(1);
    expect(watched.checks.endpoint(0)?.findings).toBe(watched.checks.endpoint(1)?.findings);
    await watched.until('healthy');
  });
});

it('a check that node cannot make fails with the reason, and the others go on', async () => {
  const origin = await Origin.start();
  const unsendable = http({ headers: [['x-a', 'caf\u00e9 \u20ac']] });
  const watched = new Watched({
    a: clusterOf([origin.address], checkConfig(unsendable)),
    b: clusterOf([origin.address], FAST, tlsConfig({ cert: 'no certificate', key: 'no key' })),
    c: clusterOf([origin.address], FAST),
  });
  await watched.until('healthy', 2);
  await watched.until('unhealthy', 0);
  await watched.until('unhealthy', 1);
  expect(watched.checks.endpoint(0)?.findings.evidence).toMatch(/^the check cannot be made: Invalid character in header content/);
  expect(watched.checks.endpoint(1)?.findings.evidence).toMatch(/^the check cannot be made: /);
});

it('2,000 endpoints are all checked at once, with few connects at a time', async () => {
  let connecting = 0;
  let most = 0;
  const origin = await Origin.start({
    host: '0.0.0.0',
    onConnection: (connection) => {
      // Until the checks go on: what is open here and not answered yet.
      most = Math.max(most, ++connecting);
      connection.socket.once('data', () => {
        connecting--;
        connection.send(ok());
      });
    },
  });
  const addresses = Array.from({ length: 2_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}:${origin.port}`);
  const watched = new Watched({ a: clusterOf(addresses, checkConfig(http(), { intervalMs: 600_000, edgeIntervalMs: 600_000, timeoutMs: 10_000 })) });
  expect(watched.checks.unchecked).toBe(2_000);
  await watched.result(2_000);
  expect(watched.checks.unchecked).toBe(0);
  expect(watched.checks.endpoints.every((endpoint) => endpoint?.findings.verdict.health === 'healthy')).toBe(true);
  expect(most).toBeLessThanOrEqual(2 * MAX_CONNECTS);
});

it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])('%s is no fault of the endpoint', (code) => {
  expect(new Phases().failure({ code, message: `connect ${code}` }).kind).toBe('void');
});
