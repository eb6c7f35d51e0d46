/** What is refused is counted by reason, once, when it is the engine that refuses; and what is left waiting ends. */
import { beforeAll, expect, it } from 'vitest';
import { within } from '../support/wait.ts';
import { mostForwarded } from './cases/case.ts';
import { CLIENT_GROUPS } from './cases/client.ts';
import { Lanes, canary, echo, type Lane } from './lanes.ts';
import { Wire } from './wire.ts';

/** uWS closes an idle connection after 8 to 12 s. */
const IDLE_MS = 20_000;

let lanes: Lanes;
let lane: Lane;

beforeAll(async () => {
  lanes = await Lanes.start({ count: 1, origin: () => ({ answer: (request, connection) => echo(request.method === 'HEAD' ? '' : request.target, connection) }) });
  lane = lanes.all[0] as Lane;
});

async function refusals(): Promise<Map<string, number>> {
  const { text } = await lanes.proxy.admin('/metrics');
  return new Map([...text.matchAll(/^millrace_downstream_protocol_errors_total\{reason="([^"]+)"\} (\d+)$/gm)].map(([, reason = '', count]) => [reason, Number(count)]));
}

it.each(CLIENT_GROUPS.map((group) => [group.title, group] as const))('%s: every refusal of the engine is counted under its reason', async (_title, group) => {
  const allowed = new Set(group.reasons ?? []);
  let before = await refusals();
  for (const item of group.cases.filter((each) => mostForwarded(each) === 0 && !(each.gap?.today ?? each.allow).includes('silence'))) {
    const wire = await Wire.open(lane.port, { toHead: item.bytes.startsWith('HEAD ') });
    wire.send(item.bytes);
    const { outcome, message } = await wire.answer();
    wire.close();
    const after = await refusals();
    const grown = [...after].flatMap(([reason, count]) => Array.from({ length: count - (before.get(reason) ?? 0) }, () => reason));
    const what = `${item.id} ${item.name}: ${outcome}, counted as ${grown.join()}`;
    // The pages of the listener are HTML; 413 is a limit and not an error.
    const ours = message !== null && message.status !== 413 && message.header('content-type')?.startsWith('text/plain') === true;
    expect(grown.length, what).toBeLessThanOrEqual(1);
    if (ours) expect(grown.length, what).toBe(1);
    for (const reason of grown) expect(allowed, what).toContain(reason);
    before = after;
  }
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
