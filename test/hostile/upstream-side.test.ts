/**
 * Answers that try to be two answers, or to break the parser: every case of cases/upstream.ts, whole, byte by byte, and cut in every
 * line end. The client must get none of the poison, nor the next client.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../support/http-message.ts';
import type { OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';
import type { Outcome, UpstreamCase } from './cases/case.ts';
import { GAP_RULES } from './cases/gaps.ts';
import { UPSTREAM_GROUPS } from './cases/upstream.ts';
import { Lanes, canary, echo, type Lane } from './lanes.ts';
import { SPLITS, sendPieces } from './splits.ts';
import { Wire } from './wire.ts';

/** All cases of one split. */
const RUN_MS = 90_000;

interface Script {
  item: UpstreamCase;
  pieces: Buffer[];
  /** The connection that the case was said on. */
  victim?: OriginConnection;
}

interface Run {
  outcome: Outcome;
  answer: Message | null;
  /** Everything else that the client got. */
  rest: string;
  reused: boolean;
}

const scripts = new Map<Lane, Script>();
let lanes: Lanes;

beforeAll(async () => {
  lanes = await Lanes.start({
    origin: (lane) => ({
      onConnection: (connection) => {
        let text = '';
        connection.socket.on('data', (bytes) => {
          text += bytes.toString('latin1');
          if (!text.includes('\r\n\r\n')) return;
          const target = text.split(' ')[1] ?? '';
          text = '';
          const script = scripts.get(lane());
          if (target !== '/case' || script === undefined) {
            echo(target, connection);
            return;
          }
          script.victim = connection;
          void say(script, connection);
        });
      },
    }),
    route: { timeout: '3s', idleTimeout: '3s', retry: { attempts: 0 } },
  });
});

async function say({ item, pieces }: Script, connection: OriginConnection): Promise<void> {
  await sendPieces((piece) => connection.send(piece), pieces, () => !connection.socket.destroyed);
  if (item.end === 'close') connection.end();
  // Not in the same turn: the kernel would drop what it has not sent yet.
  if (item.end === 'reset') setImmediate(() => setImmediate(() => connection.reset()));
}

async function run(item: UpstreamCase, split: (bytes: Buffer) => Buffer[], lane: Lane): Promise<Run> {
  const script: Script = { item, pieces: split(Buffer.from(item.bytes, 'latin1')) };
  scripts.set(lane, script);
  const { method = 'GET' } = item;
  const wire = await Wire.open(lane.port, { toHead: method === 'HEAD' });
  wire.send(`${method} /case HTTP/1.1\r\nHost: a.test\r\n${method === 'POST' ? 'Content-Length: 10\r\n\r\nhalf.' : '\r\n'}`);
  const { outcome, message } = await wire.answer(LONG_MS);
  const { rest } = wire;
  wire.close();
  const { victim } = script;
  let reused = true;
  if (item.reuse === false) {
    await eventually(() => victim?.socket.destroyed === true || victim?.socket.readableEnded === true);
    reused = false;
  }
  for (let i = 0; i < 2; i++) await canary(lane.port);
  if (item.reuse === true) reused = victim?.socket.destroyed === false;
  return { outcome, answer: message, rest, reused };
}

/** Above the timeouts of the route: an upstream that says nothing more is the proxy's to end. */
const LONG_MS = 5000;

function check(item: UpstreamCase, { outcome, answer, rest, reused }: Run): void {
  const { gap } = item;
  expect(gap?.today ?? item.allow, gap === undefined ? undefined : GAP_RULES[gap.rule]).toContain(outcome);
  const seen = `${answer?.head.text ?? ''}\n${answer?.body.toString('latin1') ?? ''}\n${rest}`;
  expect(seen).not.toContain('POISON');
  if (answer !== null) expect(rest, 'behind the answer').toBe('');
  if (item.reuse !== undefined) expect(reused, 'the connection serves again').toBe(item.reuse);
  if (answer === null || answer.status === 502) return;
  if (item.body !== undefined) expect(answer.body.toString('latin1')).toBe(item.body);
  for (const name of item.absent ?? []) expect([name, answer.all(name)]).toEqual([name, []]);
}

describe.each(Object.entries(SPLITS))('%s', (_name, split) => {
  const runs = new Map<UpstreamCase, Run | Error>();

  beforeAll(async () => {
    const cases = UPSTREAM_GROUPS.flatMap((group) => group.cases);
    const results = await lanes.run(cases, (item, lane) => run(item, split, lane).catch((error: unknown) => error as Error));
    for (const [i, item] of cases.entries()) runs.set(item, results[i] as Run | Error);
  }, RUN_MS);

  describe.each(UPSTREAM_GROUPS.map((group) => [group.title, group] as const))('%s', (_title, group) => {
    it.each(group.cases.map((item) => [item.id, item.name, item] as const))('%s %s', (_id, _caseName, item) => {
      const result = runs.get(item);
      if (result === undefined || result instanceof Error) throw result ?? new Error('did not run');
      check(item, result);
    });
  });
});

it('leaves the proxy alive, with nothing in flight', async () => {
  const { proxy } = lanes;
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
