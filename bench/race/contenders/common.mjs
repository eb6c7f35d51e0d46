/**
 * What contenders have in common. A contender is
 *
 *   { name, title, kind: 'self' | 'native' | 'node', config,     // config: its template, relative to bench/race
 *     slow?,                                                              // several times slower than the others: fewer rounds tell enough
 *     detect() -> { version } | { why },                                  // why: it is not here
 *     launch(setup) -> { command, args, env?, stdoutFile? },              // writes its configuration first
 *     reload?(setup, child),                                              // makes the running child take setup.generation
 *     lacks: { [feature]: why } }                                         // features of scenarios that it does not have
 *
 * and a setup is what scenario and race want of it: { directory, port, adminPort, endpoints: ['127.0.0.1:1', ...], tls: null | { cert,
 * key, pem }, everything, reload, balance, accessLog: null | FILE, routes, generation }.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fill } from '../template.mjs';

export const RACE = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(dirname(RACE));

const openFiles = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]);

/** The names that templates know. */
export function valuesOf(setup) {
  const endpoints = setup.endpoints.map((address, index) => ({ address, host: address.split(':')[0], port: address.split(':')[1], index }));
  return {
    ...setup,
    ...(setup.tls ?? {}),
    endpoints,
    origin: setup.endpoints[0],
    scheme: setup.tls === null ? 'http' : 'https',
    openFiles,
    clients: Math.max(1000, openFiles - 1000), // leaves descriptors for upstream connections
  };
}

/** Fills a template of configs/ into the directory of this setup; its path. */
export function configure(setup, template, more = {}, name = template) {
  const file = join(setup.directory, name);
  const text = fill(readFileSync(join(RACE, 'configs', template), 'utf8'), { ...valuesOf(setup), ...more }, template);
  mkdirSync(setup.directory, { recursive: true, mode: 0o755 });
  writeFileSync(file, text);
  return file;
}
