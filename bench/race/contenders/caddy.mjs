import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { versionOf } from '../processes.mjs';
import { configure } from './common.mjs';

const TEMPLATE = 'caddy.Caddyfile';

const write = (setup) => configure(setup, TEMPLATE, { paths: setup.everything ? setup.routes.map(({ path }) => `${path}*`).join(' ') : '' });

export const caddy = {
  name: 'caddy',
  title: 'Caddy',
  kind: 'native',
  slow: true,
  config: `configs/${TEMPLATE}`,
  features: '10,000 paths in a matcher, histograms, access log, max_fails in place of breaker and outlier detection; no rate limit without a plugin',
  detect() {
    const version = versionOf('caddy', ['version'], /^v?(\d\S*)/m);
    return version === null ? { why: 'not on the PATH (Debian: caddy)' } : { version };
  },
  launch: (setup) => ({
    command: 'caddy',
    args: ['run', '--adapter', 'caddyfile', '--config', write(setup)],
    env: { GOMAXPROCS: '1', XDG_DATA_HOME: join(setup.directory, 'caddy-data'), XDG_CONFIG_HOME: join(setup.directory, 'caddy-config') },
  }),
  async reload(setup) {
    const body = readFileSync(write(setup), 'utf8');
    const answer = await fetch(`http://127.0.0.1:${setup.adminPort}/load`, { method: 'POST', headers: { 'content-type': 'text/caddyfile' }, body });
    if (!answer.ok) throw new Error(`caddy refused a reload: ${await answer.text()}`);
  },
  lacks: {},
};
