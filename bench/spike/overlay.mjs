/**
 * The proxy with the spike's listener: a copy of dist/ in which one module is another one, beside an addon that has all of the
 * proxy's own and the listener. So it is the same program (configuration, control plane, workers, admin endpoint), and the shipped
 * one has no switch for what is an experiment.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap, buildSpike, isSpikeBuilt } from '../../src/bootstrap.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');
const ADDON = join(ROOT, 'build/Release/millrace_spike.node');

/** Builds what is stale, minutes the first time: the proxy, then the addon with the spike. */
export async function buildAll() {
  await bootstrap(ROOT);
  await buildSpike(ROOT);
}

/** Whether the addon is there and of the present sources. */
export const isBuilt = () => existsSync(ADDON) && existsSync(join(ROOT, 'dist/.stamp')) && isSpikeBuilt(ROOT);

/**
 * The program's main module, to be started as dist/cli/main.js is. Made where it is not there yet, of what is built.
 * @returns {string}
 */
export function spikeMain() {
  const hash = createHash('sha256');
  // dist/ says by its stamps what it was compiled from.
  for (const file of [join(ROOT, 'dist/.stamp'), join(ROOT, 'dist/admin/dashboard/.stamp'), join(HERE, 'listener.mjs'), ADDON]) hash.update(readFileSync(file));
  const overlay = join(ROOT, 'build/spike', hash.digest('hex').slice(0, 16));
  const main = join(overlay, 'dist/cli/main.js');
  if (existsSync(main)) return main;
  // Made aside and then named, so that two who start at once each find it whole.
  const draft = `${overlay}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(join(draft, 'build/Release'), { recursive: true });
  cpSync(join(ROOT, 'dist'), join(draft, 'dist'), { recursive: true });
  renameSync(join(draft, 'dist/worker/uws-listener.js'), join(draft, 'dist/worker/uws-listener-shipped.js'));
  cpSync(join(HERE, 'listener.mjs'), join(draft, 'dist/worker/uws-listener.js'));
  cpSync(ADDON, join(draft, 'build/Release/millrace.node'));
  cpSync(join(ROOT, 'package.json'), join(draft, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(draft, 'node_modules'));
  try {
    renameSync(draft, overlay);
  } catch (error) {
    if (!existsSync(main)) throw error;
    rmSync(draft, { recursive: true, force: true });
  }
  return main;
}
