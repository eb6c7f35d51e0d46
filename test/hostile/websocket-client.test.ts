/**
 * A WebSocket client that sends what it should and what it must not, against the proxy in front of an upstream that echoes.
 * The same cases are run against `ws` alone first: it says whether the table is right.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';
import { OPCODE, frame } from '../support/websocket-frames.ts';
import { WebSocketOrigin } from '../support/websocket-origin.ts';
import type { Peer } from '../support/websocket-peer.ts';
import { RawWebSocketClient, handshakeBytes } from '../support/websocket-raw.ts';
import { CODES_TOLD, GAPS_OF_PROXY, GAPS_OF_WS } from './cases/websocket-gaps.ts';
import { WEBSOCKET_CLIENT_CASES as CASES, WEBSOCKET_MAX_MESSAGE as MAX_MESSAGE, type WebSocketCase } from './cases/websocket.ts';
import { SPLITS } from './splits.ts';
import { FAREWELL, examine, expectOutcome, type Gap } from './websocket-exam.ts';

/** Longer cases are not sent byte by byte. */
const LARGE = 100_000;

let origin: WebSocketOrigin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await WebSocketOrigin.start({ maxPayload: MAX_MESSAGE });
  proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: { maxMessage: '16MiB' } } }));
});

async function run(port: number, item: WebSocketCase, pieces: readonly Buffer[], gap: Gap | undefined): Promise<Peer> {
  const from = origin.peers.length;
  const client = await RawWebSocketClient.open({ port });
  const peer = await origin.peer(from);
  const outcome = await examine(client, item, pieces, { masked: true, gap });
  expectOutcome(outcome, item, gap);
  return peer;
}

const named = (cases: readonly WebSocketCase[]) => cases.map((item) => [item.id, item.name, item] as const);

describe.each(Object.entries(SPLITS).slice(0, 2))('%s', (split, cut) => {
  const cases = named(CASES.filter(({ send }) => split === 'whole' || Buffer.concat(send).length < LARGE));

  describe('ws alone', () => {
    it.each(cases)('%s %s', async (id, _name, item) => {
      await run(origin.port, item, cut(Buffer.concat(item.send)), GAPS_OF_WS[id]);
    });
  });

  describe('the proxy', () => {
    it.each(cases)('%s %s', async (id, _name, item) => {
      const gap = GAPS_OF_PROXY[id];
      const peer = await run(proxy.port(), item, cut(Buffer.concat(item.send)), gap);
      const told = await peer.over();
      if (gap?.end === 'open' || (item.fails === undefined && item.closes === undefined)) expect(told, 'what the upstream was told').toEqual(FAREWELL);
      else expect(told.code, 'what the upstream was told').toBe(typeof gap?.end === 'number' ? gap.end : (CODES_TOLD[id] ?? item.fails ?? item.closes));
      // Nothing reaches the upstream that the case has not sent as a message.
      if (gap?.end !== 'open') expect(peer.messages.length).toBeLessThanOrEqual(item.echoes.length);
    });
  });
});

// Groups 12 and 13 of Autobahn are about permessage-deflate: here it is not negotiated at all.
describe.each([
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=9; server_no_context_takeover',
  'permessage-deflate; server_max_window_bits=15, permessage-deflate',
  'permessage-deflate; nonsense=1',
  'x-webkit-deflate-frame, permessage-bzip2',
])('the extension offered: %s', (offer) => {
  it('is not negotiated, and not seen by the upstream (7692 section 5)', async () => {
    const from = origin.peers.length;
    const client = await RawWebSocketClient.open({ port: proxy.port(), headers: { 'Sec-WebSocket-Extensions': offer } });
    expect(client.answer.all('sec-websocket-extensions')).toEqual([]);
    expect(origin.handshakes.at(-1)?.headers['sec-websocket-extensions']).toBeUndefined();
    const item = CASES.find(({ id }) => id === '1.1.6') as WebSocketCase;
    expectOutcome(await examine(client, item, item.send, { masked: true }), item, undefined);
    expect((await (await origin.peer(from)).over()).code).toBe(FAREWELL.code);
  });

  it('compressed frames all the same fail the connection (5.2)', async () => {
    const client = await RawWebSocketClient.open({ port: proxy.port(), headers: { 'Sec-WebSocket-Extensions': offer } });
    const item = CASES.find(({ id }) => id === '3.4') as WebSocketCase;
    expectOutcome(await examine(client, item, item.send, { masked: true, gap: GAPS_OF_PROXY['3.4'] }), item, GAPS_OF_PROXY['3.4']);
  });
});

it.each(['text', 'HTTP'])('bytes behind the handshake (%s), before its answer, are never a message: the listener still reads HTTP (4.1)', async (kind) => {
  const before = origin.peers.length;
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(Buffer.concat([handshakeBytes(), kind === 'text' ? frame(OPCODE.text, 'too early') : handshakeBytes({ target: '/second' })]));
  // The listener knows no pipelining with answers that take a while: it cuts the connection.
  await client.end();
  expect(client.received.toString('latin1')).not.toContain('too early');
  await eventually(() => origin.open === 0);
  expect(origin.peers.slice(before).flatMap(({ messages }) => messages)).toEqual([]);
});

it('leaves the proxy alive, with nothing in flight', async () => {
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  await eventually(() => origin.open === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
