import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, proxyTo, temporaryDirectory, type ConfigInput } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const PRELOAD = resolve(import.meta.dirname, '../support/crash-preload.cjs');

async function crashable(config: Partial<ConfigInput>): Promise<{ proxy: Millrace; crash: () => Promise<void> }> {
  const trigger = join(temporaryDirectory(), 'crash');
  const proxy = await Millrace.start(config, { env: { NODE_OPTIONS: `--require ${PRELOAD}`, MILLRACE_TEST_CRASH: trigger } });
  let crashes = 0;
  return {
    proxy,
    crash: async () => {
      const from = proxy.log.length;
      writeFileSync(trigger, '');
      await proxy.logged('worker died: crash on demand; starting another', from);
      crashes++;
      await eventually(async () => (await proxy.metric('millrace_workers', { state: 'running' })) === config.workers && (await proxy.metric('millrace_worker_restarts_total')) === crashes);
    },
  };
}

it('a worker that crashes is replaced, logged and counted', async () => {
  const origin = await Origin.start();
  const { proxy, crash } = await crashable({ ...proxyTo([origin.address]), workers: 1 });
  for (let i = 0; i < 2; i++) {
    expect((await request(proxy.port(), '/')).status).toBe(200);
    await crash();
    await eventually(async () => (await request(proxy.port(), '/')).status === 200);
  }
});

it('what a crashed worker had in flight is cut and weighs on nothing afterwards, the other worker goes on', async () => {
  const held: OriginConnection[] = [];
  const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
  const { proxy, crash } = await crashable({ ...proxyTo([origin.address], { cluster: { pool: { maxConnections: 32 } } }), workers: 2 });
  const clients = await Promise.all(Array.from({ length: 32 }, () => RawClient.connect({ port: proxy.port() })));
  for (const client of clients) client.send(requestBytes('/'));
  await eventually(() => held.length === 32);
  await crash();
  await eventually(() => clients.some(({ ended }) => ended));
  for (const connection of held) connection.send(ok('survived'));
  let survivors = 0;
  for (const client of clients) {
    if (client.ended) continue;
    expect((await client.response()).text).toBe('survived');
    survivors++;
  }
  // The kernel spreads 32 connections over two sockets: all on one side happens once in 2^31 runs.
  expect(survivors).toBeGreaterThan(0);
  expect(survivors).toBeLessThan(32);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_endpoint_active_requests')).toBe(0);
  origin.answer = (_message, connection) => connection.send(ok('again'));
  for (let i = 0; i < 20; i++) expect((await request(proxy.port(), '/')).text).toBe('again');
});
