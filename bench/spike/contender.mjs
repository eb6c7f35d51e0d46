/** The spike in the race: the same program with the same configuration as `millrace`, its plain listeners in the reactor. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configure } from '../race/contenders/common.mjs';
import { millrace } from '../race/contenders/millrace.mjs';
import { isBuilt } from './overlay.mjs';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), 'main.mjs');

export const contender = {
  ...millrace,
  name: 'millrace-spike',
  title: 'Millrace, plain listener in the reactor (spike)',
  lacks: { tls: 'its listener speaks plain HTTP, TLS is that of millrace' },
  detect: () => (isBuilt() ? millrace.detect() : { why: 'not built (node bench/spike/main.mjs --build, some minutes)' }),
  launch: (setup) => ({ command: process.execPath, args: [MAIN, configure(setup, 'millrace.yaml')] }),
};
