/**
 * Answers that try to be two answers, or to break the parser: every case of cases/upstream.ts, whole, byte by byte, and cut in every
 * line end. The client must get none of the poison, nor the next client.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.ts';
import type { UpstreamCase } from './cases/case.ts';
import { GAP_RULES } from './cases/gaps.ts';
import { UPSTREAM_GROUPS } from './cases/upstream.ts';
import { ScriptedLanes, type Play } from './scripted.ts';
import { SPLITS } from './splits.ts';

/** All cases of one split. */
const RUN_MS = 90_000;

let scripted: ScriptedLanes;

beforeAll(async () => {
  scripted = await ScriptedLanes.start();
});

function check(item: UpstreamCase, { outcome, answer, rest, reused }: Play): void {
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
  const plays = new Map<UpstreamCase, Play | Error>();

  beforeAll(async () => {
    const cases = UPSTREAM_GROUPS.flatMap((group) => group.cases);
    const results = await scripted.lanes.run(cases, (item, lane) => scripted.play(item, split, lane).catch((error: unknown) => error as Error));
    for (const [i, item] of cases.entries()) plays.set(item, results[i] as Play | Error);
  }, RUN_MS);

  describe.each(UPSTREAM_GROUPS.map((group) => [group.title, group] as const))('%s', (_title, group) => {
    it.each(group.cases.map((item) => [item.id, item.name, item] as const))('%s %s', (_id, _caseName, item) => {
      const play = plays.get(item);
      if (play === undefined || play instanceof Error) throw play ?? new Error('did not run');
      check(item, play);
    });
  });
});

it('leaves the proxy alive, with nothing in flight', async () => {
  const { proxy } = scripted.lanes;
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
