/**
 * Requests that try to be two requests, or to break the parser. Each is sent whole, byte by byte and cut in every line end;
 * afterwards an honest request on a new connection must find the proxy as it was.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from '../support/client.ts';
import { HOSTILE_CASES, SPLITS, bytesOf, sendPieces } from '../support/hostile-cases.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { within } from '../support/wait.ts';

type Result = number | 'close' | 'silence';

/** Long enough for an answer that comes at all. */
const ANSWER_MS = 500;
interface Gap {
  why: string;
  today: Result[];
  /** Requests that reach the upstream although none should; their framing is the proxy's own. */
  forwarded?: number;
  /** The bytes after the message are taken for a second request of the same client. */
  second?: true;
}

const TRIMMED = 'the listener trims bytes above 0x7f from the edges of a value before anyone sees it; what is forwarded has framing of our own';
const WAITS = 'the listener waits for more bytes until its 10 s are over, then closes';
const LENIENT_CHUNKS = 'the listener decodes this chunked body leniently, depending on its packets; what is forwarded has framing of our own';

/**
 * What the uWebSockets.js listener does instead of what a case asks for. None of it can be seen by the code behind it, none
 * crashes, and no upstream ever gets bytes that are not framed by us.
 */
const KNOWN_GAPS: Record<string, Gap> = {
  C17: { why: TRIMMED, today: [200], forwarded: 1 },
  C27: { why: TRIMMED, today: [200], forwarded: 1 },
  C42: { why: 'the listener hides every field after one without a name, Transfer-Encoding too, for itself as for us: the body is refused as a second request', today: [200, 400, 'close'], forwarded: 1 },
  C24: { why: 'refused as Transfer-Encoding that is not exactly chunked', today: [501] },
  C36: { why: WAITS, today: ['silence'] },
  C72: { why: WAITS, today: ['silence'] },
  C74: { why: WAITS, today: ['silence'] },
  C116: { why: WAITS, today: ['silence', 400] },
  C75: { why: LENIENT_CHUNKS, today: [200, 400, 'close'] },
  C82: { why: LENIENT_CHUNKS, today: [200, 400, 'close'] },
  C84: { why: LENIENT_CHUNKS, today: [200, 400, 'close'] },
  C86: { why: LENIENT_CHUNKS, today: [200, 400, 'close'] },
  C81: { why: LENIENT_CHUNKS, today: [200, 400, 'close'], second: true },
  C85: { why: LENIENT_CHUNKS, today: [200, 400, 'close'], second: true },
  C87: { why: LENIENT_CHUNKS, today: [200, 400, 'close'], second: true },
  C91: { why: 'the listener disconnects a client that sends a second request before it has the first answer', today: [200, 'close'] },
  C111: { why: 'the listener disconnects a client that sends a second request before it has the first answer', today: [200, 'close'] },
};

let origin: Origin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await Origin.start();
  proxy = await Millrace.start({
    routes: { main: [{ hosts: ['*'], routes: [{ match: { path: '/early' }, respond: { status: 200, body: 'early' } }, { cluster: 'up', timeout: '5s' }] }] },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

/** First final status, or how it ended without one. */
async function outcome(client: RawClient): Promise<Result> {
  let interim = 0;
  for (;;) {
    let status: number;
    try {
      status = (await client.response({ limitMs: ANSWER_MS })).status;
    } catch {
      return client.ended ? 'close' : interim === 0 ? 'silence' : interim;
    }
    if (status !== 100) return status;
    interim = status;
  }
}

async function run(pieces: Buffer[]): Promise<{ result: Result; forwarded: Origin['requests'] }> {
  const from = origin.requests.length;
  const client = await RawClient.connect({ port: proxy.port() });
  await sendPieces((piece) => client.send(piece), pieces, () => !client.ended);
  const result = await outcome(client);
  // Whatever the proxy made of the bytes has been sent upstream before this one is.
  const canary = await request(proxy.port(), '/canary', { headers: { Host: 'canary.test' } });
  expect(canary.status, 'the canary').toBe(200);
  await client.close();
  const seen = origin.requests.slice(from);
  const forwarded = seen.filter(({ target }) => target !== '/canary');
  expect(seen.length - forwarded.length, 'canaries seen').toBe(1);
  return { result, forwarded };
}

describe.each(Object.entries(SPLITS))('%s', (_split, split) => {
  it.each(HOSTILE_CASES.filter(({ side }) => side === 'client').map((item) => [item.id, item.name, item] as const))('%s %s', async (id, _name, item) => {
    const { result, forwarded } = await run(split(bytesOf(item)));
    const { maxForwarded, never, body } = item;
    const gap = KNOWN_GAPS[id];
    if (maxForwarded !== undefined) expect(forwarded.length, 'requests forwarded').toBeLessThanOrEqual(gap?.forwarded ?? maxForwarded);
    if (never !== undefined && gap?.second !== true) expect(forwarded.filter(({ head }) => head.startLine.includes(never)), 'smuggled requests').toEqual([]);
    if (body !== undefined && forwarded.length > 0) expect(forwarded[0]?.text).toBe(body);
    expect(gap?.today ?? item.allow, gap?.why).toContain(result);
  });
});

describe('behind a trusted hop', () => {
  it.each(Object.keys(KNOWN_GAPS).filter((id) => KNOWN_GAPS[id]?.second === true))('%s makes no second request: a chunked one is the last of its connection', async (id) => {
    const item = HOSTILE_CASES.find((candidate) => candidate.id === id);
    if (item === undefined) throw new Error(`no case ${id}`);
    const upstream = await Origin.start();
    const trusting = await Millrace.start(proxyTo([upstream.address], { listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', forwarded: { trust: ['127.0.0.0/8'] } }] }));
    for (const split of Object.values(SPLITS)) {
      const client = await RawClient.connect({ port: trusting.port() });
      await sendPieces((piece) => client.send(piece), split(bytesOf(item)), () => !client.ended);
      await client.end();
      expect((await request(trusting.port(), '/canary')).status).toBe(200);
    }
    expect(upstream.requests.filter(({ target }) => target === '/smuggled')).toEqual([]);
  });
});

it('leaves the proxy alive, with nothing in flight', async () => {
  expect(proxy.running).toBe(true);
  expect(await within(proxy.metric('millrace_active_requests'), 'metrics')).toBe(0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
