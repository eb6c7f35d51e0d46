/** A tiny race, of the length that a test can have: that it comes to its end, and that the result has what the report reads. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, within } from '../support/wait.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'bench/race/main.mjs');
const TINY = ['--quick', '--pairs', '2', '--seconds', '0.15', '--warmup', '0.05'];
const RACE_MS = 60_000;

interface Run { rate: number; cpuUs: number; userUs: number; systemUs: number; rssKiB: number; errors: number; busy: number; at: number; latencyUs: { p50: number; p99: number; count: number } }
interface Scenario {
  id: string; primary: string; runs: Record<string, (Run | null)[]>; skipped: Record<string, string>; void: unknown[];
  latency: { rates: Record<string, number> } & Record<string, Record<string, ({ p99: number } | null)[]>>;
  systemCalls?: Record<string, Record<string, number>>; goals: { metric: string; against: string[] }[];
}
interface Result { format: number; machine: { cores: number; kernel: string }; contenders: { name: string; version: string; kind: string; note: string; check: { ok: boolean } }[]; absent: { name: string; why: string }[]; scenarios: Scenario[] }

const directory = mkdtempSync(join(tmpdir(), 'bench-race-test-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const nginx = hasNginx();

function race(args: readonly string[]): string {
  return execFileSync(process.execPath, [MAIN, ...args], { cwd: ROOT, encoding: 'utf8', timeout: RACE_MS });
}

test('nginx is here where all tools must be', () => {
  if (process.env.MILLRACE_TEST_TOOLS === 'required') expect(nginx, 'there is no nginx (Debian package nginx-light)').toBe(true);
});

test('a race against nginx and a proxy of npm writes what the report reads', { timeout: RACE_MS }, () => {
  const file = join(directory, 'race.json');
  const names = ['millrace', ...(nginx ? ['nginx'] : []), 'http-proxy-3'];
  const said = race([...TINY, '--scenarios', 'plain', '--contenders', names.join(','), '--out', file]);
  expect(said).toMatch(/plain 1\/2: millrace .* left/);

  const result = JSON.parse(readFileSync(file, 'utf8')) as Result;
  expect(result).toMatchObject({ format: 1, absent: [] });
  expect(result.machine.cores).toBeGreaterThan(0);
  expect(result.contenders.map(({ name }) => name)).toEqual(names);
  // Everybody adds the same header lines and keeps its connections to the origin, or the race would be unfair.
  expect(result.contenders.map(({ name, check, note }) => ({ name, ok: check.ok, note }))).toEqual(names.map((name) => ({ name, ok: true, note: '' })));

  const [plain] = result.scenarios;
  expect(plain).toMatchObject({ id: 'plain', primary: 'rate', skipped: {} });
  expect(plain!.goals).toContainEqual(expect.objectContaining({ metric: 'rate', against: ['nginx', 'haproxy', 'h2o'] }));
  expect(Object.keys(plain!.runs)).toEqual(names);
  for (const name of names) {
    const runs = plain!.runs[name]!;
    expect(runs, name).toHaveLength(name === 'http-proxy-3' ? 1 : 2);
    for (const run of runs) {
      expect(run, `${name}: ${JSON.stringify(plain!.void)}`).not.toBeNull();
      const { rate, cpuUs, userUs, systemUs, rssKiB, errors, latencyUs } = run!;
      expect(rate).toBeGreaterThan(0);
      expect(cpuUs).toBeGreaterThan(1);
      expect(userUs + systemUs).toBeCloseTo(cpuUs, 1);
      expect(rssKiB).toBeGreaterThan(1000);
      expect(errors).toBe(0);
      expect(latencyUs.p99).toBeGreaterThanOrEqual(latencyUs.p50);
      expect(latencyUs.count).toBeGreaterThan(0);
    }
    expect(plain!.latency[name]!['50']).toHaveLength(1);
  }
  expect(plain!.latency.direct!['80']).toHaveLength(1);
  expect(plain!.latency.rates['80']! / plain!.latency.rates['50']!).toBeCloseTo(1.6, 1);
});

test('a race that was broken off goes on where it was, and leaves nobody behind', { timeout: RACE_MS }, async () => {
  const file = join(directory, 'broken.json');
  const args = [MAIN, ...TINY, '--pairs', '1', '--no-latency', '--no-counts', '--scenarios', 'browser,down-10k', '--contenders', 'http-proxy-3', '--out', file];
  const mark = `MILLRACE_RACE_TEST=${directory}`; // all that the race starts inherits it
  const first = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, MILLRACE_RACE_TEST: directory } });
  let said = '';
  first.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise((done) => first.once('exit', (code) => done(code)));
  await eventually(() => said.includes('\n10 KiB answered'), RACE_MS / 2);
  const left = (): string[] =>
    readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
      } catch {
        return false; // it ended meanwhile, or is somebody else's
      }
    });
  await eventually(() => left().length > 2); // the race, its origin, its contender
  first.kill('SIGINT');
  expect(await within(ended, () => `the end of the race: ${said}`)).toBe(130);
  await eventually(() => left().length === 0);
  expect((JSON.parse(readFileSync(file, 'utf8')) as Result).scenarios.map(({ id }) => id)).toEqual(['browser']);

  const later = race(['--resume', file]);
  expect(later).toContain('1 scenarios');
  expect((JSON.parse(readFileSync(file, 'utf8')) as Result).scenarios.map(({ id }) => id)).toEqual(['browser', 'down-10k']);
});

test('a wrong word on the command line says which ones there are', () => {
  expect(() => execFileSync(process.execPath, [MAIN, '--scenarios', 'plane'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })).toThrow(/--scenarios: there is no "plane"; there are plain, latency, browser/);
});
