import { expect, it } from 'vitest';
import { Millrace, proxyTo } from '../../support/millrace.ts';
import { eventually } from '../../support/wait.ts';
import { WebSocketOrigin } from '../../support/websocket-origin.ts';
import { Peer } from '../../support/websocket-peer.ts';

const GAUGES = ['millrace_websockets', 'millrace_active_requests', 'millrace_endpoint_active_requests', 'millrace_downstream_connections', 'millrace_upstream_connections', 'millrace_upstream_pending_requests', 'millrace_upstream_queued_requests'];

/** Every gauge back at zero: nothing is in flight, and no connection is left. */
async function expectZero(proxy: Millrace): Promise<void> {
  for (const gauge of GAUGES) {
    await eventually(async () => {
      // The connection that asks is one to the admin endpoint.
      const value = await proxy.metric(gauge);
      if (value !== 0) throw new Error(`${gauge} is ${value}`);
    });
  }
}

it('1,000 WebSockets at once, each with its own messages', { timeout: 120_000 }, async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start({ ...proxyTo([origin.address], { route: { websocket: true } }), workers: 2 });
  const clients: Peer[] = [];
  while (clients.length < 1000) clients.push(...(await Promise.all(Array.from({ length: 50 }, () => Peer.open(`ws://127.0.0.1:${proxy.port()}/`)))));
  await eventually(() => origin.open === 1000);
  expect([await proxy.metric('millrace_websockets'), await proxy.metric('millrace_active_requests')]).toEqual([1000, 1000]);
  for (let round = 0; round < 5; round++) {
    await Promise.all(clients.map((client, i) => client.echoed(round % 2 === 0 ? `client ${i}, round ${round} ${'é'.repeat(i)}` : Buffer.from(`${i} ${round}`))));
  }
  for (const [i, client] of clients.entries()) client.socket.close(4000 + (i % 1000), `${i}`);
  for (const [i, client] of clients.entries()) expect((await client.over()).code).toBe(4000 + (i % 1000));
  await eventually(() => origin.open === 0);
  expect(new Set(origin.peers.map(({ end }) => end?.reason)).size).toBe(1000);
  await expectZero(proxy);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
  expect(proxy.stderr, 'what the listener has to say').toBe('');
});

it('sides that die at random leave nothing in flight', { timeout: 120_000 }, async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start({ ...proxyTo([origin.address], { route: { websocket: true } }), workers: 2 });
  let seed = 20_241_121;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  for (let round = 0; round < 10; round++) {
    const from = origin.peers.length;
    const clients = await Promise.all(Array.from({ length: 40 }, () => Peer.open(`ws://127.0.0.1:${proxy.port()}/`)));
    await eventually(() => origin.peers.length === from + clients.length);
    const deaths = clients.map(async (client, i) => {
      const peer = origin.peers[from + i] as Peer; // of some client
      const many = random(50);
      for (let n = 0; n < many; n++) client.socket.send(Buffer.alloc(random(20_000)));
      const answers = random(many + 1);
      await client.until(() => client.messages.length >= answers, 'some answers').catch(() => undefined); // its upstream may have been killed already
      const end = random(6);
      if (end === 0) client.kill();
      else if (end === 1) peer.kill();
      else if (end === 2) client.socket.close(1000);
      else if (end === 3) peer.socket.close(1011, 'tired');
      else if (end === 4) {
        client.kill();
        peer.kill();
      } else {
        peer.socket.close(1001);
        client.kill();
      }
    });
    await Promise.all(deaths);
    // Some upstream connections were nobody's victim, their clients were.
    for (const client of clients) {
      if (client.end === null) client.socket.close();
      await client.over();
    }
    await eventually(() => origin.open === 0);
  }
  await expectZero(proxy);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
  await (await Peer.open(`ws://127.0.0.1:${proxy.port()}/`)).echoed('still there');
});

it('handshakes that are broken off at random leave nothing in flight', async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true } }));
  for (let round = 0; round < 10; round++) {
    const clients = Array.from({ length: 20 }, () => Peer.open(`ws://127.0.0.1:${proxy.port()}/`, { handshakeTimeout: 1 + round }));
    for (const client of clients) await client.then((peer) => peer.kill(), () => undefined);
  }
  await eventually(() => origin.open === 0);
  await expectZero(proxy);
});
