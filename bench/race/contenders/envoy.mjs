import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { versionOf } from '../processes.mjs';
import { configure } from './common.mjs';

const TEMPLATE = 'envoy.yaml';
const ROUTES = 'envoy-routes.yaml';

export const envoy = {
  name: 'envoy',
  title: 'Envoy',
  kind: 'native',
  config: `configs/${TEMPLATE}`,
  features: '10,000 routes in a map, one rate limit for all keys, histograms, access log, outlier detection; limits in place of a breaker',
  detect() {
    const version = versionOf('envoy', ['--version'], /version: \w*\/?(\d+\.\d+\.\d+[^\s/]*)/);
    return version === null ? { why: 'not on the PATH; put it there to include it' } : { version };
  },
  launch(setup) {
    const routesFile = join(setup.directory, ROUTES);
    if (setup.reload) configure(setup, ROUTES);
    return { command: 'envoy', args: ['-c', configure(setup, TEMPLATE, { routesFile }), '--concurrency', '1', '--disable-hot-restart', '-l', 'error'] };
  },
  reload(setup) {
    const file = configure(setup, ROUTES, {}, `${ROUTES}.new`);
    renameSync(file, join(setup.directory, ROUTES)); // Envoy watches for a file that is moved there
  },
  lacks: {},
};
