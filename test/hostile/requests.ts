/** One case of a client: what came of it, and whether that is right. */
import { expect } from 'vitest';
import type { Message } from '../support/http-message.ts';
import { mostForwarded, type ClientCase, type Outcome } from './cases/case.ts';
import { GAP_RULES } from './cases/gaps.ts';
import { canary, echo, isCanary, type Lane, type LanesOptions } from './lanes.ts';
import { Wire } from './wire.ts';

/** After these the connection ends. (Not after 404 or 413 to a request that was understood.) */
const REFUSALS = new Set([400, 405, 408, 414, 417, 421, 431, 501, 505]);

export interface Run {
  outcome: Outcome;
  answer: Message | null;
  /** The bytes went out in more than one write. */
  split: boolean;
  /** Whole requests that reached the upstream. */
  forwarded: Message[];
  closed: boolean;
  /** What came behind the first answer. */
  rest: string;
  /** Status of a further request on the same connection. */
  again: Outcome | null;
}

/** What the tables take for granted. */
export const CLIENT_LANES: LanesOptions = {
  origin: () => ({ answer: (request, connection) => echo(request.method === 'HEAD' ? '' : request.target, connection) }),
  routes: (cluster) => [
    { match: { path: '/early' }, respond: { status: 200, body: 'early' } },
    { match: { path: '/small' }, cluster, maxRequestBody: '1KiB' },
  ],
  route: { timeout: '5s' },
};

export async function run({ bytes }: ClientCase, split: (bytes: Buffer) => Buffer[], lane: Lane): Promise<Run> {
  const from = lane.origin.requests.length;
  const wire = await Wire.open(lane.port, { toHead: bytes.startsWith('HEAD '), tls: lane.tls });
  const pieces = split(Buffer.from(bytes, 'latin1'));
  await wire.sendAll(pieces);
  const { outcome, message } = await wire.answer();
  // Whatever the proxy made of the bytes has been sent upstream before this one is.
  await canary(lane.port, lane.tls);
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
  return { outcome, answer: message, split: pieces.length > 1, forwarded: lane.origin.requests.slice(from).filter(({ target }) => !isCanary(target)), closed, rest, again };
}

export function check(item: ClientCase, { outcome, answer, split, forwarded, closed, rest, again }: Run, tls = false): void {
  const { gap } = item;
  const expected: readonly Outcome[] = gap?.today ?? item.allow;
  const why = gap === undefined ? undefined : GAP_RULES[gap.rule];
  // The listener answers a line that it does not take before the rest has come. What is sent afterwards meets a closed connection, and the reset overtakes the answer.
  const overtaken = split && gap !== undefined && expected.some((one) => typeof one === 'number' && REFUSALS.has(one));
  expect(overtaken ? [...expected, 'close'] : expected, why).toContain(outcome);
  expect(forwarded.length, 'requests forwarded').toBeLessThanOrEqual(mostForwarded(item));
  if (gap?.second !== true && item.next !== true) expect(forwarded.map(({ target }) => target).filter((target) => target.includes('smuggled')), 'smuggled requests').toEqual([]);
  if (answer !== null && REFUSALS.has(answer.status)) expect(closed, 'a refusal ends the connection').toBe(true);
  if (item.closes === true) expect(closed, 'the connection ends').toBe(true);
  if (gap?.second !== true) expect(answersIn(rest).filter((status) => status < 400).length, 'more answers').toBeLessThan(Math.max(1, mostForwarded(item)));
  expect([null, 200, 400, 505, 'close', 'silence'], 'another request on the same connection').toContain(again);
  const first = forwarded[0];
  if (first === undefined) return;
  if (item.body !== undefined) expect(first.body.toString('latin1')).toBe(item.body);
  if (item.target !== undefined) expect(first.target).toBe(item.target);
  const kept = { ...item.kept, ...(tls && item.kept?.['x-forwarded-proto'] !== undefined ? { 'x-forwarded-proto': 'https' } : {}) };
  for (const [name, value] of Object.entries(kept)) expect([name, first.all(name)]).toEqual([name, [value]]);
  for (const name of item.absent ?? []) expect([name, first.all(name)]).toEqual([name, []]);
}

function answersIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

