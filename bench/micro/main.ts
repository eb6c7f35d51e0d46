/**
 * Nanoseconds per operation of the engine's structures, of their TypeScript references, and of the packages that one
 * would take from npm instead.
 *
 *   npm run bench:micro -- [--filter TEXT] [--rounds 5] [--quick] [--json] [--markdown]
 *
 * Every round runs each group of rows in a process of its own, so that no row is measured in the heap, or with the type
 * feedback, that another one left. Standard output has the result only; progress goes to standard error.
 */
import { spawn } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GROUPS, isGroup } from './groups.ts';
import { measure, type Effort, type Round } from './harness.ts';
import { markdownTable, summarise, textTable } from './table.ts';

const { values: options } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    /** The child's part: one round of one group. */
    group: { type: 'string' },
  },
});

const QUICK: Effort = { timeMs: 2, warmupMs: 1, batches: 1 };
const FULL: Effort = { timeMs: 100, warmupMs: 50, batches: 3 };

const machine = () => ({
  cpu: `${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
  kernel: release(),
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
  loadAverage: loadavg()[0],
});

function roundOf(group: string): Promise<Round[]> {
  const args = ['--import', fileURLToPath(new URL('register.mjs', import.meta.url)), fileURLToPath(import.meta.url)];
  args.push('--group', group, '--filter', options.filter, ...(options.quick ? ['--quick'] : []));
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(output).toString()) as Round[]);
      else reject(new Error(`the benches of "${group}" ended with ${signal ?? `code ${code}`}`));
    });
  });
}

if (options.group !== undefined) {
  if (!isGroup(options.group)) throw new Error(`no group "${options.group}"`);
  const wanted = (text: string): boolean => text.includes(options.filter);
  const rounds = await measure(GROUPS[options.group](), options.quick ? QUICK : FULL, wanted);
  process.stdout.write(JSON.stringify(rounds));
} else {
  const rounds = options.quick ? 1 : Number(options.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds wants a whole number from 1');
  const before = machine();
  const all: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const group of Object.keys(GROUPS)) {
      process.stderr.write(`round ${round} of ${rounds}: ${group}\n`);
      all.push(...(await roundOf(group)));
    }
  }
  if (all.length === 0) throw new Error(`no row has "${options.filter}" in its name`);
  const lines = summarise(all);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine: before, loadAverageAfter: loadavg()[0], rounds, lines }, null, 2)}\n`);
  } else {
    const { cpu, kernel, node, date, loadAverage } = before;
    process.stdout.write(`${cpu}, Linux ${kernel}, Node ${node}, ${date}; load average ${loadAverage?.toFixed(2)} before, ${loadavg()[0]?.toFixed(2)} after\n`);
    process.stdout.write(`nanoseconds per operation; median and p99 over batches, median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}\n\n`);
    process.stdout.write(`${options.markdown ? markdownTable(lines) : textTable(lines)}\n`);
  }
}
