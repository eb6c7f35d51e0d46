/** Who races, in the order of a round. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { caddy } from './caddy.mjs';
import { ROOT } from './common.mjs';
import { envoy } from './envoy.mjs';
import { h2o } from './h2o.mjs';
import { haproxy } from './haproxy.mjs';
import { millrace } from './millrace.mjs';
import { nginx } from './nginx.mjs';
import { fastifyHttpProxy, httpProxy3 } from './node-peers.mjs';
import { traefik } from './traefik.mjs';

/** A variant of ourselves, where there is one in this checkout: a module with `export const contender` of the same form. */
const SPIKE = join(ROOT, 'bench/spike/contender.mjs');

export async function allContenders() {
  const spike = existsSync(SPIKE) ? [(await import(pathToFileURL(SPIKE).href)).contender] : [];
  return [millrace, ...spike, nginx, haproxy, h2o, caddy, envoy, traefik, fastifyHttpProxy, httpProxy3];
}

/** Those that are here, each with its `version`, and why the others are not. */
export async function findContenders(wanted) {
  const present = [];
  const absent = [];
  for (const contender of await allContenders()) {
    if (wanted !== undefined && !wanted.includes(contender.name)) continue;
    const found = contender.detect();
    if (found.why === undefined) present.push({ ...contender, version: found.version });
    else absent.push({ name: contender.name, title: contender.title, why: found.why });
  }
  return { present, absent };
}
