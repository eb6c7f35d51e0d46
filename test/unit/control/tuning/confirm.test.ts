import { describe, expect, it } from 'vitest';
import { ask, bench, FILE, good } from './support.ts';

const CLUSTER_A = { kind: 'cluster', cluster: 'a' } as const;
const confirm = { timeMs: 60_000, maxErrorRate: 0.05, maxP99: 2, minRequests: 50 };
const containing = (text: string): unknown => expect.stringContaining(text);

/** With a change of cluster a under way, after a minute in which a served well. */
async function pending(before = { finished: 1_000, failed: 10, bucket: 200 }) {
  const all = await bench(FILE.replace('admin: false', 'admin: { address: "127.0.0.1:0" }'));
  all.stats.serve('a', before.finished, before.failed, before.bucket);
  const outcome = good(await all.tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask({ confirm })));
  return { ...all, outcome };
}

describe('a change that awaits its confirmation', () => {
  it('is in service, says until when, and what it is judged by', async () => {
    const { outcome, running, clock } = await pending();
    expect(running().clusters['a']?.connectTimeoutMs).toBe(2_000);
    expect(outcome.confirm).toMatchObject({ version: 2, who: 'ops', untilMs: clock.nowMs + 60_000, guard: { maxErrorRate: 0.05, maxP99: 2, minRequests: 50, watched: [{ name: 'cluster a', requests: 1_000, errorRate: 0.01 }, { name: 'routes to a', requests: 0 }] } });
  });

  it('stays when it is confirmed', async () => {
    const { tuning, clock, running } = await pending();
    expect(await tuning.confirm(ask({ who: 'anna' }))).toEqual({ ok: true, version: 2 });
    clock.nowMs += 100_000;
    await tuning.look();
    expect([tuning.version, running().clusters['a']?.connectTimeoutMs, tuning.pending]).toEqual([2, 2_000, null]);
    expect(await tuning.confirm(ask())).toMatchObject({ ok: false, status: 409 });
    expect(tuning.audit.entries.at(-1)).toMatchObject({ who: 'anna', outcome: 'confirmed', version: 2 });
  });

  it('is undone by itself when the time is over, not before', async () => {
    const { tuning, clock, applied } = await pending();
    clock.nowMs += 59_999;
    await tuning.look();
    expect(tuning.version).toBe(2);
    clock.nowMs += 1;
    await tuning.look();
    expect([tuning.version, tuning.pending]).toEqual([3, null]);
    expect(applied[2]).toEqual(applied[0]);
    expect(tuning.overrides).toEqual([]);
    expect(tuning.audit.entries.at(-1)).toMatchObject({ who: 'timer', outcome: 'rolledBack', why: containing('not confirmed in time') });
  });

  it('is undone at once when more requests of its objects fail than before', async () => {
    const { tuning, stats, clock } = await pending();
    stats.serve('a', 40, 40);
    clock.nowMs += 1_000;
    await tuning.look();
    // Forty decide nothing; ten more do.
    expect(tuning.version).toBe(2);
    stats.serve('a', 10, 0);
    await tuning.look();
    expect(tuning.version).toBe(3);
    expect(tuning.audit.entries.at(-1)).toMatchObject({ who: 'guard', outcome: 'rolledBack', why: containing('cluster a: 80.0 % of 50 requests failed since the change, 1.0 % of 1000 before it') });
  });

  it('is not undone for errors that were there before, or are of others', async () => {
    const { tuning, stats } = await pending({ finished: 1_000, failed: 300, bucket: 200 });
    stats.serve('a', 1_000, 340);
    stats.serve('b', 1_000, 1_000);
    await tuning.look();
    expect(tuning.version).toBe(2);
  });

  it('is undone when p99 grows beyond its factor, but not for noise', async () => {
    const { tuning, stats } = await pending();
    // Bucket 200 is some 2.5 ms, 264 four times that: 190 quick ones and ten slow ones.
    stats.serve('a', 1_000, 0, 232);
    await tuning.look();
    expect(tuning.version).toBe(2);
    stats.serve('a', 30, 0, 330);
    await tuning.look();
    expect(tuning.version).toBe(3);
    expect(tuning.audit.entries.at(-1)).toMatchObject({ who: 'guard', why: containing('p99') });
  });

  it('lets no other change in, and is undone by a rollback', async () => {
    const { tuning, running } = await pending();
    expect(await tuning.patch(CLUSTER_A, { connectTimeout: '5s' }, ask())).toMatchObject({ ok: false, status: 409, error: containing('version 2 (PATCH clusters.a) awaits its confirmation') });
    expect(await tuning.save(ask())).toMatchObject({ ok: false, status: 409 });
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '5s' }, ask({ dryRun: true })));
    good(await tuning.rollback(null, ask()));
    expect([running().clusters['a']?.connectTimeoutMs, tuning.pending]).toEqual([1_000, null]);
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '5s' }, ask()));
  });

  it('makes a reload of the file wait for its end', async () => {
    const { tuning, write, reload, running } = await pending();
    write(FILE.replace('timeout: 5s', 'timeout: 6s'));
    const reloading = reload();
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(5_000);
    await tuning.confirm(ask());
    expect(await reloading).toBe('applied');
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(6_000);
    expect(running().clusters['a']?.connectTimeoutMs).toBe(2_000);
  });

  it('is tried again when it cannot be undone', async () => {
    const { tuning, clock, refuse, running } = await pending();
    refuse('no');
    clock.nowMs += 60_000;
    await tuning.look();
    expect(tuning.pending).not.toBeNull();
    refuse(null);
    await tuning.look();
    expect([tuning.pending, running().clusters['a']?.connectTimeoutMs]).toEqual([null, 1_000]);
  });
});
