import { existsSync } from 'node:fs';
import { versionOf } from '../processes.mjs';
import { configure } from './common.mjs';

const TEMPLATE = 'h2o.yaml';
const START_SERVER = '/usr/share/h2o/start_server'; // where Debian has it; it takes care of the listening sockets over a reload

const write = (setup) => configure(setup, TEMPLATE, { user: process.getuid() === 0 ? 'root' : '' });

export const h2o = {
  name: 'h2o',
  title: 'H2O',
  kind: 'native',
  config: `configs/${TEMPLATE}`,
  features: '',
  detect() {
    const version = versionOf('h2o', ['--version'], /version (\S+)/);
    return version === null ? { why: 'not on the PATH (Debian: h2o)' } : { version };
  },
  launch(setup) {
    const file = write(setup);
    if (!setup.reload) return { command: 'h2o', args: ['-m', 'worker', '-c', file] };
    const options = [`--port=127.0.0.1:${setup.port}`, '--signal-on-hup=TERM', '--signal-on-term=TERM', '--backlog=4096'];
    return { command: START_SERVER, args: [...options, '--', 'h2o', '-m', 'worker', '-c', file] };
  },
  reload(setup, child) {
    write(setup);
    process.kill(child.pid, 'SIGHUP');
  },
  lacks: {
    everything: 'H2O 2.2 has no rate limit, breaker or outlier detection',
    balance: 'H2O 2.2 takes one upstream per route',
    ...(existsSync(START_SERVER) ? {} : { reload: `its reload needs ${START_SERVER}` }),
  },
};
