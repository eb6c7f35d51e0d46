/**
 * Requests that try to be two requests, or to break the parser: every case of cases/client.ts, whole, byte by byte, and cut in every
 * line end. Afterwards an honest request on a new connection, and one on the same if it is still open, must find the proxy as it was.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../support/http-message.ts';
import { eventually } from '../support/wait.ts';
import { mostForwarded, type ClientCase, type Outcome } from './cases/case.ts';
import { CLIENT_GROUPS } from './cases/client.ts';
import { GAP_RULES } from './cases/gaps.ts';
import { Lanes, canary, echo, isCanary, type Lane } from './lanes.ts';
import { SPLITS } from './splits.ts';
import { Wire } from './wire.ts';

/** All cases of one split. */
const RUN_MS = 90_000;

/** After these the connection ends. (Not after 404 or 413 to a request that was understood.) */
const REFUSALS = new Set([400, 405, 408, 414, 417, 421, 431, 501, 505]);

interface Run {
  outcome: Outcome;
  answer: Message | null;
  /** Whole requests that reached the upstream. */
  forwarded: Message[];
  closed: boolean;
  /** What came behind the first answer. */
  rest: string;
  /** Status of a further request on the same connection. */
  again: Outcome | null;
}

let lanes: Lanes;

beforeAll(async () => {
  lanes = await Lanes.start({
    origin: () => ({ answer: (request, connection) => echo(request.method === 'HEAD' ? '' : request.target, connection) }),
    routes: (cluster) => [
      { match: { path: '/early' }, respond: { status: 200, body: 'early' } },
      { match: { path: '/small' }, cluster, maxRequestBody: '1KiB' },
    ],
    route: { timeout: '5s' },
  });
});

async function run({ bytes }: ClientCase, split: (bytes: Buffer) => Buffer[], lane: Lane): Promise<Run> {
  const from = lane.origin.requests.length;
  const wire = await Wire.open(lane.port, { toHead: bytes.startsWith('HEAD ') });
  await wire.sendAll(split(Buffer.from(bytes, 'latin1')));
  const { outcome, message } = await wire.answer();
  // Whatever the proxy made of the bytes has been sent upstream before this one is.
  await canary(lane.port);
  const { rest } = wire;
  let again: Outcome | null = null;
  const persists = message !== null && message.header('connection') !== 'close' && !wire.ended && rest === '';
  if (persists) {
    wire.send('GET /canary-again HTTP/1.1\r\nHost: canary.test\r\n\r\n');
    const next = await wire.answer();
    again = next.message?.status === 200 && !['', '/canary-again'].includes(next.message.text) ? -1 : next.outcome;
  }
  const closed = message?.header('connection') === 'close' ? await wire.ends() : wire.ended;
  wire.close();
  return { outcome, answer: message, forwarded: lane.origin.requests.slice(from).filter(({ target }) => !isCanary(target)), closed, rest, again };
}

function check(item: ClientCase, { outcome, answer, forwarded, closed, rest, again }: Run): void {
  const { gap } = item;
  const why = gap === undefined ? undefined : GAP_RULES[gap.rule];
  expect(gap?.today ?? item.allow, why).toContain(outcome);
  expect(forwarded.length, 'requests forwarded').toBeLessThanOrEqual(mostForwarded(item));
  if (gap?.second !== true) expect(forwarded.map(({ target }) => target).filter((target) => target.includes('smuggled')), 'smuggled requests').toEqual([]);
  if (answer !== null && REFUSALS.has(answer.status)) expect(closed, 'a refusal ends the connection').toBe(true);
  if (item.closes === true) expect(closed, 'the connection ends').toBe(true);
  if (gap?.second !== true) expect(answersIn(rest).filter((status) => status < 400).length, 'more answers').toBeLessThan(Math.max(1, mostForwarded(item)));
  expect([null, 200, 400, 505, 'close', 'silence'], 'another request on the same connection').toContain(again);
  const first = forwarded[0];
  if (first === undefined) return;
  if (item.body !== undefined) expect(first.body.toString('latin1')).toBe(item.body);
  if (item.target !== undefined) expect(first.target).toBe(item.target);
  for (const [name, value] of Object.entries(item.kept ?? {})) expect([name, first.all(name)]).toEqual([name, [value]]);
  for (const name of item.absent ?? []) expect([name, first.all(name)]).toEqual([name, []]);
}

function answersIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

describe.each(Object.entries(SPLITS))('%s', (_name, split) => {
  const runs = new Map<ClientCase, Run | Error>();

  beforeAll(async () => {
    const cases = CLIENT_GROUPS.flatMap((group) => group.cases);
    const results = await lanes.run(cases, (item, lane) => run(item, split, lane).catch((error: unknown) => error as Error));
    for (const [i, item] of cases.entries()) runs.set(item, results[i] as Run | Error);
  }, RUN_MS);

  describe.each(CLIENT_GROUPS.map((group) => [group.title, group] as const))('%s', (_title, group) => {
    it.each(group.cases.map((item) => [item.id, item.name, item] as const))('%s %s', (_id, _caseName, item) => {
      const result = runs.get(item);
      if (result === undefined || result instanceof Error) throw result ?? new Error('did not run');
      check(item, result);
    });
  });
});

describe('behind a trusted hop', () => {
  // Not those that hide a length: what follows is cut from a body by the listener before anyone sees that there was one.
  const cases = CLIENT_GROUPS.flatMap((group) => group.cases).filter(({ gap }) => gap?.second === true && gap.rule !== 'emptyName');

  it.each(cases.map((item) => [item.id, item.name, item] as const))('%s %s: makes no second request, since a chunked one is the last of its connection', async (_id, _name, item) => {
    const trusting = await Lanes.start({ count: 1, listener: { forwarded: { trust: ['127.0.0.0/8'] } }, origin: () => ({ answer: (request, connection) => echo(request.target, connection) }) });
    const lane = trusting.all[0] as Lane;
    for (const split of Object.values(SPLITS)) {
      const { forwarded, closed } = await run(item, split, lane);
      expect(closed).toBe(true);
      expect(forwarded.map(({ target }) => target).filter((target) => target.includes('smuggled'))).toEqual([]);
    }
  });
});

it('leaves the proxy alive, with nothing in flight', async () => {
  const { proxy } = lanes;
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
