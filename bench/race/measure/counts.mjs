/** System calls and instructions per request, each in a run of its own: strace slows a proxy down, so only its counts mean something. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeOf } from './tree.mjs';

const ATTACH_MS = 300;
const RARE = 0.0005;

const has = (command) => spawnSync(command, ['-V'], { stdio: 'ignore' }).error === undefined;
export const counters = { strace: has('strace'), perf: spawnSync('perf', ['stat', '-e', 'instructions:u', 'true'], { stdio: 'ignore' }).status === 0 };

/** Runs `work` while `tracer` looks on, and ends the tracer; what it wrote. */
async function under(tracer, ready, file, work) {
  const exit = new Promise((resolve, reject) => tracer.once('error', reject).once('exit', resolve));
  try {
    await Promise.race([ready(tracer), exit]);
    const result = await work();
    tracer.kill('SIGINT');
    await exit;
    return { result, text: readFileSync(file, 'utf8') };
  } finally {
    tracer.kill('SIGKILL');
    rmSync(file, { force: true });
  }
}

/** `{ recvfrom: 2.0, ... }` per request; `work` loads the proxy and says how many requests that were. */
export async function countSystemCalls({ pid, directory, work }) {
  const file = join(directory, 'strace.txt');
  const tracer = spawn('strace', ['-f', '-qq', '-c', '-o', file, ...treeOf(pid).flatMap((one) => ['-p', String(one)])], { stdio: ['ignore', 'ignore', 'pipe'] });
  tracer.stderr.resume();
  const { result: requests, text } = await under(tracer, () => sleep(ATTACH_MS), file, work);
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/)).filter((row) => /^\d/.test(row[0]) && row.at(-1) !== 'total');
  const perRequest = rows.map((row) => [row.at(-1), Number((Number(row[3]) / requests).toFixed(4))]).filter(([, count]) => count >= RARE);
  if (perRequest.length === 0) throw new Error('strace counted nothing');
  return Object.fromEntries(perRequest.sort(([, a], [, b]) => b - a));
}

/** `{ user, system }` instructions per request. */
export async function countInstructions({ pid, directory, work }) {
  const file = join(directory, 'perf.txt');
  const tracer = spawn('perf', ['stat', '-x', ',', '-e', 'instructions:u,instructions:k', '-o', file, '-p', treeOf(pid).join(',')], { stdio: 'ignore' });
  const { result: requests, text } = await under(tracer, () => sleep(ATTACH_MS), file, work);
  const count = (mode) => {
    const [, value] = new RegExp(`^(\\d+),[^\\n]*instructions:${mode}`, 'm').exec(text) ?? [];
    if (value === undefined) throw new Error('perf counted no instructions');
    return Math.round(Number(value) / requests);
  };
  return { user: count('u'), system: count('k') };
}
