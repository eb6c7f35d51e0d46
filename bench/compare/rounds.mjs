/** A run of one side: a fresh process on the same core, with the same origin, under the same load. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drive, measure } from '../race/client.mjs';
import { counters, countInstructions } from '../race/measure/counts.mjs';
import { freePort, start, stop } from '../race/processes.mjs';
import { untilAnswering } from '../race/stage.mjs';
import { configuration } from './scenarios.mjs';

/** The proxy has a core to itself; load generator and origin share the other one. */
export const PROXY_CORE = '0';
export const LOAD_CORE = '1';

/** A run that says nothing (errors, or a machine that was too busy for it): it is taken again. */
export class VoidRound extends Error {}

/** @typedef {{ rate: number, cpuUs: number, userUs: number, systemUs: number, rssKiB: number, instructions?: number, userInstructions?: number, systemInstructions?: number }} Run */

async function underLoad(member, scenario, { seconds, warmup, connections }, directory) {
  const more = connections === undefined ? {} : { connections };
  if (warmup > 0) await drive({ url: member.url, scenario, core: LOAD_CORE, seconds: warmup, more });
  let run;
  const work = async () => {
    run = await measure({ member, scenario, core: LOAD_CORE, seconds, warmup: 0, seed: 1, more });
    return run.requests;
  };
  if (!counters.perf) {
    await work();
    return run;
  }
  const { user, system } = await countInstructions({ pid: member.pid, directory, work });
  return { ...run, instructions: user + system, userInstructions: user, systemInstructions: system };
}

/**
 * A process of its own each time: what a process was lucky or unlucky with (addresses, compiled code) is part of the noise then, and
 * not of the difference.
 * @param {{ directory: string, tree: string, scenario: any, options: any, origin: number, tls: any }} how @returns {Promise<Run>}
 */
export async function runOnce({ directory, tree, scenario, options, origin, tls }) {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const file = join(directory, 'millrace.json');
  const secure = scenario.features?.tls ? tls : null;
  writeFileSync(file, JSON.stringify(configuration({ port, origin, tls: secure })));
  const child = start({ core: PROXY_CORE, command: process.execPath, args: [join(tree, 'dist/cli/main.js'), 'run', file], cwd: directory });
  try {
    const url = `${secure === null ? 'http' : 'https'}://127.0.0.1:${port}`;
    await untilAnswering(`${url}/`, child);
    try {
      return await underLoad({ pid: child.pid, url, setup: { tls: secure } }, scenario, options, directory);
    } catch (error) {
      throw child.ended === null ? new VoidRound(error.message) : new Error(`the proxy of ${tree} ended with ${child.ended}:\n${child.output}`);
    }
  } finally {
    await stop(child);
  }
}
