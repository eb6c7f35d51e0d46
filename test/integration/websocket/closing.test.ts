import { beforeAll, describe, expect, it } from 'vitest';
import { KIB, MIB } from '../../support/bulk.ts';
import { Millrace, proxyTo } from '../../support/millrace.ts';
import { eventually } from '../../support/wait.ts';
import { OPCODE, closePayload, frame } from '../../support/websocket-frames.ts';
import { WebSocketOrigin } from '../../support/websocket-origin.ts';
import { Peer } from '../../support/websocket-peer.ts';
import { RawWebSocketClient, RawWebSocketOrigin } from '../../support/websocket-raw.ts';

const CODES = [1000, 1001, 1008, 1011, 3000, 4999, undefined];
/** What the listener takes from a client; others it answers with a close frame without a code, and tells nobody which they were. */
const TAKEN_FROM_CLIENTS = CODES.filter((code) => code !== 3000);
const reasonOf = (code: number | undefined): string => (code === undefined ? '' : `because of ${code}, danke schön`);

let origin: WebSocketOrigin;
let proxy: Millrace;
const open = async (path = '/'): Promise<{ client: Peer; peer: Peer }> => {
  const from = origin.peers.length;
  const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}${path}`);
  return { client, peer: await origin.peer(from) };
};

beforeAll(async () => {
  origin = await WebSocketOrigin.start({ maxPayload: 0 });
  proxy = await Millrace.start({
    routes: {
      main: [{
        hosts: ['*'],
        routes: [
          { match: { pathPrefix: '/small' }, cluster: 'up', websocket: { maxMessage: '64KiB' } },
          { match: { pathPrefix: '/idle' }, cluster: 'up', websocket: { idleTimeout: '1s' } },
          { match: { pathPrefix: '/short' }, cluster: 'up', websocket: true, timeout: '500ms', idleTimeout: '500ms' },
          { cluster: 'up', websocket: { maxMessage: '256KiB' } },
        ],
      }],
    },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

/** The proxy has forgotten the WebSocket, and so have both sides. */
async function expectNothingLeft(): Promise<void> {
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  await eventually(() => origin.open === 0);
}

describe('close of the upstream', () => {
  it.each(CODES)('with %s reaches the client, and its answer comes back', async (code) => {
    const { client, peer } = await open();
    if (code === undefined) peer.socket.close();
    else peer.socket.close(code, reasonOf(code));
    const wanted = { code: code ?? 1005, reason: reasonOf(code) };
    expect(await client.over()).toEqual(wanted);
    expect((await peer.over()).code).toBe(code ?? 1005);
    await expectNothingLeft();
  });

  it('after messages comes after them', async () => {
    const { client, peer } = await open();
    for (let i = 0; i < 100; i++) peer.send('x'.repeat(i * 100));
    peer.socket.close(1000, 'that was all');
    expect(await client.over()).toEqual({ code: 1000, reason: 'that was all' });
    expect(client.messages.map((message) => message.length)).toEqual(Array.from({ length: 100 }, (_, i) => i * 100));
  });
});

describe('close of the client', () => {
  it.each(TAKEN_FROM_CLIENTS)('with %s reaches the upstream, and is answered', async (code) => {
    const { client, peer } = await open();
    if (code === undefined) client.socket.close();
    else client.socket.close(code, reasonOf(code));
    expect(await peer.over()).toEqual({ code: code ?? 1005, reason: reasonOf(code) });
    expect((await client.over()).code).toBe(code ?? 1005);
    await expectNothingLeft();
  });

  it('with 3000, which the listener (uWebSockets.js 20.51.4) does not know, reaches the upstream without a code', async () => {
    const { client, peer } = await open();
    client.socket.close(3000, 'of a library');
    expect(await peer.over()).toEqual({ code: 1005, reason: '' });
    expect((await client.over()).code).toBe(1005);
  });

  it('after messages comes after them', async () => {
    const { client, peer } = await open();
    peer.socket.removeAllListeners('message');
    const sizes: number[] = [];
    peer.socket.on('message', (data) => sizes.push((data as Buffer).length));
    for (let i = 0; i < 100; i++) client.send('x'.repeat(i * 100));
    client.socket.close(1000, 'that was all');
    expect(await peer.over()).toEqual({ code: 1000, reason: 'that was all' });
    expect(sizes).toEqual(Array.from({ length: 100 }, (_, i) => i * 100));
  });
});

it('a close of both sides at once ends both', async () => {
  for (let i = 0; i < 20; i++) {
    const { client, peer } = await open();
    client.socket.close(4001, 'client');
    peer.socket.close(4002, 'upstream');
    const ends = [await client.over(), await peer.over()];
    for (const { code } of ends) expect([4001, 4002]).toContain(code);
  }
  await expectNothingLeft();
});

describe('a side that is gone without a close frame', () => {
  it('is 1014 to the client when it was the upstream, after all that it had sent', async () => {
    const { client, peer } = await open();
    peer.send('one');
    peer.send('two');
    await client.message(1);
    peer.kill();
    expect(await client.over()).toEqual({ code: 1014, reason: 'upstream connection closed' });
    await expectNothingLeft();
  });

  it('is 1014 also when its last message is half', async () => {
    const raw = await RawWebSocketOrigin.start((connection) => {
      connection.send(frame(OPCODE.text, 'whole', { masked: false }), frame(OPCODE.text, 'half', { masked: false, fin: false }));
      connection.socket.end(frame(OPCODE.continuation, 'more', { masked: false, fin: false }).subarray(0, 4));
    });
    const other = await Millrace.start(proxyTo([raw.address], { route: { websocket: true } }));
    const client = await RawWebSocketClient.open({ port: other.port() });
    await client.until(() => client.closeCode !== null, 'a close frame');
    expect(client.frames.map(({ opcode }) => opcode)).toEqual([OPCODE.text, OPCODE.close]);
    expect([client.frames[0]?.payload.toString(), client.closeCode]).toEqual(['whole', 1014]);
  });

  it.each(['reset', 'end'] as const)('cuts the upstream when it was the client (%s)', async (how) => {
    const from = origin.peers.length;
    const client = await RawWebSocketClient.open({ port: proxy.port() });
    const peer = await origin.peer(from);
    if (how === 'reset') client.socket.resetAndDestroy();
    else client.socket.end();
    expect((await peer.over()).code).toBe(1006);
    await expectNothingLeft();
  });
});

describe('a message that is too large', () => {
  it.each([['/small', 64], ['/', 256]])('for its route (%s) closes both sides with 1009 when the client sends it', async (path, kib) => {
    const { client, peer } = await open(path);
    await client.echoed(Buffer.alloc(kib * KIB));
    client.send(Buffer.alloc(kib * KIB + 1));
    expect((await client.over()).code).toBe(1009);
    expect((await peer.over()).code).toBe(1009);
    expect(peer.messages).toHaveLength(1);
    await expectNothingLeft();
  });

  it('by far (uWebSockets.js 20.51.4) is a bare end of the connection to the client, and 1009 to the upstream', async () => {
    const { client, peer } = await open();
    client.send(Buffer.alloc(3 * MIB));
    expect((await client.over()).code).toBe(1006);
    expect((await peer.over()).code).toBe(1009);
    expect(peer.messages).toHaveLength(0);
    await expectNothingLeft();
  });

  it.each([['/small', 64], ['/', 256]])('for its route (%s) closes both sides with 1009 when the upstream sends it', async (path, kib) => {
    const { client, peer } = await open(path);
    peer.send(Buffer.alloc(kib * KIB));
    peer.send(Buffer.alloc(kib * KIB + 1));
    expect((await client.over()).code).toBe(1009);
    expect((await peer.over()).code).toBe(1009);
    expect(client.messages.map(({ length }) => length)).toEqual([kib * KIB]);
    await expectNothingLeft();
  });
});

describe('the idle timeout', () => {
  it('closes both sides with 1001', async () => {
    const start = performance.now();
    const { client, peer } = await open('/idle');
    expect(await client.over()).toEqual({ code: 1001, reason: 'idle timeout' });
    expect((await peer.over()).code).toBe(1001);
    expect(performance.now() - start).toBeGreaterThan(950);
    await expectNothingLeft();
  });

  it.each<[string, (client: Peer, peer: Peer) => Promise<void>]>([
    ['messages', async (client) => client.echoed('still here')],
    ['pings of the client', async (client, peer) => {
      const n = peer.pings.length;
      client.socket.ping();
      await peer.until(() => peer.pings.length > n, 'a ping');
    }],
    ['messages of the upstream alone', async (client, peer) => {
      const n = client.messages.length;
      peer.send('still here');
      await client.message(n);
    }],
  ])('does not strike while there are %s', async (_name, talk) => {
    const { client, peer } = await open('/idle');
    const start = performance.now();
    while (performance.now() - start < 2500) {
      await talk(client, peer);
      await eventually(() => performance.now() - start > 2500 || (performance.now() - start) % 400 > 350);
    }
    expect([client.end, peer.end]).toEqual([null, null]);
    client.kill();
  });

  it('is the only one: the timeouts of the route end with the handshake', async () => {
    const { client } = await open('/short');
    const start = performance.now();
    await eventually(() => performance.now() - start > 1200);
    await client.echoed('still here');
    client.kill();
  });
});

describe('SIGTERM', () => {
  const start = async (drainTimeout: string): Promise<{ upstream: WebSocketOrigin; draining: Millrace; client: Peer; peer: Peer }> => {
    const upstream = await WebSocketOrigin.start();
    const draining = await Millrace.start({ ...proxyTo([upstream.address], { route: { websocket: true } }), drainTimeout });
    const client = await Peer.open(`ws://127.0.0.1:${draining.port()}/`);
    return { upstream, draining, client, peer: await upstream.peer(0) };
  };

  it('closes both sides with 1001 when drainTimeout is over, and the process ends with 0', async () => {
    const { draining, client, peer } = await start('700ms');
    const begin = performance.now();
    draining.signal('SIGTERM');
    await draining.logged('draining');
    await client.echoed('messages go on');
    expect(await client.over()).toEqual({ code: 1001, reason: 'going away' });
    expect((await peer.over()).code).toBe(1001);
    expect(performance.now() - begin).toBeGreaterThan(650);
    expect(await draining.exited).toEqual({ code: 0, signal: null });
  });

  it('does not wait longer than the last WebSocket lives', async () => {
    const { draining, client } = await start('1h');
    draining.signal('SIGTERM');
    await draining.logged('draining');
    await client.echoed('messages go on');
    client.socket.close(1000);
    expect((await client.over()).code).toBe(1000);
    expect(await draining.exited).toEqual({ code: 0, signal: null });
  });

  it('ends with 0 although neither side answers the close frame', async () => {
    const raw = await RawWebSocketOrigin.start();
    const draining = await Millrace.start({ ...proxyTo([raw.address], { route: { websocket: true } }), drainTimeout: '300ms' });
    const client = await RawWebSocketClient.open({ port: draining.port() });
    const upstream = await raw.connection(0);
    draining.signal('SIGTERM');
    await client.until(() => client.closeCode === 1001, 'close with 1001');
    await upstream.until(() => upstream.closeCode === 1001, 'close with 1001');
    expect(await draining.exited).toEqual({ code: 0, signal: null });
  });

  it('a second time ends it at once', async () => {
    const { draining, client } = await start('1h');
    draining.signal('SIGTERM');
    await draining.logged('draining');
    draining.signal('SIGTERM');
    expect((await draining.exited).signal).toBeNull();
    await client.over();
  });
});

it('a close frame in pieces reaches the client, and nothing that comes after it', async () => {
  const raw = await RawWebSocketOrigin.start((connection) => {
    const close = frame(OPCODE.close, closePayload(1000, 'bye'), { masked: false });
    connection.send(close.subarray(0, 1), close.subarray(1, 3), close.subarray(3), frame(OPCODE.text, 'late', { masked: false }));
  });
  const other = await Millrace.start(proxyTo([raw.address], { route: { websocket: true } }));
  const client = await Peer.open(`ws://127.0.0.1:${other.port()}/`);
  expect(await client.over()).toEqual({ code: 1000, reason: 'bye' });
  expect(client.messages).toEqual([]);
});

it('an upstream that takes the close frame and never answers it does not keep anything', async () => {
  const raw = await RawWebSocketOrigin.start();
  const other = await Millrace.start(proxyTo([raw.address], { route: { websocket: true } }));
  const client = await Peer.open(`ws://127.0.0.1:${other.port()}/`);
  const upstream = await raw.connection(0);
  client.socket.close(1000, 'bye');
  expect((await client.over()).code).toBe(1000);
  await upstream.until(() => upstream.closeCode === 1000, 'the close frame');
  await upstream.end();
  await eventually(async () => (await other.metric('millrace_active_requests')) === 0);
});
