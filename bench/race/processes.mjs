/** Children of the race: each pinned to a core, in a process group of its own, and ended whatever happens to the race. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';

const MOST_OUTPUT = 16_384;
const running = new Set();

/** A port that was free a moment ago, on loopback. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address();
        server.close(() => resolve(port));
      });
  });
}

/**
 * Starts a command on one core. taskset replaces itself by it, so `pid` is the command's and, as the group is its own, that of
 * the group.
 * @param {{ core: string, command: string, args: string[], env?: object, stdoutFile?: string, cwd?: string }} what
 */
export function start({ core, command, args, env = {}, stdoutFile, cwd }) {
  const stdout = stdoutFile === undefined ? 'pipe' : openSync(stdoutFile, 'a');
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', stdout, 'pipe'], detached: true, cwd, env: { ...process.env, ...env } });
  if (stdoutFile !== undefined) closeSync(stdout);
  const state = { pid: child.pid, name: command, output: '', ended: null, child };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      state.output = (state.output + text).slice(-MOST_OUTPUT);
    });
  }
  state.exit = new Promise((resolve) => {
    child.once('error', (error) => {
      state.ended = error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      state.ended = signal ?? `code ${code}`;
      running.delete(state);
      resolve();
    });
  });
  running.add(state);
  return state;
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // all of it has ended
  }
}

/** Ends a child and all that it started. */
export async function stop(state) {
  killGroup(state.pid, 'SIGKILL');
  await state.exit;
  running.delete(state);
}

export function killAll() {
  for (const { pid } of running) killGroup(pid, 'SIGKILL');
}

/** Runs `main` so that no child outlives it: not on a throw, not on Ctrl-C. Returns the exit code. */
export async function guarded(main) {
  const onSignal = (signal) => {
    killAll();
    process.stderr.write(`\nended by ${signal}\n`);
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  process.on('exit', killAll);
  try {
    await main();
  } finally {
    killAll();
  }
}

/** Whether a program is on the PATH, and what it says of itself. */
export function versionOf(command, args, pattern) {
  const found = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (found.error !== undefined) return null;
  return pattern.exec(`${found.stdout}\n${found.stderr}`)?.[1] ?? 'unknown';
}

/** This process, too, keeps off the contender's core. */
export function pinSelf(core) {
  execFileSync('taskset', ['-a', '-p', '-c', core, String(process.pid)], { stdio: 'ignore' });
}
