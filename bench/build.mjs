#!/usr/bin/env node
/** Builds the load generator and the origin (bench/load) into build/Release, when their sources changed: node bench/build.mjs */
import { dirname, join } from 'node:path';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildBench } from '../src/bootstrap.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const LOAD_ADDON = join(root, 'build/Release/millrace_load.node');
export const ORIGIN_ADDON = join(root, 'build/Release/millrace_origin.node');

/** Does nothing when they are up to date; waits for another build of this checkout. */
export const buildLoad = () => buildBench(root);

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await buildLoad();
  } catch (error) {
    process.stderr.write(`${error.output ?? ''}\nbench: ${error.message}${error.need === undefined ? '' : ` (${error.need})`}\n`);
    process.exitCode = 1;
  }
}
