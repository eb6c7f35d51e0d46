import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/types.ts';
import { configHash } from '../../../src/control/config-hash.ts';
import { Reloader } from '../../../src/control/reload.ts';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import { StartError } from '../../../src/core/errors.ts';
import { Counter, keptLog, workDirectory } from './support.ts';

const yaml = (body: string, more = ''): string => `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ respond: { status: 200, body: ${body} } }] }] }
clusters: {}
${more}`;

function reloading(options: { apply?: (config: Config) => Promise<'applied' | 'unchanged'>; clock?: Clock } = {}) {
  const file = join(workDirectory(), 'millrace.yaml');
  const { log, lines } = keptLog();
  const applied: Config[] = [];
  const loads = new Counter();
  let inService = '';
  const reloader = new Reloader({
    load: async () => {
      loads.hit();
      return loadConfig(file, { resolveHost: () => Promise.resolve({ error: 'no names here' }) });
    },
    apply: options.apply ?? ((config) => {
      if (configHash(config) === inService) return Promise.resolve('unchanged');
      inService = configHash(config);
      applied.push(config);
      return Promise.resolve('applied');
    }),
    log,
    clock: options.clock ?? systemClock,
    watch: { debounceMs: 5, pollMs: 60_000 },
  });
  onTestFinished(() => reloader.close());
  return { file, reloader, applied, lines, loads };
}

describe('a reload', () => {
  it('takes a changed file into service and counts it', async () => {
    const { file, reloader, applied } = reloading();
    writeFileSync(file, yaml('one'));
    await reloader.reload('SIGHUP');
    expect(applied).toHaveLength(1);
    expect(reloader.status).toMatchObject({ ok: 1, failed: 0, lastReloadSuccess: true, lastProblems: [] });
  });

  it('does nothing when only comments and spaces changed', async () => {
    const { file, reloader, applied } = reloading();
    writeFileSync(file, yaml('one'));
    await reloader.reload('SIGHUP');
    writeFileSync(file, yaml('one', '# a remark\n'));
    await reloader.reload('SIGHUP');
    expect(applied).toHaveLength(1);
    expect(reloader.status).toMatchObject({ ok: 1, failed: 0 });
  });

  it('refuses a bad file with every problem in the log, and recovers with a good one', async () => {
    const { file, reloader, applied, lines } = reloading();
    writeFileSync(file, yaml('one', 'wrokers: 2\ndrainTimeout: soon\n'));
    await reloader.reload('file change');
    expect(applied).toHaveLength(0);
    expect(reloader.status).toMatchObject({ ok: 0, failed: 1, lastReloadSuccess: false });
    expect(reloader.status.lastProblems).toHaveLength(2);
    const errors = lines.filter(({ level }) => level === 'error').map(({ msg }) => msg);
    expect(errors.join('\n')).toMatch(/:4:1: wrokers: [\s\S]*:5:15: drainTimeout: [\s\S]*configuration refused/);
    writeFileSync(file, yaml('one'));
    await reloader.reload('file change');
    expect(reloader.status).toMatchObject({ ok: 1, failed: 1, lastReloadSuccess: true, lastProblems: [] });
  });

  it('is refused with one line when it cannot be applied', async () => {
    const { file, reloader, lines } = reloading({ apply: () => Promise.reject(new StartError('listener "web": 0.0.0.0:80 is already in use', 'see who')) });
    writeFileSync(file, yaml('one'));
    await reloader.reload('SIGHUP');
    expect(reloader.status).toMatchObject({ failed: 1, lastReloadSuccess: false, lastProblems: ['listener "web": 0.0.0.0:80 is already in use (see who)'] });
    expect(lines.some((line) => 'err' in line)).toBe(false);
  });

  it('survives a defect in applying, with its stack in the log', async () => {
    const { file, reloader, lines } = reloading({ apply: () => Promise.reject(new TypeError('oops')) });
    writeFileSync(file, yaml('one'));
    await reloader.reload('SIGHUP');
    expect(reloader.status.failed).toBe(1);
    expect(lines.some(({ err }) => (err as { stack?: string } | undefined)?.stack?.includes('TypeError'))).toBe(true);
  });

  it('that is asked for during another one makes exactly one more', async () => {
    // To this clock the file was written long ago: nothing but the calls asks for a reload.
    const { file, reloader, loads } = reloading({ clock: { ...systemClock, wallMs: () => systemClock.wallMs() + 60_000 } });
    writeFileSync(file, yaml('one'));
    await Promise.all([reloader.reload('a'), reloader.reload('b'), reloader.reload('c')]);
    expect(loads.count).toBe(2);
  });

  it('follows the file, and files that it began to name', async () => {
    const applied = new Counter();
    const { file, reloader } = reloading({ apply: () => (applied.hit(), Promise.resolve('applied')) });
    writeFileSync(file, yaml('one'));
    await reloader.start([file], Number.MAX_SAFE_INTEGER);
    const body = join(file, '..', 'body.txt');
    writeFileSync(body, 'first');
    writeFileSync(file, yaml('').replace('body: ', 'bodyFile: body.txt'));
    await applied.reached(1);
    const seen = applied.count;
    writeFileSync(body, 'second');
    await applied.reached(seen + 1);
  });
});
