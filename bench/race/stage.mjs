/** Starts the contenders of a scenario, each on a port of its own and all on the same core, and waits until they answer. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, start, stop } from './processes.mjs';

const START_MS = 20_000;
const ROUTES = 10_000;

/** The routes of "everything on"; `target` is one that the route takes. */
export const routes = Array.from({ length: ROUTES }, (_, index) => ({ path: `/r/${index}/`, target: `/r/${index}/item` }));

/** ECDSA P-256, as most certificates of today. `pem` has both, for HAProxy. */
export function makeCertificate(directory) {
  const tls = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem'), pem: join(directory, 'both.pem') };
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', tls.key, '-out', tls.cert, '-days', '2', ...subject], { stdio: 'ignore' });
  execFileSync('sh', ['-c', 'cat "$1" "$2" > "$3"', 'sh', tls.cert, tls.key, tls.pem]);
  return tls;
}

/** One request on a connection of its own: `{ status, headers, body }`. */
export function ask(url, { headers = {}, agent = undefined } = {}) {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https') ? httpsRequest : httpRequest;
    const request = send(url, { headers, agent, rejectUnauthorized: false, servername: 'localhost' }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body })).on('error', reject);
    });
    request.setTimeout(2000, () => request.destroy(new Error('no answer within 2 s'))).on('error', reject).end();
  });
}

/** Waits until `url` answers 200; throws when the child ends, or does not answer in time. */
export async function untilAnswering(url, child) {
  let last = '';
  for (const endMs = performance.now() + START_MS; performance.now() < endMs; ) {
    if (child.ended !== null) throw new Error(`${child.name} ended with ${child.ended}:\n${child.output}`);
    try {
      const { status } = await ask(url);
      if (status === 200) return;
      last = `status ${status}`;
    } catch (error) {
      last = error.message;
    }
    await sleep(50);
  }
  throw new Error(`${child.name} does not answer on ${url} (${last}):\n${child.output}`);
}

/** Starts one contender. `features` is `{ tls, everything, reload, balance, large }`, all false by default. */
export async function enter({ contender, name = contender.name, features = {}, endpoints, directory, certificate, core }) {
  const home = join(directory, name);
  mkdirSync(home, { recursive: true, mode: 0o755 });
  const setup = {
    directory: home,
    port: await freePort(),
    adminPort: await freePort(),
    endpoints,
    everything: false,
    reload: false,
    balance: false,
    large: false,
    generation: 0,
    routes: features.everything ? routes : [],
    accessLog: features.everything ? join(home, 'access.log') : null,
    ...features,
    tls: features.tls ? certificate : null,
  };
  const child = start({ core, cwd: home, ...contender.launch(setup) });
  const scheme = setup.tls === null ? 'http' : 'https';
  const url = `${scheme}://127.0.0.1:${setup.port}`;
  try {
    await untilAnswering(`${url}${setup.everything ? routes[0].target : '/'}`, child);
  } catch (error) {
    await stop(child);
    throw error;
  }
  return { contender, name, setup, child, pid: child.pid, url, leave: () => stop(child) };
}
