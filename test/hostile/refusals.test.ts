/** What is refused is counted by reason, once, and logged, when it is the engine that refuses; and what is left waiting ends. */
import { beforeAll, expect, it } from 'vitest';
import type { Millrace } from '../support/millrace.ts';
import { eventually, within } from '../support/wait.ts';
import { mostForwarded } from './cases/case.ts';
import { CLIENT_GROUPS } from './cases/client.ts';
import { UPSTREAM_GROUPS } from './cases/upstream.ts';
import { Lanes, canary, echo, type Lane } from './lanes.ts';
import { ScriptedLanes } from './scripted.ts';
import { Wire } from './wire.ts';

/** uWS closes an idle connection after 8 to 12 s. */
const IDLE_MS = 20_000;

let lanes: Lanes;
let lane: Lane;

beforeAll(async () => {
  lanes = await Lanes.start({ count: 1, origin: () => ({ answer: (request, connection) => echo(request.method === 'HEAD' ? '' : request.target, connection) }) });
  lane = lanes.all[0] as Lane;
});

type Side = 'downstream' | 'upstream';

async function counts(proxy: Millrace, side: Side): Promise<Map<string, number>> {
  const { text } = await proxy.admin('/metrics');
  const lines = text.matchAll(new RegExp(`^millrace_${side}_protocol_errors_total\\{.*?reason="([^"]+)".*?\\} (\\d+)$`, 'gm'));
  return new Map([...lines].map(([, reason = '', count]) => [reason, Number(count)]));
}

/** The reasons that have been counted since. */
const grown = (after: Map<string, number>, before: Map<string, number>): string[] =>
  [...after].flatMap(([reason, count]) => Array.from({ length: count - (before.get(reason) ?? 0) }, () => reason));

/** A line for each of them; not one for each time. */
const logged = (proxy: Millrace, message: string, reasons: Iterable<string>): Promise<unknown> =>
  eventually(() => {
    const seen = new Set(proxy.log.filter(({ msg }) => msg.startsWith(message)).map(({ reason }) => reason));
    expect([...reasons].filter((reason) => !seen.has(reason)), `not logged as "${message}"`).toEqual([]);
  });

it.each(CLIENT_GROUPS.map((group) => [group.title, group] as const))('%s: every refusal of the engine is counted under its reason', async (_title, group) => {
  const allowed = new Set(group.reasons ?? []);
  const seen = new Set<string>();
  let before = await counts(lanes.proxy, 'downstream');
  for (const item of group.cases.filter((each) => mostForwarded(each) === 0 && !(each.gap?.today ?? each.allow).includes('silence'))) {
    const wire = await Wire.open(lane.port, { toHead: item.bytes.startsWith('HEAD ') });
    wire.send(item.bytes);
    const { outcome, message } = await wire.answer();
    wire.close();
    const after = await counts(lanes.proxy, 'downstream');
    const reasons = grown(after, before);
    const what = `${item.id} ${item.name}: ${outcome}, counted as ${reasons.join()}`;
    // The pages of the listener are HTML; 413 is a limit and not an error.
    const ours = message !== null && message.status !== 413 && message.header('content-type')?.startsWith('text/plain') === true;
    expect(reasons.length, what).toBeLessThanOrEqual(1);
    if (ours) expect(reasons.length, what).toBe(1);
    for (const reason of reasons) {
      expect(allowed, what).toContain(reason);
      seen.add(reason);
    }
    before = after;
  }
  await logged(lanes.proxy, 'request refused', seen);
});

it.each(UPSTREAM_GROUPS.map((group) => [group.title, group] as const))('%s: every malformed answer is counted under its reason', { timeout: 30_000 }, async (_title, group) => {
  const allowed = new Set(group.reasons ?? []);
  const seen = new Set<string>();
  const scripted = await ScriptedLanes.start({ count: 1, route: { timeout: '1s', idleTimeout: '1s', retry: { attempts: 0 } } });
  const { proxy, all } = scripted.lanes;
  let before = await counts(proxy, 'upstream');
  for (const item of group.cases) {
    const { outcome } = await scripted.play(item, (bytes) => [bytes], all[0] as Lane);
    const after = await counts(proxy, 'upstream');
    const reasons = grown(after, before);
    const what = `${item.id} ${item.name}: ${outcome}, counted as ${reasons.join()}`;
    expect(reasons.length, what).toBeLessThanOrEqual(1);
    // An upstream that ends its connection too early has not said anything that is malformed.
    if (outcome === 502 && item.end === undefined) expect(reasons.length, what).toBe(1);
    if (item.reuse === true) expect(reasons, what).toEqual([]);
    for (const reason of reasons) {
      expect(allowed, what).toContain(reason);
      seen.add(reason);
    }
    before = after;
  }
  await logged(proxy, 'upstream broke the protocol', seen);
});

it('what neither side can go on with ends by itself, and nothing more of it reaches the upstream', { timeout: 2 * IDLE_MS }, async () => {
  const waiting = CLIENT_GROUPS.flatMap(({ cases }) => cases).filter((item) => (item.gap?.today ?? item.allow).includes('silence'));
  expect(waiting.length).toBeGreaterThan(10);
  const from = lane.origin.requests.length;
  const wires = await Promise.all(waiting.map(() => Wire.open(lane.port)));
  for (const [i, wire] of wires.entries()) wire.send(waiting[i]?.bytes ?? '');
  const ended = await within(Promise.all(wires.map((wire) => wire.ends(IDLE_MS))), 'the end of all of them', 2 * IDLE_MS);
  expect(waiting.filter((_, i) => ended[i] !== true).map(({ id }) => id)).toEqual([]);
  const forwarded = lane.origin.requests.slice(from).map(({ target }) => target);
  expect(forwarded.length).toBeLessThanOrEqual(waiting.reduce((sum, item) => sum + mostForwarded(item), 0));
  expect(forwarded.filter((target) => target.includes('smuggled'))).toEqual([]);
  await canary(lane.port);
});
