import { join } from 'node:path';
import { versionOf } from '../processes.mjs';
import { configure } from './common.mjs';

const TEMPLATE = 'traefik.yaml';
const DYNAMIC = 'traefik-dynamic.yaml';

export const traefik = {
  name: 'traefik',
  title: 'Traefik',
  kind: 'native',
  slow: true,
  config: `configs/${TEMPLATE}`,
  features: '10,000 routers, rate limit by key, circuit breaker, histograms, access log; no outlier detection',
  detect() {
    const version = versionOf('traefik', ['version'], /Version:\s+(\S+)/);
    return version === null ? { why: 'not on the PATH; put it there to include it' } : { version };
  },
  launch(setup) {
    configure(setup, DYNAMIC);
    return { command: 'traefik', args: [`--configFile=${configure(setup, TEMPLATE, { dynamicFile: join(setup.directory, DYNAMIC) })}`], env: { GOMAXPROCS: '1' } };
  },
  reload(setup) {
    configure(setup, DYNAMIC);
  },
  lacks: {},
};
