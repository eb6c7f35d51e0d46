/** The operations that end the process, or change what it logs. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RawClient, requestBytes } from '../../support/client.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../../support/origin.ts';
import { eventually, within } from '../../support/wait.ts';

const ANSWER = { routes: { main: [{ hosts: ['*'], routes: [{ respond: { status: 200 } }] }] } };
const PRELOAD = resolve(import.meta.dirname, '../../support/crash-preload.cjs');
/** A change may take that long, on all workers. */
const EFFECTIVE_MS = 100;

interface WorkerRow {
  index: number;
  state: string;
  restarts: number;
}

const workersOf = async (proxy: Millrace): Promise<WorkerRow[]> => (JSON.parse((await proxy.admin('/workers')).text) as { workers: WorkerRow[] }).workers;

describe('PUT /log-level', () => {
  it('holds on the main thread and on all workers at once, and until the configuration names another one', async () => {
    const config = { ...ANSWER, workers: 3 };
    const proxy = await Millrace.start(config);
    const told = (from: number): Set<unknown> => new Set(proxy.log.slice(from).filter(({ msg }) => msg === 'worker logs at another level').map(({ worker, logLevel }) => `${String(worker)} ${String(logLevel)}`));
    // The best of a few: what else this machine does is not the proxy's time.
    let tookMs = Infinity;
    for (let i = 0; i < 10; i++) {
      const start = performance.now();
      await proxy.adminCall('PUT', '/log-level', { level: i % 2 === 0 ? 'warn' : 'info' });
      tookMs = Math.min(tookMs, performance.now() - start);
    }
    const answer = await proxy.adminCall('PUT', '/log-level', { level: 'debug' });
    expect(JSON.parse(answer.text)).toEqual({ level: 'debug', configured: 'info', workers: [0, 1, 2].map((index) => ({ index, told: true })) });
    expect(tookMs).toBeLessThan(EFFECTIVE_MS);
    await eventually(() => told(0).size === 3);
    expect(told(0)).toEqual(new Set(['0 debug', '1 debug', '2 debug']));

    // A reload that says nothing new about it.
    await proxy.reload({ ...config, drainTimeout: '6s' });
    expect(JSON.parse((await proxy.admin('/log-level')).text)).toEqual({ level: 'debug', configured: 'info' });
    // One that does: all workers follow, too.
    const from = proxy.log.length;
    await proxy.reload({ ...config, log: { level: 'trace' } });
    await proxy.logged('the log level of the configuration takes the place of the one that was set', from);
    expect(JSON.parse((await proxy.admin('/log-level')).text)).toEqual({ level: 'trace', configured: 'trace' });
    await eventually(() => told(from).size === 3);
    expect(told(from)).toEqual(new Set(['0 trace', '1 trace', '2 trace']));
  });

  it('holds for a worker that takes the place of another', async () => {
    const trigger = join(temporaryDirectory(), 'crash');
    const proxy = await Millrace.start(ANSWER, { env: { NODE_OPTIONS: `--require ${PRELOAD}`, MILLRACE_TEST_CRASH: trigger } });
    await proxy.adminCall('PUT', '/log-level', { level: 'debug' });
    const from = proxy.log.length;
    writeFileSync(trigger, '');
    await eventually(async () => (await workersOf(proxy)).every(({ state, restarts }) => state === 'running' && restarts === 1));
    await proxy.logged('worker took listeners', from);
  });

  it('refuses what is no level', async () => {
    const proxy = await Millrace.start(ANSWER);
    const wrong = await proxy.adminCall('PUT', '/log-level', { level: 'loud' });
    expect([wrong.status, JSON.parse(wrong.text)]).toMatchObject([422, { problems: [{ path: 'level', message: expect.stringContaining('expected trace | debug') as string }] }]);
    expect((await proxy.adminCall('PUT', '/log-level', { level: 'debug' }, { 'if-match': '"99"' })).status).toBe(412);
    expect((await proxy.adminCall('PUT', '/log-level', { level: 'debug' }, { 'if-match': '"1"' })).status).toBe(200);
    expect((await proxy.admin('/log-level')).header('allow')).toBeUndefined();
    expect([(await proxy.adminCall('DELETE', '/log-level')).status, (await proxy.adminCall('DELETE', '/log-level')).header('allow')]).toEqual([405, 'GET, HEAD, PUT, OPTIONS']);
  });
});

describe('POST /drain', () => {
  it('takes nothing new, finishes what is in flight, and stays until it is told to end', async () => {
    const held: OriginConnection[] = [];
    const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
    const proxy = await Millrace.start({ ...proxyTo([origin.address]), workers: 2 });
    const port = proxy.port();
    const client = await RawClient.connect({ port });
    client.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    expect([(await proxy.adminCall('GET', '/drain')).status, (await proxy.admin('/ready')).status]).toEqual([405, 200]);

    const answer = await proxy.adminCall('POST', '/drain');
    expect([answer.status, JSON.parse(answer.text)]).toEqual([202, { phase: 'draining', drainTimeoutMs: 5000 }]);
    expect((await proxy.admin('/ready')).text).toBe('not ready: draining\n');
    await eventually(async () => {
      await expect(RawClient.connect({ port })).rejects.toThrow();
      return true;
    });
    held[0]?.send(ok('late'));
    const late = await client.response();
    expect([late.status, late.text, late.header('connection')]).toEqual([200, 'late', 'close']);
    expect((await proxy.adminCall('POST', '/drain')).status).toBe(202);
    expect(proxy.log.filter(({ msg }) => msg === 'draining')).toHaveLength(1);
    expect((await workersOf(proxy)).map(({ state }) => state)).toEqual(['running', 'running']);
    expect(proxy.running).toBe(true);

    expect((await proxy.adminCall('POST', '/shutdown')).status).toBe(202);
    expect(await within(proxy.exited, 'the end')).toEqual({ code: 0, signal: null });
  });
});

describe('POST /shutdown', () => {
  it('lets what is in flight finish, and ends with code 0', async () => {
    const held: OriginConnection[] = [];
    const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    expect((await proxy.adminCall('POST', '/shutdown')).status).toBe(202);
    await proxy.logged('draining');
    held[0]?.send(ok('late'));
    expect((await client.response()).text).toBe('late');
    expect(await within(proxy.exited, 'the end')).toEqual({ code: 0, signal: null });
  });

  it('?now=1 cuts it off', async () => {
    const held: OriginConnection[] = [];
    const origin = await Origin.start({ answer: (_message, connection) => void held.push(connection) });
    const proxy = await Millrace.start({ ...proxyTo([origin.address]), drainTimeout: '60s' });
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    await eventually(() => held.length === 1);
    expect((await proxy.adminCall('POST', '/shutdown?now=1')).status).toBe(202);
    expect(await within(proxy.exited, 'the end')).toEqual({ code: 0, signal: null });
    await client.end();
  });

  it('by GET does nothing', async () => {
    const proxy = await Millrace.start(ANSWER);
    const answer = await proxy.admin('/shutdown');
    expect([answer.status, answer.header('allow')]).toEqual([405, 'POST, OPTIONS']);
    expect((await proxy.admin('/ready')).status).toBe(200);
  });
});
