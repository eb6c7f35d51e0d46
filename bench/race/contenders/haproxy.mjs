import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { versionOf } from '../processes.mjs';
import { configure } from './common.mjs';

const TEMPLATE = 'haproxy.cfg';

function write(setup) {
  const routesMap = join(setup.directory, 'haproxy-routes.map');
  const file = configure(setup, TEMPLATE, { routesMap, bufsize: setup.large ? 65_536 : 16_384 });
  if (setup.everything) writeFileSync(routesMap, setup.routes.map(({ path }) => `${path} origin\n`).join(''));
  return file;
}

export const haproxy = {
  name: 'haproxy',
  title: 'HAProxy',
  kind: 'native',
  config: `configs/${TEMPLATE}`,
  features: '10,000 routes in a map, stick table of 1M keys, unbuffered log, observe layer7 for outliers, no breaker, no histograms',
  detect() {
    const version = versionOf('haproxy', ['-v'], /version (\S+)/);
    return version === null ? { why: 'not on the PATH (Debian: haproxy)' } : { version };
  },
  launch(setup) {
    const file = write(setup);
    // -db: one process in the foreground; -W: with a master that starts the new one on SIGUSR2.
    return { command: 'haproxy', args: [setup.reload ? '-W' : '-db', '-f', file], ...(setup.accessLog === null ? {} : { stdoutFile: setup.accessLog }) };
  },
  reload(setup, child) {
    write(setup);
    process.kill(child.pid, 'SIGUSR2');
  },
  lacks: {},
};
