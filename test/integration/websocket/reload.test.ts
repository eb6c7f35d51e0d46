import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { makeCertificate } from '../../support/certificates.ts';
import { Millrace, temporaryDirectory, type ConfigInput } from '../../support/millrace.ts';
import { eventually } from '../../support/wait.ts';
import { WebSocketOrigin } from '../../support/websocket-origin.ts';
import { Peer } from '../../support/websocket-peer.ts';

const config = (address: string, others: { path: string; cluster: string; address: string }[], more: Partial<ConfigInput> = {}, webSocket: object = { cluster: 'up', websocket: true }): Partial<ConfigInput> => ({
  routes: {
    main: [{ hosts: ['*'], routes: [{ name: 'chat', match: { pathPrefix: '/ws' }, ...webSocket }, ...others.map(({ path, cluster }) => ({ name: cluster, match: { pathPrefix: path }, cluster }))] }],
    other: [{ hosts: ['*'], routes: [{ respond: { status: 200, body: 'other' } }] }],
  },
  clusters: { up: { endpoints: [address] }, ...Object.fromEntries(others.map((other) => [other.cluster, { endpoints: [other.address] }])) },
  ...more,
} as Partial<ConfigInput>);

/** A WebSocket with messages on it all the time. */
async function talking(proxy: Millrace, origin: WebSocketOrigin): Promise<{ client: Peer; stop: () => Promise<number> }> {
  const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}/ws`);
  await origin.peer(0);
  let goOn = true;
  let n = 0;
  const talk = (async () => {
    for (; goOn; n++) {
      await client.echoed(`message ${n}`);
      client.messages.length = 0;
    }
  })();
  return {
    client,
    stop: async () => {
      goOn = false;
      await talk;
      return n;
    },
  };
}

describe('a reload leaves a WebSocket as it is, and its messages flow,', () => {
  it.each<[string, (address: string, round: number) => Partial<ConfigInput>]>([
    ['when another route and its cluster change', (address, round) => config(address, [{ path: `/other${round}`, cluster: `other${round}`, address }])],
    ['when another listener comes and goes', (address, round) => config(address, [], {
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }, ...(round % 2 === 0 ? [{ name: 'second', address: '127.0.0.1:0', routes: 'other' }] : [])],
    })],
    ['when its own route changes', (address, round) => config(address, [], {}, { cluster: 'up', websocket: { maxMessage: `${round + 1}KiB` }, timeout: `${round + 1}s` })],
    ['when its own route is no WebSocket route any more', (address, round) => config(address, [], {}, round % 2 === 0 ? { cluster: 'up' } : { cluster: 'up', websocket: true })],
    ['when its cluster is gone', (address, round) => config(address, [], {}, round % 2 === 0 ? { respond: { status: 404 } } : { cluster: 'up', websocket: true })],
  ])('%s', async (_name, changed) => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(config(origin.address, []));
    const { client, stop } = await talking(proxy, origin);
    for (let round = 0; round < 5; round++) await proxy.reload(changed(origin.address, round));
    expect(await stop()).toBeGreaterThan(5);
    await client.echoed('and afterwards too');
    expect([client.end, origin.peers.length, origin.open]).toEqual([null, 1, 1]);
    client.socket.close(1000, 'done');
    expect(await (await origin.peer(0)).over()).toEqual({ code: 1000, reason: 'done' });
    await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  });
});

it('a new certificate of its listener leaves a WebSocket as it is, and handshakes go on', async () => {
  const directory = temporaryDirectory();
  const certificates = ['first', 'second'].map((name) => makeCertificate(directory, name, { names: ['IP:127.0.0.1'] }));
  const [first, second] = certificates.map(({ certFile, keyFile }) => ({ listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', tls: { certificates: [{ cert: certFile, key: keyFile }] } }] }));
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start(config(origin.address, [], first));
  const url = `wss://127.0.0.1:${proxy.port()}/ws`;
  const client = await Peer.open(url);
  await client.echoed('before');
  await proxy.reload(config(origin.address, [], second));
  const next = await Peer.open(url);
  for (let i = 0; i < 50; i++) {
    await client.echoed(`old ${i}`);
    await next.echoed(`new ${i}`);
  }
  const shown = (peer: Peer): unknown => (peer.socket as unknown as { _socket: TLSSocket })._socket.getPeerCertificate().subject.CN;
  expect([shown(client), shown(next)]).toEqual(['first', 'second']);
  for (const peer of [client, next]) {
    peer.socket.close(1000, 'done');
    expect((await peer.over()).code).toBe(1000);
  }
  await eventually(() => origin.open === 0);
  expect(proxy.running).toBe(true);
});

it('a reload that makes a route a WebSocket route, on a listener that had none, works for the next handshake', async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start(config(origin.address, [], {}, { cluster: 'up' }));
  await expect(Peer.open(`ws://127.0.0.1:${proxy.port()}/ws`)).rejects.toThrow();
  await proxy.reload(config(origin.address, []));
  await (await Peer.open(`ws://127.0.0.1:${proxy.port()}/ws`)).echoed('hello');
});

it('a reload that takes it away does so for the next handshake', async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start(config(origin.address, []));
  const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}/ws`);
  await proxy.reload(config(origin.address, [], {}, { cluster: 'up' }));
  await expect(Peer.open(`ws://127.0.0.1:${proxy.port()}/ws`)).rejects.toThrow();
  expect(origin.plain).toHaveLength(1);
  await client.echoed('hello');
});

it('the limit on messages grows with a reload', async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start(config(origin.address, [], {}, { cluster: 'up', websocket: { maxMessage: '1KiB' } }));
  await proxy.reload(config(origin.address, [], {}, { cluster: 'up', websocket: { maxMessage: '2MiB' } }));
  await (await Peer.open(`ws://127.0.0.1:${proxy.port()}/ws`)).echoed(Buffer.alloc(2 * 1024 * 1024));
});
