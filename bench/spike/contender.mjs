/** The spike in the race: the same program and configuration as `millrace`, with its plain listeners in the reactor. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuilt } from './overlay.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const LACKS = {
  tls: 'its listener speaks plain HTTP; TLS is that of millrace',
  everything: 'runs the plain rows only; the features are those of millrace, per request the same code',
  reload: 'listeners are opened and closed as in millrace, which has this row',
  balance: 'the balancers are those of millrace, which has this row',
};

/** As short as it can be: everything at its default, as in the race's configuration of millrace. */
function configOf({ port, endpoints }) {
  return {
    workers: 1,
    admin: false,
    listeners: [{ name: 'web', address: `127.0.0.1:${port}`, routes: 'r' }],
    routes: { r: [{ hosts: ['*'], routes: [{ cluster: 'c' }] }] },
    clusters: { c: { endpoints } },
  };
}

export const contender = {
  name: 'millrace-spike',
  title: 'Millrace, listener in the reactor (spike)',
  kind: 'self',
  config: 'bench/spike/contender.mjs',
  features: 'as millrace; plain HTTP only, no WebSocket',
  lacks: LACKS,
  detect() {
    if (!isBuilt()) return { why: 'not built: node bench/spike/main.mjs --build' };
    return { version: JSON.parse(readFileSync(join(HERE, '../../package.json'), 'utf8')).version };
  },
  launch(setup) {
    const file = join(setup.directory, 'millrace-spike.yaml');
    writeFileSync(file, JSON.stringify(configOf(setup)));
    return { command: process.execPath, args: [join(HERE, 'main.mjs'), file] };
  },
};
