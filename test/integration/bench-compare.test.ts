/** The comparison of a tree with itself, through its real program: both are run, and no interval is made up from two pairs. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { keep } from '../support/keep.ts';
import { temporaryDirectory } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'bench/compare/main.mjs');
/** Short runs, but the load generator may have to be built first. */
const LIMIT_MS = 240_000;

interface Run {
  rate: number;
  cpuUs: number;
  userUs: number;
  systemUs: number;
  rssKiB: number;
}

function start(args: string[], env: NodeJS.ProcessEnv = process.env): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  keep({ close: () => Promise.resolve(void child.kill('SIGTERM')) });
  return child;
}

async function compare(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(args);
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, ...text };
}

it.each(['plain', 'tls'])('a tree against itself, %s', { timeout: LIMIT_MS }, async (scenario) => {
  const file = join(temporaryDirectory(), 'deep/compare.json');
  const { code, out, err } = await compare('--tree', ROOT, '--scenario', scenario, '--pairs', '2', '--seconds', '0.5', '--warmup', '0.2', '--connections', '8', '--json', file);
  expect(err).toContain('pair 2/2: ');
  expect(code).toBe(0);
  expect(out).toMatch(/CPU per request, us +\d+\.\d\d +\d+\.\d\d +\d\.\d{3} +2 pairs are too few to tell/);
  const { pairs, summary } = JSON.parse(readFileSync(file, 'utf8')) as { pairs: { order: string; before: Run; after: Run }[]; summary: { name: string; ratio: { n: number; value: number } }[] };
  expect(pairs.map(({ order }) => order)).toEqual(['before after', 'after before']);
  for (const run of pairs.flatMap(({ before, after }) => [before, after])) {
    expect(run.rate).toBeGreaterThan(100);
    expect(run.cpuUs).toBeGreaterThan(1);
    expect(run.userUs + run.systemUs).toBeCloseTo(run.cpuUs, 2);
    // A request takes no more time of the core than there is between two of them.
    expect(run.cpuUs * run.rate).toBeLessThan(1.5e6);
    expect(run.rssKiB).toBeGreaterThan(20_000);
  }
  const cpu = summary.find(({ name }) => name === 'cpuUs');
  expect(cpu?.ratio.n).toBe(2);
  expect(cpu?.ratio.value).toBeGreaterThan(0.2);
  expect(cpu?.ratio.value).toBeLessThan(5);
});

/** Processes whose command line names something in this directory. */
const processesOf = (directory: string): string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(directory);
    } catch {
      return false; // it has ended
    }
  });

it('leaves neither processes nor files behind when it is interrupted', { timeout: LIMIT_MS }, async () => {
  const directory = temporaryDirectory();
  const child = start(['--tree', ROOT, '--pairs', '100', '--seconds', '0.2', '--warmup', '0', '--connections', '4'], { ...process.env, TMPDIR: directory });
  let said = '';
  child.stderr.setEncoding('utf8');
  for await (const text of child.stderr) if ((said += String(text)).includes('pair 1/100')) break;
  await eventually(() => processesOf(directory).length > 0);
  const closed = new Promise((done) => child.once('close', done));
  child.kill('SIGINT');
  expect(await closed).toBe(130);
  await eventually(() => processesOf(directory).length === 0);
  expect(readdirSync(directory)).toEqual([]);
});

it('says what is wrong with its arguments', async () => {
  expect(await compare()).toMatchObject({ code: 64, err: expect.stringMatching(/^bench:compare: a revision or --tree DIR is wanted[^]*Usage: /) as string });
  const { code, err } = await compare('no-such-revision');
  expect(code).toBe(1);
  expect(err).toContain(`bench:compare: there is no revision "no-such-revision" in ${ROOT}\n`);
});
