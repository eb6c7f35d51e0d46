import { beforeAll, describe, expect, it } from 'vitest';
import { MIB, binaryOf, textOf } from '../../support/bulk.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../../support/millrace.ts';
import { OPCODE, fragments, frame } from '../../support/websocket-frames.ts';
import { WebSocketOrigin } from '../../support/websocket-origin.ts';
import { Peer, type Payload } from '../../support/websocket-peer.ts';
import { RawWebSocketClient, RawWebSocketOrigin } from '../../support/websocket-raw.ts';

const MESSAGES = 10_000;
/** Sent and not yet back. */
const WINDOW = 200;
const MAX_MESSAGE = MIB; // the default
const BORDERS = [0, 1, 125, 126, 127, 65_535, 65_536, MAX_MESSAGE - 1, MAX_MESSAGE];

let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate(temporaryDirectory(), 'a.test', { names: ['a.test', 'IP:127.0.0.1'] });
});

const BINARY = binaryOf(MAX_MESSAGE);
/** Message `n`, different from its neighbours in size, content and kind. */
function messageOf(n: number): Payload {
  // The border sizes first, then small and large ones in turn, up to 16 KiB.
  const size = BORDERS[n >> 1] ?? Math.floor(2 ** ((n * 0.618_034) % 1 * 14));
  if (n % 2 === 0) return textOf(size).toString('utf8');
  const bytes = Buffer.from(BINARY.subarray(0, size));
  if (size >= 4) bytes.writeUInt32LE(n, 0);
  return bytes;
}

describe.each([
  ['plain', 'plain'],
  ['plain', 'TLS'],
  ['TLS', 'plain'],
  ['TLS', 'TLS'],
])('%s listener, %s upstream', (down, up) => {
  it(`${MESSAGES} messages of all sizes come back in order and intact`, { timeout: 120_000 }, async () => {
    const { cert, key, certFile, keyFile } = certificate;
    const upstream = await WebSocketOrigin.start(up === 'TLS' ? { tls: { cert, key } } : {});
    const pair = await Millrace.start(proxyTo([upstream.address], {
      route: { websocket: true },
      cluster: up === 'TLS' ? { tls: { ca: certFile, serverName: 'a.test' } } : {},
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', ...(down === 'TLS' ? { tls: { certificates: [{ cert: certFile, key: keyFile }] } } : {}) }],
    }));
    const client = await Peer.open(`${down === 'TLS' ? 'wss' : 'ws'}://127.0.0.1:${pair.port()}/`);
    let back = 0;
    const wrong: number[] = [];
    client.take = (message) => {
      const wanted = messageOf(back);
      if (typeof message !== typeof wanted || !Buffer.from(message).equals(Buffer.from(wanted))) wrong.push(back);
      back++;
    };
    for (let n = 0; n < MESSAGES; n++) {
      if (n - back >= WINDOW) await client.until(() => n - back < WINDOW, `answer ${n - WINDOW}`);
      client.send(messageOf(n));
    }
    await client.until(() => back === MESSAGES, 'the last answer', 60_000);
    expect(wrong, 'messages that were changed on the way').toEqual([]);
    client.socket.close(1000, 'enough');
    expect(await client.over()).toEqual({ code: 1000, reason: 'enough' });
    expect(await (await upstream.peer(0)).over()).toEqual({ code: 1000, reason: 'enough' });
    expect(upstream.peers).toHaveLength(1);
  });
});

let origin: WebSocketOrigin;
let proxy: Millrace;
beforeAll(async () => {
  origin = await WebSocketOrigin.start();
  proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true } }));
});
const open = async (): Promise<{ client: Peer; peer: Peer }> => {
  const from = origin.peers.length;
  const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}/`);
  return { client, peer: await origin.peer(from) };
};

describe('a message in fragments', () => {
  const text = textOf(5000);
  const payloads = [text.subarray(0, 7), Buffer.alloc(0), text.subarray(7, 4001), text.subarray(4001)];

  it('from the client arrives whole, and pings in its middle are answered', async () => {
    const from = origin.peers.length;
    const client = await RawWebSocketClient.open({ port: proxy.port() });
    const peer = await origin.peer(from);
    for (const [i, bytes] of fragments(OPCODE.text, payloads).entries()) {
      client.send(bytes, frame(OPCODE.ping, `ping ${i}`));
      await client.until(() => client.frames.some(({ opcode, payload }) => opcode === OPCODE.pong && payload.toString() === `ping ${i}`), `pong ${i}`);
    }
    expect(await peer.message(0)).toBe(text.toString('utf8'));
    await client.until(() => client.frames.some(({ opcode, payload }) => opcode === OPCODE.text && payload.equals(text)), 'the echo');
  });

  it('from the upstream arrives whole, and pings in its middle are answered', async () => {
    const raw = await RawWebSocketOrigin.start();
    const other = await Millrace.start(proxyTo([raw.address], { route: { websocket: true } }));
    const client = await Peer.open(`ws://127.0.0.1:${other.port()}/`);
    const upstream = await raw.connection(0);
    for (const [i, bytes] of fragments(OPCODE.text, payloads, { masked: false }).entries()) {
      upstream.send(bytes, frame(OPCODE.ping, `ping ${i}`, { masked: false }));
      await upstream.until(() => upstream.frames.some(({ opcode, payload }) => opcode === OPCODE.pong && payload.toString() === `ping ${i}`), `pong ${i}`);
    }
    expect(await client.message(0)).toBe(text.toString('utf8'));
    expect(client.pings).toEqual(['ping 0', 'ping 1', 'ping 2', 'ping 3']);
  });
});

it('a message that comes with the answer to the handshake is not lost', async () => {
  const raw = await RawWebSocketOrigin.start((connection) => connection.send(frame(OPCODE.text, 'first', { masked: false }), frame(OPCODE.text, 'second', { masked: false })));
  const other = await Millrace.start(proxyTo([raw.address], { route: { websocket: true } }));
  const client = await RawWebSocketClient.open({ port: other.port() });
  await client.until(() => client.frames.length === 2, 'both messages');
  expect(client.frames.map(({ payload }) => payload.toString())).toEqual(['first', 'second']);
});

describe('pings', () => {
  it('of the client are answered once, and the upstream gets them', async () => {
    const { client, peer } = await open();
    client.socket.ping('are you there?');
    client.socket.ping();
    await peer.until(() => peer.pings.length === 2, 'pings at the upstream');
    expect(peer.pings).toEqual(['are you there?', '']);
    // The upstream has answered them before it answers this.
    await client.echoed('and now a message');
    expect(client.pongs).toEqual(['are you there?', '']);
  });

  it('of the upstream reach the client, whose pongs come back', async () => {
    const { client, peer } = await open();
    peer.socket.ping('are you there?');
    peer.socket.ping(Buffer.from([0, 255, 254]));
    await peer.until(() => peer.pongs.length === 2, 'pongs');
    expect(peer.pongs).toEqual(['are you there?', '\0ÿþ']);
    expect(client.pings).toEqual(peer.pongs);
  });

  it('that are pongs without a question go from the client to the upstream', async () => {
    const { client, peer } = await open();
    client.socket.pong('a heartbeat');
    await peer.until(() => peer.pongs.length === 1, 'the pong');
    expect(peer.pongs).toEqual(['a heartbeat']);
  });
});
