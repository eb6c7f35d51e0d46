/** npm run bench:race. See options.mjs for the command line and bench/README.md for how to read what it writes. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { check } from './check.mjs';
import { startOrigin } from './client.mjs';
import { findContenders } from './contenders/index.mjs';
import { describeMachine, loadNow } from './machine.mjs';
import { HELP, parseOptions } from './options.mjs';
import { guarded, pinSelf } from './processes.mjs';
import { startProgress } from './progress.mjs';
import { verdictLines } from './report/lines.mjs';
import { writeReport } from './report/report.mjs';
import { FORMAT, newResultFile, readResult, saveResult } from './result.mjs';
import { planOf, runScenario } from './rounds.mjs';
import { scenarios as allScenarios } from './scenarios/index.mjs';
import { makeCertificate } from './stage.mjs';

const QUIET_LOAD = 0.5;

async function list(options) {
  const { present, absent } = await findContenders(options.chosenContenders);
  console.log('Scenarios:');
  for (const { id, title, what } of options.chosenScenarios) console.log(`  ${id.padEnd(24)} ${title}: ${what}`);
  console.log('\nContenders:');
  for (const { name, title, version, config } of present) console.log(`  ${name.padEnd(24)} ${title} ${version} (bench/race/${config})`);
  for (const { name, why } of absent) console.log(`  ${name.padEnd(24)} not here: ${why}`);
}

/** Everybody must do the same work before anything is measured. */
async function checkAll(contenders, context) {
  const described = [];
  for (const { name, title, version, kind, config, features, ...contender } of contenders) {
    const found = await check({ name, title, ...contender }, { directory: context.directory, core: context.cores.contender });
    const note = found.ok ? '' : `not the same work: ${found.faults.join('; ')}`;
    console.log(`  ${title} ${version}: ${found.ok ? 'adds the same lines, keeps its connections to the origin' : note}`);
    described.push({ name, title, version, kind, config, features, note, check: found });
  }
  return described;
}

/** Variants of a contender that are in one row only. */
const variants = (contenders, scenarios) =>
  scenarios.flatMap(({ title, plainBeside = [] }) =>
    contenders
      .filter(({ name }) => plainBeside.includes(name))
      .map(({ name, title: own, version, kind, config }) => ({ name: `${name}-plain`, title: `${own}, plain`, version, kind, config, note: `only in "${title}": the same requests with nothing on` })),
  );

function summary(result) {
  const voids = result.scenarios.flatMap((scenario) => scenario.void.map((one) => `${scenario.id}: ${one.contender}, round ${one.round + 1}: ${one.why.split('\n')[0]}`));
  console.log(voids.length === 0 ? '\nNo run was void.' : `\n${voids.length} void runs (each was tried again once):\n  ${voids.join('\n  ')}`);
  for (const { id, runs, direct } of result.scenarios) {
    const bound = Object.entries(runs).filter(([, list]) => {
      const rates = list.filter((run) => run !== null).map(({ rate }) => rate);
      return direct !== undefined && rates.length > 0 && Math.max(...rates) > direct.rate * 0.8;
    });
    if (bound.length > 0) console.log(`${id}: the load generator and the origin alone do ${Math.round(direct.rate)}/s, so the throughput of ${bound.map(([name]) => name).join(', ')} says little; read the CPU time`);
  }
}

async function race(options, directory) {
  const resumed = options.resume === undefined ? null : readResult(options.resume);
  const run = resumed?.options ?? options.run;
  const file = options.resume ?? options.out ?? newResultFile(options.label);
  const page = `${file.replace(/\.json$/, '')}.html`;
  const { present, absent } = await findContenders(resumed?.contenders.map(({ name }) => name) ?? options.chosenContenders);
  if (present.length === 0) throw new Error('none of the contenders is here');
  const machine = describeMachine();
  if (machine.loadBefore > QUIET_LOAD) console.log(`The machine is not quiet (load average ${machine.loadBefore}): the figures will be noisy.`);
  for (const { title, why } of absent) console.log(`Without ${title}: ${why}.`);

  const begun = performance.now() - (resumed?.seconds ?? 0) * 1000;
  const context = { directory, options: run, cores: run.cores, contenders: present, certificate: makeCertificate(directory), begun, kept: new Map() };
  const done = new Set(resumed?.scenarios.map(({ id }) => id));
  const wanted = resumed === null ? options.chosenScenarios : allScenarios.filter(({ id }) => resumed.wanted.includes(id));
  const left = wanted.filter(({ id }) => !done.has(id));
  context.progress = startProgress(left.flatMap((scenario) => planOf(scenario, present, run)));
  console.log(`${left.length} scenarios, ${present.length} contenders, ${run.pairs} rounds of ${run.seconds} s: about ${Math.ceil(context.progress.total / 60)} minutes. Result: ${relative(process.cwd(), file)}`);

  const described = resumed?.contenders ?? [...(await checkAll(present, context)), ...variants(present, wanted)];
  const result = resumed ?? {
    format: FORMAT,
    date: new Date().toISOString(),
    seconds: 0,
    label: options.label,
    machine,
    options: run,
    wanted: wanted.map(({ id }) => id),
    contenders: described,
    absent: absent.map(({ name, why }) => ({ name, why })),
    scenarios: [],
  };
  const origin = await startOrigin({ core: run.cores.origin });
  context.origin = origin;
  context.direct = `http://127.0.0.1:${origin.port}`;
  try {
    for (const scenario of left) {
      result.scenarios.push(await runScenario(scenario, context));
      result.seconds = Math.round((performance.now() - begun) / 1000);
      result.machine.loadAfter = loadNow();
      saveResult(file, result);
      writeReport(result, page);
    }
  } finally {
    await origin.stop();
  }
  summary(result);
  console.log(`\n${verdictLines(result).join('\n')}`);
  console.log(`\nThe result is in ${relative(process.cwd(), file)}, and as a page in ${relative(process.cwd(), page)}.`);
}

async function main() {
  const options = await parseOptions(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  if (options.list) return list(options);
  const directory = mkdtempSync(join(tmpdir(), 'millrace-race-'));
  chmodSync(directory, 0o755); // the worker of nginx may be another user
  process.on('exit', () => {
    if (options.keep) console.log(`The configurations are in ${directory}.`);
    else rmSync(directory, { recursive: true, force: true });
  });
  await guarded(async () => {
    pinSelf(options.run.cores.load);
    await race(options, directory);
  });
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
