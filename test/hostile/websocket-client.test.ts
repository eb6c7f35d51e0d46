/**
 * A WebSocket client that sends what it should and what it must not, against the proxy in front of an upstream that echoes.
 * The same cases are run against `ws` alone first: it says whether the table is right.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../support/bulk.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';
import { WebSocketOrigin } from '../support/websocket-origin.ts';
import type { Peer } from '../support/websocket-peer.ts';
import { RawWebSocketClient } from '../support/websocket-raw.ts';
import { webSocketCases, type WebSocketCase } from './cases/websocket.ts';
import { SPLITS } from './splits.ts';
import { FAREWELL, examine, expectOutcome, type Gap } from './websocket-exam.ts';

const MAX_MESSAGE = 16 * MIB;
const CASES = webSocketCases({ masked: true, maxMessage: MAX_MESSAGE });
/** Longer ones are not sent byte by byte. */
const LARGE = 100_000;

const LONG_LENGTH = 'a length in more bytes than it needs is taken';
const AT_THE_END = 'UTF-8 is looked at when the message is complete';
const gaps = (ids: readonly string[], gap: Gap): Record<string, Gap> => Object.fromEntries(ids.map((id) => [id, gap]));
const LENGTHS: Record<string, Gap> = {
  '8.M4': { why: LONG_LENGTH, end: 'open', echoes: ['Hello'] },
  '8.M5': { why: LONG_LENGTH, end: 'open', echoes: ['Hello'] },
  '8.M6': { why: LONG_LENGTH, end: 'open', echoes: ['x'.repeat(300)] },
};

/** Where `ws` 8 is more lenient than the table, or says it with another code. */
const GAPS_OF_WS: Record<string, Gap> = {
  ...LENGTHS,
  '6.4.3': { why: AT_THE_END, end: 'open' },
  '8.M7': { why: 'the length is too large before it is malformed', end: 1009 },
};

const CLOSE_PAYLOAD = 'the listener answers a close frame that it does not like with one without a code';
const OTHER_CODES = 'the listener takes only 1000-1003, 1007-1011 and 4000-4999 from a client; it does not say what the code was';
const UNMASKED = 'the listener takes the first four bytes of the payload for the mask; the upstream gets valid frames with that nonsense';
/** What the upstream is told is the listener's opinion of what was wrong. */
const CODES_TOLD: Record<string, number> = { '8.M7': 1009 };
/** The listener takes 1 MiB more than its routes, so that the engine can close these with a frame. */
const A_LITTLE_TOO_LARGE = ['8.M11', '8.M11b'];
/** A payload and the four zero bytes after it, if its first four bytes are the mask. */
function readAsMasked(payload: string): string {
  const mask = Buffer.from(payload.slice(0, 4));
  const bytes = Buffer.concat([Buffer.from(payload.slice(4)), Buffer.alloc(4)]);
  return Buffer.from(bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0))).toString('latin1');
}
/**
 * What the uWebSockets.js listener (20.51.4) does instead of what a case asks for; the code behind it is told afterwards, if
 * at all. Wherever a case must fail and is not listed, it ends the connection without the close frame that section 7.1.7
 * asks for. The upstream is told the right code in all these cases.
 */
const GAPS_OF_PROXY: Record<string, Gap> = {
  ...gaps(CASES.filter(({ id, fails }) => fails !== undefined && !A_LITTLE_TOO_LARGE.includes(id)).map(({ id }) => id), { why: 'the listener ends the connection without a close frame', end: 'end' }),
  '5.18b': { why: 'the listener takes a binary frame for the continuation of a text', end: 'open', echoes: ['fragment'] },
  '6.4.3': { why: AT_THE_END, end: 'open' },
  ...gaps(['7.3.2', '7.5.1', ...CASES.filter(({ id }) => id.startsWith('7.9.')).map(({ id }) => id)], { why: CLOSE_PAYLOAD, end: 1005 }),
  ...gaps(CASES.filter(({ closes = 0 }) => (closes > 1011 && closes < 4000)).map(({ id }) => id), { why: OTHER_CODES, end: 1005 }),
  '8.M1': { why: UNMASKED, end: 'open', echoes: [readAsMasked('Hello, world!')] },
  '8.M2': { why: UNMASKED, end: 'open', pongs: [readAsMasked('ping')] },
  '8.M3': { why: UNMASKED, end: 1000 },
  ...LENGTHS,
};

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

it('leaves the proxy alive, with nothing in flight', async () => {
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  await eventually(() => origin.open === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
