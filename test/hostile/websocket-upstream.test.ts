/**
 * An upstream that took the handshake and then sends what it should and what it must not; the client behind the proxy echoes
 * messages. The same cases are run against a client of `ws` alone first: it says whether the table is right.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';
import { echo } from '../support/websocket-origin.ts';
import { Peer } from '../support/websocket-peer.ts';
import { RawWebSocketOrigin } from '../support/websocket-raw.ts';
import { WEBSOCKET_MAX_MESSAGE as MAX_MESSAGE, WEBSOCKET_UPSTREAM_CASES as CASES, type WebSocketCase } from './cases/websocket.ts';
import { SPLITS } from './splits.ts';
import { FAREWELL, examine, expectOutcome, type Gap } from './websocket-exam.ts';

/** Longer cases are not sent byte by byte. */
const LARGE = 100_000;

const LONG_LENGTH = 'a length in more bytes than it needs is taken';
/** Where `ws` 8 is more lenient than the table, or says it with another code. */
const GAPS_OF_WS: Record<string, Gap> = {
  '6.4.3': { why: 'UTF-8 is looked at when the message is complete', end: 'open' },
  '8.M4': { why: LONG_LENGTH, end: 'open', echoes: ['Hello'] },
  '8.M5': { why: LONG_LENGTH, end: 'open', echoes: ['Hello'] },
  '8.M6': { why: LONG_LENGTH, end: 'open', echoes: ['x'.repeat(300)] },
  '8.M7': { why: 'the length is too large before it is malformed', end: 1009 },
};

let origin: RawWebSocketOrigin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await RawWebSocketOrigin.start();
  proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: { maxMessage: '16MiB' } } }));
});

async function run(port: number, item: WebSocketCase, pieces: readonly Buffer[], gap?: Gap): Promise<Peer> {
  const from = origin.connections.length;
  const client = await Peer.open(`ws://127.0.0.1:${port}/`, { maxPayload: MAX_MESSAGE });
  echo(client, undefined as never);
  const upstream = await origin.connection(from);
  expectOutcome(await examine(upstream, item, pieces, { masked: false, gap }), item, gap);
  // The server ends the connection (RFC 6455 section 7.1.1).
  upstream.socket.end();
  return client;
}

describe.each(Object.entries(SPLITS).slice(0, 2))('%s', (split, cut) => {
  const cases = CASES.filter(({ send }) => split === 'whole' || Buffer.concat(send).length < LARGE).map((item) => [item.id, item.name, item] as const);

  describe('ws alone', () => {
    it.each(cases)('%s %s', async (id, _name, item) => {
      await run(origin.origin.port, item, cut(Buffer.concat(item.send)), GAPS_OF_WS[id]);
    });
  });

  describe('the proxy', () => {
    it.each(cases)('%s %s', async (_id, _name, item) => {
      const client = await run(proxy.port(), item, cut(Buffer.concat(item.send)));
      const { code, reason } = await client.over();
      if (item.fails !== undefined) {
        // Not the client's fault: 1014 is for a gateway whose upstream is broken.
        expect(code, reason).toBe(item.fails === 1009 ? 1009 : 1014);
        expect(reason).not.toBe('');
      } else {
        expect(code).toBe(item.closes ?? FAREWELL.code);
      }
    });
  });
});

it('leaves the proxy alive, with nothing in flight', async () => {
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
