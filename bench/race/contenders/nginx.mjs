import { versionOf } from '../processes.mjs';
import { configure } from './common.mjs';

const TEMPLATE = 'nginx.conf';

export const nginx = {
  name: 'nginx',
  title: 'nginx',
  kind: 'native',
  config: `configs/${TEMPLATE}`,
  features: '10,000 locations, limit_req with 1M keys, buffered access log, max_fails in place of breaker and outlier detection, no histograms',
  detect() {
    const version = versionOf('nginx', ['-v'], /nginx\/(\S+)/);
    return version === null ? { why: 'not on the PATH (Debian: nginx-light)' } : { version };
  },
  launch: (setup) => ({ command: 'nginx', args: ['-p', setup.directory, '-c', configure(setup, TEMPLATE)] }),
  reload(setup, child) {
    configure(setup, TEMPLATE);
    process.kill(child.pid, 'SIGHUP');
  },
  lacks: {},
};
