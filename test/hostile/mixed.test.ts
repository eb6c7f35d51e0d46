/**
 * All cases of both tables at random, on one proxy, among honest requests: each of those gets its own answer, and nothing of the
 * rest stays: no request in flight, no descriptor, no memory.
 */
import { expect, it } from 'vitest';
import { CLIENT_GROUPS } from './cases/client.ts';
import type { UpstreamCase } from './cases/case.ts';
import { UPSTREAM_GROUPS } from './cases/upstream.ts';
import { canary } from './lanes.ts';
import { ScriptedLanes } from './scripted.ts';
import { SPLITS } from './splits.ts';
import { descriptors, expectNothingLeft } from './state.ts';
import { Wire } from './wire.ts';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 20_260_816);
/** Messages of each round; the first round fills pools and caches. */
const ROUND = 900;
const ROUNDS = 3;
const MIB = 1024 * 1024;
/** What the third round may add to the second. */
const GROWTH = 24 * MIB;
const LIMIT_MS = 120_000;

function random(seed: number): (below: number) => number {
  let x = seed >>> 0;
  return (below) => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
}

it(`good traffic is served among all of it (seed ${SEED})`, { timeout: LIMIT_MS }, async () => {
  const scripted = await ScriptedLanes.start({ route: { timeout: '1s', idleTimeout: '1s', retry: { attempts: 0 } } });
  const { proxy, all } = scripted.lanes;
  const next = random(SEED);
  const splits = Object.values(SPLITS);
  const fromClients = CLIENT_GROUPS.flatMap(({ cases }) => cases);
  const fromUpstreams = UPSTREAM_GROUPS.flatMap(({ cases }) => cases);
  for (const { port } of all) await canary(port);
  const descriptorsBefore = descriptors(proxy);
  const memory: number[] = [];
  let good = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const work = Array.from({ length: ROUND }, () => next(fromClients.length + fromUpstreams.length));
    await scripted.lanes.run(work, async (n, lane) => {
      const split = splits[next(splits.length)] as (bytes: Buffer) => Buffer[];
      const item = n < fromClients.length ? fromClients[n] : undefined;
      if (item === undefined) {
        // With two canaries of its own.
        const { reuse: _, ...answer } = fromUpstreams[n - fromClients.length] as UpstreamCase;
        await scripted.play(answer, split, lane);
        good += 2;
        return;
      }
      const wire = await Wire.open(lane.port);
      await wire.sendAll(split(Buffer.from(item.bytes, 'latin1')));
      // Some stay to see what comes, some go at once, in order or not.
      const way = next(4);
      if (way === 0) wire.reset();
      else if (way === 1) wire.end();
      await canary(lane.port);
      good++;
      wire.close();
    });
    memory.push(proxy.rss);
  }
  expect(good).toBeGreaterThanOrEqual(ROUND * ROUNDS);
  await expectNothingLeft(proxy, descriptorsBefore);
  expect((memory[2] as number) - (memory[1] as number), `memory after each round: ${memory.map((bytes) => `${Math.round(bytes / MIB)} MiB`).join()}`).toBeLessThan(GROWTH);
});
