import { fileURLToPath } from 'node:url';
import { reservePort } from '../../../src/binding/addon.ts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ListenerConfig } from '../../../src/config/types.ts';
import type { ListenerPlan } from '../../../src/control/listeners.ts';
import { Workers } from '../../../src/control/workers.ts';
import { HandClock, keptLog, plainConfig } from './support.ts';

const TASK = fileURLToPath(new URL('./worker-task.mjs', import.meta.url));
const plan = (...names: string[]): ListenerPlan => ({
  listeners: names.map((name) => ({ ...(plainConfig().listeners[0] as ListenerConfig), name })),
  maxConnectionsPerWorker: 10,
  webSocketMaxMessage: new Map(),
  hasAccessLog: false,
});

function pool(count = 2) {
  const { log, lines } = keptLog();
  const clock = new HandClock();
  const workers = new Workers({ count, logLevel: 'info', createMemoryFile: () => -1, reservePort, log, clock, filename: TASK });
  onTestFinished(async () => void (await workers.stop()));
  return { workers, lines, clock };
}

const never = new AbortController().signal;

describe('the workers', () => {
  it('start, listen on one port all, and end when told', async () => {
    const { workers } = pool(3);
    await workers.start(plan('web'));
    expect(workers.status.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    expect(workers.bound).toEqual([{ name: 'web', host: '127.0.0.1', port: expect.any(Number) as number, tls: false }]);
    expect(workers.bound[0]?.port).toBeGreaterThan(0);
    expect(await workers.drain(60_000, never)).toBe(true);
    expect(await workers.stop()).toBe(true);
    expect(workers.status.map(({ state }) => state)).toEqual(['exited', 'exited', 'exited']);
  });

  it('keep an open port through reloads', async () => {
    const { workers } = pool();
    await workers.start(plan('web'));
    const [before] = workers.bound;
    expect(await workers.apply(plan('web', 'more'))).toEqual([]);
    expect(workers.bound[0]).toEqual(before);
    expect(workers.bound).toHaveLength(2);
  });

  it('do not start when a listener cannot be opened', async () => {
    await expect(pool().workers.start(plan('web', 'refuse'))).rejects.toThrow('listener "refuse": not today');
  });

  it('do not start when one of them dies', async () => {
    await expect(pool().workers.start(plan('crash-1'))).rejects.toThrow(/worker 1 cannot start: .*7/);
  });

  it('report a listener that cannot be opened later, and keep the old ones listed', async () => {
    const { workers } = pool();
    await workers.start(plan('web'));
    expect(await workers.apply(plan('web', 'refuse'))).toEqual([{ name: 'refuse', message: 'not today' }]);
    expect(workers.bound.map(({ name }) => name)).toEqual(['web']);
  });

  it('are replaced when they die, and the replacement gets the newest listeners', async () => {
    const { workers, lines, clock } = pool();
    await workers.start(plan('web'));
    clock.nowMs += 60_000;
    await workers.apply(plan('crash-1')); // the answer of the one that dies counts as given
    await vi.waitFor(() => expect(lines.some(({ msg }) => msg.startsWith('worker died'))).toBe(true));
    expect(lines.find(({ msg }) => msg.startsWith('worker died'))).toMatchObject({ worker: 1, restarts: 1, pauseMs: 0, livedMs: 60_000 });
    await workers.apply(plan('calm'));
    await vi.waitFor(() => expect(workers.status[1]?.state).toBe('running'), { timeout: 20_000 });
    expect(workers.status[0]).toMatchObject({ state: 'running', restarts: 0 });
  });

  it('that die young are replaced after growing pauses', async () => {
    const { workers, lines } = pool();
    await workers.start(plan('web'));
    await workers.apply(plan('crash-0'));
    const pauses = (): unknown[] => lines.filter(({ msg }) => msg.startsWith('worker died')).map(({ pauseMs }) => pauseMs);
    await vi.waitFor(() => expect(pauses().length).toBeGreaterThanOrEqual(3), { timeout: 20_000 });
    expect(pauses().slice(0, 3)).toEqual([100, 200, 400]);
  });

  it('are not waited for longer than the drain may take, or when the operator is in a hurry', async () => {
    const { workers } = pool();
    await workers.start(plan('hold'));
    expect(await workers.drain(5, never)).toBe(false);
    const hurry = new AbortController();
    const drained = workers.drain(60_000, hurry.signal);
    hurry.abort();
    expect(await drained).toBe(false);
    expect(await workers.stop()).toBe(true);
  });

  it('can be stopped while they start', async () => {
    const { workers } = pool();
    const started = workers.start(plan('web')).catch((error: unknown) => error);
    expect(await workers.stop()).toBe(true);
    expect(await started).toMatchObject({ message: 'stopped while starting' });
  });
});
