#!/usr/bin/env node
/**
 * Runs the proxy with the spike's listener for plain HTTP: `node bench/spike/main.mjs CONFIG.yaml`, as `millrace run CONFIG.yaml`.
 * One process, this one, so that its CPU is all there is to measure.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildAll, isBuilt, spikeMain } from './overlay.mjs';

const HELP = `usage: node bench/spike/main.mjs CONFIG.yaml
       node bench/spike/main.mjs --build

Runs the proxy with an experimental listener for plain HTTP that lives in the engine's reactor: no JavaScript per request.
TLS listeners, the admin endpoint and everything else are those of the proxy. Its plain listeners take no WebSockets.
--build: builds what has changed, and ends. Without it the same is done before it starts; that takes minutes.
`;

const [argument, ...more] = process.argv.slice(2);
if (argument === undefined || more.length !== 0 || argument === '--help' || argument === '-h') {
  process.stdout.write(HELP);
  process.exit(argument === '--help' || argument === '-h' ? 0 : 1);
}
if (argument === '--build' || !isBuilt()) {
  try {
    await buildAll();
  } catch (error) {
    process.stderr.write(`${error.output ?? ''}\nspike: ${error.message}\n`);
    process.exit(1);
  }
}
if (argument !== '--build') {
  const main = spikeMain();
  process.argv = [process.execPath, main, 'run', resolve(argument)];
  await import(pathToFileURL(main).href);
}
