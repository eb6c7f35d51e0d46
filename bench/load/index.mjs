/** The load generator and the origin for scripts: each runs in a process of its own, on a core of its own if wanted. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { buildLoad } from '../build.mjs';
import { checkOptions } from './options.mjs';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const ERRORS_COUNTED = 2;

/**
 * @typedef {object} Quantiles microseconds
 * @property {number} p50
 * @property {number} p90
 * @property {number} p99
 * @property {number} p999
 * @property {number} p9999
 * @property {number} max exact, as are mean and count; the others are within 0.4 %
 * @property {number} mean
 * @property {number} count
 */

/**
 * @typedef {object} LoadResult Errors, connections and handshakes are those of the whole run, everything else of the measured window.
 * @property {number} requests right answers that were complete within the window
 * @property {number} seconds that the window lasted
 * @property {number} rate requests per second
 * @property {number} bytesIn HTTP bytes, heads included, TLS not
 * @property {number} bytesOut
 * @property {Quantiles} latencyUs of requests meant to start in the window: from that time (open loop), or from the send (closed loop; with a connection per request from the connect)
 * @property {Quantiles} serviceUs of the same requests, from when they were really sent
 * @property {[number, number][]} histogram of latencyUs: bucket's end in microseconds, count
 * @property {Record<'connect' | 'tls' | 'reset' | 'eof' | 'timeout' | 'protocol' | 'status' | 'body', number>} errors
 * @property {number} errorTotal
 * @property {string} firstError its class and what happened
 * @property {Record<string, number>} statuses
 * @property {{ opened: number, closedIdle: number, fairness: { min: number, median: number, max: number, jain: number } }} connections
 * @property {{ scheduled: number, lateMaxUs: number, lateShare: number, queuedShare: number }} scheduler of the open loop: requests meant to start in the window;
 *   how much later than meant the generator itself looked at them, the share for which that was more than 100 us; the share that found no free connection
 * @property {{ full: number, resumed: number, version: string, cipher: string }} handshakes
 * @property {{ clients: number, bytes: number, answers: number }} slow
 * @property {{ open: number, answered: number }} idle at the end of the run
 * @property {{ userUs: number, systemUs: number }} cpu of the generator; an open loop that spins takes all it gets
 */

/** A run that counted errors: it measured something else than it was meant to. */
export class VoidRun extends Error {
  constructor(url, result) {
    const classes = Object.entries(result.errors).filter(([, count]) => count > 0);
    super(`the run against ${url} is void: ${classes.map(([name, count]) => `${count} ${name}`).join(', ')}; the first: ${result.firstError}`);
    this.result = result;
  }
}

/** Children that still run; whatever ends this process ends them too. */
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function startNode(core, script, args) {
  const command = core === undefined ? [process.execPath] : ['taskset', '-c', String(core), process.execPath];
  // Certificates that neither of them checks would be read at every start, which takes a quarter of a second.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(command[0], [...command.slice(1), join(here, script), ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output.err += text));
  children.add(child);
  child.once('exit', () => children.delete(child));
  return { child, output };
}

const flagOf = (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * Runs the load generator to its end.
 * @param {import('./options.mjs').LoadOptions & { url: string, core?: string | number, allowErrors?: boolean, signal?: AbortSignal,
 *   onPhase?: (phase: 'begin' | 'end', at: bigint) => void }} options onPhase: the measured window begins, and ends; at: by process.hrtime.bigint()
 * @returns {Promise<LoadResult>} the JSON object of load.mjs
 * @throws {VoidRun} when it counted errors, unless allowErrors
 */
export async function load({ url, core, allowErrors = false, signal, onPhase, ...options }) {
  checkOptions(options);
  await buildLoad();
  const args = [url, '--json', '--die-with-parent', ...(onPhase === undefined ? [] : ['--phases'])];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === false) continue;
    if (value === true) args.push(flagOf(name));
    else for (const item of Array.isArray(value) ? value : [value]) args.push(`${flagOf(name)}=${item}`);
  }
  const { child, output } = startNode(core, 'load.mjs', args);
  // Lines such as "@begin 123456789" come one by one, since the generator writes each with a call of its own.
  child.stderr.on('data', (text) => {
    for (const [, phase, ns] of text.matchAll(/^@(\w+) (\d+)$/gm)) onPhase?.(phase, BigInt(ns));
  });
  const abort = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', abort, { once: true });
  const [code, killed] = await once(child, 'close');
  signal?.removeEventListener('abort', abort);
  if (code !== 0 && code !== ERRORS_COUNTED) throw new Error(`the load generator ended with ${killed ?? `code ${code}`}: ${output.err.trim()}`);
  const result = JSON.parse(output.out);
  if (result.errorTotal > 0 && !allowErrors) throw new VoidRun(url, result);
  return result;
}

async function startOne(core, port, delay) {
  const { child, output } = startNode(core, 'origin.mjs', ['--port', String(port), '--delay', String(delay), '--die-with-parent']);
  return new Promise((resolve, reject) => {
    child.stdout.on('data', () => {
      const line = /listening on \S+:(\d+)\n/.exec(output.out);
      if (line !== null) resolve({ child, port: Number(line[1]) });
    });
    child.once('error', reject);
    child.once('close', (code, killed) => reject(new Error(`the origin ended with ${killed ?? `code ${code}`}: ${output.err.trim()}`)));
  });
}

/**
 * Starts the origin on 127.0.0.1, as several processes on one port if wanted.
 * @param {{ core?: string | number, port?: number, processes?: number, delay?: number }} [options] delay: milliseconds before each answer
 * @returns {Promise<{ port: number, pid: number, pids: number[], stop: () => Promise<void> }>}
 */
export async function startOrigin({ core, port = 0, processes = 1, delay = 0 } = {}) {
  await buildLoad();
  const started = [];
  const stop = async () => {
    for (const { child } of started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  };
  try {
    while (started.length < processes) started.push(await startOne(core, started[0]?.port ?? port, delay));
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: started[0].port, pid: started[0].child.pid, pids: started.map(({ child }) => child.pid), stop };
}
