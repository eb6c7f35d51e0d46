import { expect, it } from 'vitest';
import { RawClient, requestBytes } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const CLIENTS = 16;
const fails: Answer = (_, connection) => connection.send('HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n');

/** Connections enough that each of two workers has some. */
async function clientsOf(proxy: Millrace): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect({ port: proxy.port() })));
}

async function ask(client: RawClient | undefined): Promise<number> {
  client?.send(requestBytes('/'));
  return (await client?.response())?.status ?? 0;
}

/** One request after the other, over all connections in turn. */
async function inTurn(clients: readonly RawClient[], requests: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < requests; i++) statuses.push(await ask(clients[i % clients.length]));
  return statuses;
}

const cluster = (outlierDetection?: object | false) => ({ balancer: { policy: 'roundRobin' as const }, ...(outlierDetection === undefined ? {} : { outlierDetection }) });
const noRetry = { retry: { attempts: 0 } };

it('all workers leave an endpoint alone after its fifth failure in a row', async () => {
  const [bad, ...good] = await Promise.all([Origin.start({ answer: fails }), Origin.start(), Origin.start()]);
  const proxy = await Millrace.start(proxyTo([bad, ...good].map(({ address }) => address), { workers: 2, cluster: cluster({ baseEjectionTime: '1h', maxEjectionTime: '1h' }) }));
  const clients = await clientsOf(proxy);
  const statuses = await inTurn(clients, 300);
  // Not one more, whichever worker a request came to.
  expect(bad.requests.length).toBe(5);
  expect(statuses.filter((status) => status === 500)).toHaveLength(5);
  expect(statuses.slice(-250).every((status) => status === 200)).toBe(true);
  await proxy.logged('endpoint ejected for 3600 s: 5 answers of 5xx in a row');
  expect(await proxy.metric('millrace_cluster_ejected_endpoints')).toBe(1);
  expect(await proxy.metric('millrace_endpoint_ejections_total', { endpoint: bad.address })).toBe(1);

  // A new configuration changes nothing about that.
  const endpoints = [bad, ...good].map(({ address }, i) => ({ address, weight: i === 1 ? 2 : 1 }));
  await proxy.reload(proxyTo(endpoints, { workers: 2, cluster: cluster({ baseEjectionTime: '1h', maxEjectionTime: '1h' }) }));
  await inTurn(clients, 100);
  expect(bad.requests.length).toBe(5);
  // And one without detection takes it in again.
  await proxy.reload(proxyTo(endpoints, { workers: 2, cluster: cluster(false) }));
  await eventually(async () => {
    await inTurn(clients, CLIENTS);
    expect(bad.requests.length).toBeGreaterThan(5);
  });
  await proxy.logged('endpoint back from its ejection: outlier detection was switched off');
});

it('requests that come at once add what is on its way already, and no more', async () => {
  const [bad, ...good] = await Promise.all([Origin.start({ answer: fails }), Origin.start(), Origin.start()]);
  const proxy = await Millrace.start(proxyTo([bad, ...good].map(({ address }) => address), { workers: 2, cluster: cluster({ baseEjectionTime: '1h', maxEjectionTime: '1h' }) }));
  const clients = await clientsOf(proxy);
  for (let round = 0; round < 20; round++) await Promise.all(clients.map((client) => ask(client)));
  expect(bad.requests.length).toBeGreaterThanOrEqual(5);
  expect(bad.requests.length).toBeLessThanOrEqual(5 + CLIENTS - 1);
});

it('an endpoint comes back when its ejection is over', async () => {
  let broken = true;
  const [bad, good] = await Promise.all([Origin.start({ answer: (request, connection) => (broken ? fails(request, connection) : connection.send(ok())) }), Origin.start()]);
  const proxy = await Millrace.start(proxyTo([bad.address, good.address], { workers: 2, cluster: cluster({ baseEjectionTime: '300ms' }) }));
  const clients = await clientsOf(proxy);
  await inTurn(clients, 40);
  await proxy.logged('endpoint ejected for 300 ms: 5 answers of 5xx in a row');
  broken = false;
  await proxy.logged('endpoint back from its ejection: its time has passed');
  const before = bad.requests.length;
  await eventually(async () => {
    expect((await inTurn(clients, CLIENTS)).every((status) => status === 200)).toBe(true);
    expect(bad.requests.length).toBeGreaterThan(before);
  });
  expect(await proxy.metric('millrace_cluster_ejected_endpoints')).toBe(0);
});

it('an endpoint that is much slower than the others is ejected', async () => {
  const slow = await Origin.start({ answer: (_, connection) => void setTimeout(() => connection.send(ok()), 80) });
  const quick = await Promise.all([Origin.start(), Origin.start()]);
  const latency = { minRequests: 5, minLatency: '20ms', quantile: 0.5 };
  const detection = { interval: '500ms', baseEjectionTime: '1h', maxEjectionTime: '1h', successRate: false, latency };
  const proxy = await Millrace.start(proxyTo([slow, ...quick].map(({ address }) => address), { workers: 2, cluster: cluster(detection) }));
  const clients = await clientsOf(proxy);
  await eventually(async () => {
    await Promise.all(clients.map((client) => ask(client)));
    expect(await proxy.metric('millrace_cluster_ejected_endpoints')).toBe(1);
  });
  const line = await proxy.logged(/^endpoint ejected for 3600 s: .* to the first byte, above /);
  expect(line).toMatchObject({ reason: 'latency', endpoint: slow.address });
  const before = slow.requests.length;
  await inTurn(clients, 60);
  expect(slow.requests.length).toBe(before);
});

it('a dead endpoint is ejected by default, and its backup stands in until it is back', async () => {
  const backup = await Origin.start();
  const dead = await closedAddress();
  const proxy = await Millrace.start(proxyTo([dead, { address: backup.address, backup: true } as unknown as string], { workers: 2, cluster: cluster(), route: noRetry }));
  const clients = await clientsOf(proxy);
  const statuses = await inTurn(clients, 100);
  expect(statuses.slice(0, 5)).toEqual([502, 502, 502, 502, 502]);
  // The plan with the backup takes a moment of the control plane; then nothing fails any more.
  expect(statuses.slice(-50).every((status) => status === 200)).toBe(true);
  await proxy.logged('endpoint ejected for 10 s: 5 attempts without an answer in a row');
});
