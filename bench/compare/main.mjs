/** npm run bench:compare -- REV: is the working tree faster or slower than a revision? --help says more. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOrigin } from '../load/index.mjs';
import { describeMachine } from '../race/machine.mjs';
import { guarded, pinSelf } from '../race/processes.mjs';
import { makeCertificate } from '../race/stage.mjs';
import { HELP, parseOptions, UsageError } from './options.mjs';
import { build, describeTree, prune, resolveRevision, RevisionError, unpack } from './revision.mjs';
import { LOAD_CORE, runOnce, VoidRound } from './rounds.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { conclusion, summarise, table } from './summary.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Rounds with errors in a row, after which something is wrong and not just unlucky. */
const MOST_VOID = 3;
const USAGE_CODE = 64;

const say = (text) => process.stderr.write(`${text}\n`);

/** The two sides, built. */
async function bothTrees(options) {
  const after = { name: 'working tree', tree: ROOT, ...describeTree(ROOT) };
  const ours = `the working tree (${after.short}${after.changed ? ', changed' : ''})`;
  if (options.tree !== undefined) {
    const directory = resolve(options.tree);
    say(`comparing ${ours} with ${directory}`);
    await build(ROOT);
    await build(directory);
    return { before: { name: options.tree, tree: directory, ...describeTree(directory) }, after };
  }
  const revision = resolveRevision(ROOT, options.revision);
  say(`comparing ${ours} with ${revision.short} (${revision.subject})`);
  await build(ROOT);
  const directory = unpack(ROOT, revision.commit);
  await build(directory, { caching: true });
  prune(ROOT);
  return { before: { name: revision.short, tree: directory, commit: revision.commit, subject: revision.subject }, after };
}

const shown = (name, run) => `${name} ${run.cpuUs.toFixed(2)} us, ${run.rate.toFixed(0)}/s${run.instructions === undefined ? '' : `, ${run.instructions} instructions`}`;

/** Pairs of runs, A B B A A B ..., so that a machine that gets slower or faster favours nobody. */
async function measure(sides, options, place) {
  const pairs = [];
  const voided = [];
  const begun = performance.now();
  for (let inARow = 0; pairs.length < options.pairs; ) {
    const order = pairs.length % 2 === 0 ? ['before', 'after'] : ['after', 'before'];
    const pair = { order: order.join(' ') };
    try {
      for (const side of order) pair[side] = await runOnce({ directory: join(place.directory, side), tree: sides[side].tree, scenario: SCENARIOS[options.scenario], options, ...place });
    } catch (error) {
      if (!(error instanceof VoidRound)) throw error;
      voided.push(error.message);
      say(`void, and measured again: ${error.message}`);
      if (++inARow >= MOST_VOID) throw new VoidRound(`${MOST_VOID} runs in a row were void; the last: ${error.message}`);
      continue;
    }
    inARow = 0;
    pairs.push(pair);
    const leftS = ((performance.now() - begun) / 1000 / pairs.length) * (options.pairs - pairs.length);
    say(`pair ${pairs.length}/${options.pairs}: ${shown(sides.before.name, pair.before)} · ${shown(sides.after.name, pair.after)} · CPU ratio ${(pair.after.cpuUs / pair.before.cpuUs).toFixed(3)} · ${Math.ceil(leftS)} s left`);
  }
  return { pairs, voided };
}

async function compare(options, directory) {
  const sides = await bothTrees(options);
  pinSelf(LOAD_CORE);
  const machine = describeMachine();
  const origin = await startOrigin({ core: LOAD_CORE });
  try {
    const tls = SCENARIOS[options.scenario].features?.tls ? makeCertificate(directory) : null;
    say(`${options.scenario}: ${SCENARIOS[options.scenario].what}; ${options.pairs} ${options.pairs === 1 ? 'pair' : 'pairs'} of ${options.seconds} s on ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.loadBefore}`);
    const { pairs, voided } = await measure(sides, options, { directory, origin: origin.port, tls });
    const summary = summarise(pairs);
    const names = { before: sides.before.name, after: sides.after.name };
    process.stdout.write(`\n${table(summary, names)}\n\n${conclusion(summary, `the working tree, compared with ${sides.before.name}`)}\n`);
    if (options.json !== undefined) {
      mkdirSync(dirname(resolve(options.json)), { recursive: true });
      const { help: _, ...settings } = options;
      writeFileSync(options.json, `${JSON.stringify({ format: 1, date: new Date().toISOString(), machine, options: settings, ...sides, pairs, void: voided, summary }, null, 2)}\n`);
    }
  } finally {
    await origin.stop();
  }
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'millrace-compare-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  await guarded(() => compare(options, directory));
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError;
  const expected = usage || error instanceof RevisionError || error instanceof VoidRound;
  process.stderr.write(`bench:compare: ${expected ? error.message : error.stack}\n${usage ? `\n${HELP}` : ''}`);
  process.exitCode = usage ? USAGE_CODE : 1;
}
