import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { MIB, binaryOf } from '../../support/bulk.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../../support/millrace.ts';
import { eventually } from '../../support/wait.ts';
import { WebSocketOrigin, silent } from '../../support/websocket-origin.ts';
import { Peer } from '../../support/websocket-peer.ts';

/** Much more than the proxy may hold, and than the sockets of the system take in. */
const FLOOD = 192 * MIB;
/** How much more memory the proxy may have while it holds the flood back: messages under way, and what the heaps have grown. */
const ROOM = 48 * MIB;
/** Messages of the flood that were passed on, and that V8 has not collected yet. */
const GARBAGE = 48 * MIB;
const SIZES = [MIB, 1000, 64 * 1024, 1, 300_000];
const BLOCK = binaryOf(2 * MIB);

/** Message `n` of the flood: another one every time. */
const messageOf = (n: number): Buffer => BLOCK.subarray((n * 7919) % MIB, ((n * 7919) % MIB) + (SIZES[n % SIZES.length] ?? 1));

/** Sends until the whole flood is sent; never more than 8 MiB in the process of the test. */
async function flood(from: Peer): Promise<{ messages: number; hash: string }> {
  const hash = createHash('sha256');
  let n = 0;
  for (let sent = 0; sent < FLOOD; n++) {
    const message = messageOf(n);
    hash.update(message);
    from.send(message);
    sent += message.length;
    if (from.socket.bufferedAmount > 8 * MIB) await eventually(() => from.socket.bufferedAmount < 4 * MIB, 60_000);
  }
  return { messages: n, hash: hash.digest('hex') };
}

/** Resolves when nothing moves any more: what is buffered here has not changed in a hundred looks. */
async function stuck(from: Peer): Promise<void> {
  let looks = 0;
  let last = -1;
  await eventually(() => {
    const now = from.socket.bufferedAmount;
    looks = now > 0 && now === last ? looks + 1 : 0;
    last = now;
    return looks > 100;
  }, 30_000);
}

let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate(temporaryDirectory(), 'a.test', { names: ['IP:127.0.0.1'] });
});

/** A proxy with the same kind of connection on both sides. */
async function start(scheme: 'ws' | 'wss'): Promise<{ proxy: Millrace; origin: WebSocketOrigin; client: Peer; upstream: Peer }> {
  const { cert, key, certFile, keyFile } = certificate;
  const secure = scheme === 'wss';
  const origin = await WebSocketOrigin.start({ handle: silent, maxPayload: 2 * MIB, ...(secure ? { tls: { cert, key } } : {}) });
  const proxy = await Millrace.start(proxyTo([origin.address], {
    route: { websocket: true },
    cluster: secure ? { tls: { ca: certFile, serverName: '127.0.0.1' } } : {},
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', ...(secure ? { tls: { certificates: [{ cert: certFile, key: keyFile }] } } : {}) }],
  }));
  const client = await Peer.open(`${scheme}://127.0.0.1:${proxy.port()}/`);
  return { proxy, origin, client, upstream: await origin.peer(0) };
}

const READERS = [
  ['a client', (client: Peer, upstream: Peer) => ({ reader: client, writer: upstream })],
  ['an upstream', (client: Peer, upstream: Peer) => ({ reader: upstream, writer: client })],
] as const;

describe.each(['ws', 'wss'] as const)('%s', (scheme) => {
  it.each(READERS)('%s that reads nothing holds the other side back; the proxy stays small, and all arrives intact once it reads', { timeout: 120_000 }, async (_who, sides) => {
    const { proxy, origin, client, upstream } = await start(scheme);
    const { reader, writer } = sides(client, upstream);
    const hash = createHash('sha256');
    let messages = 0;
    reader.take = (message) => {
      hash.update(message);
      messages++;
    };
    // Once forth and back, so that everything that is made at the first message is there.
    writer.send(messageOf(0));
    await reader.until(() => messages === 1, 'a first message');
    const before = proxy.rss;

    reader.socket.pause();
    const flooding = flood(writer);
    await stuck(writer);
    const held = proxy.rss - before;
    const taken = messages;
    reader.socket.resume();
    const sent = await flooding;
    await reader.until(() => messages === sent.messages + 1, 'all messages', 60_000);
    const after = proxy.rss - before;
    expect({ held: held < ROOM ? 'little' : `${held / MIB} MiB`, after: after < ROOM + GARBAGE ? 'little' : `${after / MIB} MiB` }).toEqual({ held: 'little', after: 'little' });
    expect(taken, 'messages while it did not read').toBeLessThan(100);
    const whole = createHash('sha256').update(messageOf(0));
    for (let n = 0; n < sent.messages; n++) whole.update(messageOf(n));
    expect(hash.digest('hex')).toBe(whole.digest('hex'));
    expect([client.end, origin.open]).toEqual([null, 1]);
  });

  it.each(READERS)('%s that stops and reads in turn gets every message, in order', { timeout: 120_000 }, async (_who, sides) => {
    const { client, upstream } = await start(scheme);
    const { reader, writer } = sides(client, upstream);
    // Around the buffers on the way: 16 KiB of the listener, 64 KiB of a read, 200 kB.
    const sizes = [0, 16_000, 16_384, 16_385, 100, 65_536, 200_000, 5, 70_000, 15_000, 2_000];
    const count = 1500;
    const sized = (n: number): Buffer => Buffer.concat([Buffer.from(String(n)), BLOCK.subarray(n, n + (sizes[n % sizes.length] ?? 0))]);
    let back = 0;
    const wrong: number[] = [];
    reader.take = (message) => {
      if (!(message as Buffer).equals(sized(back))) wrong.push(back);
      // Off now and then, for as long as it takes the others to fill what is in between.
      if (++back % 40 === 0) {
        reader.socket.pause();
        setTimeout(() => reader.socket.resume(), 5);
      }
    };
    for (let n = 0; n < count; n++) {
      writer.send(sized(n));
      if (writer.socket.bufferedAmount > 2 * MIB) await eventually(() => writer.socket.bufferedAmount < MIB, 60_000);
    }
    await reader.until(() => back === count, 'all messages', 60_000);
    expect(wrong, 'messages that are not what was sent').toEqual([]);
    writer.socket.close(1000, 'done');
    expect(await reader.over()).toEqual({ code: 1000, reason: 'done' });
  });
});

it('a client that reads nothing does not hold up another one', async () => {
  const origin = await WebSocketOrigin.start();
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true } }));
  const deaf = await Peer.open(`ws://127.0.0.1:${proxy.port()}/`);
  const peer = await origin.peer(0);
  deaf.socket.pause();
  for (let sent = 0; sent < 64 * MIB; sent += MIB) peer.send(BLOCK.subarray(0, MIB));
  await stuck(peer);
  const other = await Peer.open(`ws://127.0.0.1:${proxy.port()}/`);
  for (let i = 0; i < 100; i++) await other.echoed(`message ${i}`);
  // The deaf one may go while all of this waits for it.
  deaf.kill();
  await peer.over();
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 1);
});

it('an upstream that reads nothing does not hold up the other direction', async () => {
  const origin = await WebSocketOrigin.start({ handle: silent });
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true } }));
  const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}/`);
  const peer = await origin.peer(0);
  peer.socket.pause();
  for (let sent = 0; sent < 64 * MIB; sent += MIB) client.send(BLOCK.subarray(0, MIB));
  await stuck(client);
  for (let i = 0; i < 10; i++) {
    peer.send(`news ${i}`);
    expect(await client.message(i)).toBe(`news ${i}`);
  }
  client.kill();
  peer.socket.resume();
  await peer.over();
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
});
