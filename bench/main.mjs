/** npm run bench: says what there is, then runs the short forms. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCH = dirname(fileURLToPath(import.meta.url));

const TEXT = `The benches of Millrace (bench/README.md says how to read them, and how to contradict them):

  npm run bench:race       against the proxies that you would pick instead, in turns, on one core (half an hour)
  npm run bench:micro      nanoseconds of what is on the hot path: picks, rate checks, histograms, routes
  npm run bench:compare    the working tree against another revision of it
  node bench/load/load.mjs the load generator by itself, for any URL

Each has --help. What follows are short forms, which show that everything works here; for figures run them by themselves on a quiet machine.
`;

function run(title, script, args) {
  console.log(`\n--- ${title}`);
  const { status, signal } = spawnSync(process.execPath, [...args.filter((arg) => arg.startsWith('--import')), join(BENCH, script), ...args.filter((arg) => !arg.startsWith('--import'))], { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`${title}: ended with ${signal ?? `code ${status}`}`);
    process.exit(1);
  }
}

console.log(TEXT);
if (process.argv.includes('--help')) process.exit(0);
run('Short race', 'race/main.mjs', ['--quick', '--scenarios', 'plain,tls', '--label', 'short']);
run('Nanoseconds per operation', 'micro/main.ts', [`--import=${join(BENCH, 'micro/register.mjs')}`, '--rounds', '1']);
