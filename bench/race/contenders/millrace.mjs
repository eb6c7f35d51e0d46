import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, configure } from './common.mjs';

const TEMPLATE = 'millrace.yaml';

function version() {
  const { version: text } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const git = (...args) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  const revision = git('rev-parse', '--short=7', 'HEAD');
  if (revision.status !== 0) return text; // no repository: an unpacked archive
  const changed = git('status', '--porcelain', '--', 'src', 'native', 'package.json', 'binding.gyp').stdout !== '';
  return `${text} (${revision.stdout.trim()}${changed ? ', changed' : ''})`;
}

export const millrace = {
  name: 'millrace',
  title: 'Millrace',
  kind: 'self',
  config: `configs/${TEMPLATE}`,
  features: '10,000 routes, rate limit with 1M keys, histograms by listener, route, cluster and endpoint, access log, breaker, outlier detection',
  detect: () => (existsSync(join(ROOT, 'dist/cli/main.js')) ? { version: version() } : { why: 'not built (npm run build)' }),
  launch: (setup) => ({ command: process.execPath, args: [join(ROOT, 'dist/cli/main.js'), 'run', configure(setup, TEMPLATE)] }),
  reload(setup, child) {
    configure(setup, TEMPLATE);
    process.kill(child.pid, 'SIGHUP');
  },
  lacks: {},
};
