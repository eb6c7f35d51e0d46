/** Rounds of a comparison: a fresh process of each side, one after the other, on the same core and with the same origin. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../load/index.mjs';
import { counters, countInstructions } from '../race/measure/counts.mjs';
import { cpuBetween, readCpu } from '../race/measure/cpu.mjs';
import { readMemory } from '../race/measure/memory.mjs';
import { freePort, start, stop } from '../race/processes.mjs';
import { untilAnswering } from '../race/stage.mjs';
import { configuration } from './scenarios.mjs';

/** The proxy has a core to itself; load generator and origin share the other one. */
export const PROXY_CORE = '0';
export const LOAD_CORE = '1';

/** @typedef {{ rate: number, cpuUs: number, userUs: number, systemUs: number, rssKiB: number, instructions?: number, userInstructions?: number, systemInstructions?: number }} Run */

/** Runs the load and reads the clocks of the proxy around it. */
async function underLoad(pid, options) {
  const before = readCpu(pid);
  const result = await load(options);
  const used = cpuBetween(before, readCpu(pid));
  return { requests: result.requests, rate: result.rate, cpuUs: used.us / result.requests, userUs: used.userUs / result.requests, systemUs: used.systemUs / result.requests };
}

/**
 * One run of one side. A process of its own each time: what a process was lucky or unlucky with (addresses, compiled code) is part of
 * the noise, and not of the difference.
 * @param {{ directory: string, tree: string, scenario: typeof import('./scenarios.mjs').SCENARIOS[string], options: any, origin: number, tls: any }} how @returns {Promise<Run>}
 */
export async function runOnce({ directory, tree, scenario, options, origin, tls }) {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const file = join(directory, 'millrace.json');
  writeFileSync(file, JSON.stringify(configuration({ port, origin, tls: scenario.tls ? tls : null })));
  const child = start({ core: PROXY_CORE, command: process.execPath, args: [join(tree, 'dist/cli/main.js'), 'run', file], cwd: directory });
  try {
    const url = `${scenario.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
    await untilAnswering(`${url}/`, child);
    const loading = { url: `${url}/`, core: LOAD_CORE, connections: options.connections, warmup: 0, ...scenario.load };
    if (options.warmup > 0) await load({ ...loading, duration: options.warmup });
    let run;
    const work = async () => {
      run = await underLoad(child.pid, { ...loading, duration: options.seconds });
      return run.requests;
    };
    let counted = {};
    if (counters.perf) {
      const { user, system } = await countInstructions({ pid: child.pid, directory, work });
      counted = { instructions: user + system, userInstructions: user, systemInstructions: system };
    } else {
      await work();
    }
    const { requests: _, ...figures } = run;
    return { ...figures, rssKiB: readMemory(child.pid).rssKiB, ...counted };
  } finally {
    await stop(child);
  }
}
