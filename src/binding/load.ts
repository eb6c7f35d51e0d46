/** Loads the addon and refuses one that was built from another table. The only place that names the .node file. */
import { createRequire } from 'node:module';
import { StartError } from '../core/errors.ts';
import { abiHash } from './abi-header.ts';
import type { Addon } from './native.ts';

const require = createRequire(import.meta.url);

function load(): Addon {
  // dist/binding/load.js and src/binding/load.ts are equally deep.
  const path = '../../build/Release/millrace.node';
  let addon: Addon;
  try {
    addon = require(path) as Addon;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    throw new StartError(missing ? 'the native addon is not built' : `the native addon does not load: ${(cause as Error).message}`, 'run `npm run build`');
  }
  if (addon.abiHash !== abiHash) throw new StartError('the native addon was built from other sources than this program', 'run `npm run build`');
  return addon;
}

export const addon: Addon = load();
