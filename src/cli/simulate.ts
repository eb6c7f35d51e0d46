/** `millrace simulate`: which policy, answered by the engine's own balancers on virtual time. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, extname } from 'node:path';
import { stringify } from 'yaml';
import { NO_POSITION, type Source } from '../config/source.ts';
import { ConfigRefused } from '../control/supervisor.ts';
import { StartError, errorMessage, formatProblem, type ConfigProblem } from '../core/errors.ts';
import { DEFAULT_SCENARIO, builtInFile, builtIns } from '../simulate/builtin.ts';
import { simulate } from '../simulate/driver.ts';
import { asksForEndpoints, behaviourOf, overridesOf } from '../simulate/flags.ts';
import { scenarioOfCluster } from '../simulate/from-cluster.ts';
import { outcomeJson } from '../simulate/json.ts';
import { scenarioJsonSchema } from '../simulate/json-schema.ts';
import { loadScenario, readScenario } from '../simulate/load.ts';
import { reportPage } from '../simulate/plot/report.ts';
import { outcomePicture } from '../simulate/plot/picture.ts';
import { outcomeText } from '../simulate/table.ts';
import { load } from './loading.ts';
import { printError, printLine } from './output.ts';
import type { SimulateOptions } from './simulate-options.ts';

const MOST_THREADS = 256;

/** Returns the exit code: 1 when the scenario has problems. */
export async function simulateCommand(file: string | undefined, options: SimulateOptions): Promise<number> {
  if (options.list === true) {
    const all = await builtIns();
    const width = Math.max(...all.map(({ name }) => name.length));
    for (const { name, question } of all) printLine(`${name.padEnd(width)}  ${question}`);
    return 0;
  }
  if (options.schema === true) {
    printLine(JSON.stringify(scenarioJsonSchema(), null, 2));
    return 0;
  }
  const threads = threadsOf(options.threads);
  const { source, title, endpointsTaken } = await sourceOf(file, options);
  const flags = endpointsTaken ? { ...options, endpoints: undefined, slow: undefined, slowFactor: undefined, failing: undefined, service: undefined, concurrency: undefined } : options;
  const overrides = overridesOf(withoutUndefined(flags));
  const loaded = loadScenario(source, overrides, title);
  if (!loaded.ok) return refused(loaded.problems);
  if (options.print === true) {
    printLine(stringify(loaded.written).trimEnd());
    return 0;
  }
  const bar = progressBar();
  const outcome = await simulate(loaded.scenario, { threads, ...(bar === null ? {} : { onProgress: bar.show }) }).finally(() => bar?.clear());
  printLine(options.json === true ? JSON.stringify(outcomeJson(outcome), null, 2) : outcomeText(outcome));
  if (options.report !== undefined) await write(options.report, reportPage(outcome, stringify(loaded.written)));
  if (options.svg !== undefined) await write(options.svg, outcomePicture(outcome));
  return 0;
}

interface Chosen {
  source: Source;
  title: string;
  /** The flags about endpoints have been made use of already. */
  endpointsTaken: boolean;
}

async function sourceOf(file: string | undefined, options: SimulateOptions): Promise<Chosen> {
  const given = [file !== undefined && 'a scenario file', options.scenario !== undefined && '--scenario', options.config !== undefined && '--config'].filter((name) => name !== false);
  if (given.length > 1) throw new StartError(`${given.join(' and ')} exclude each other`, 'give one of them');
  if (options.cluster !== undefined && options.config === undefined) throw new StartError('--cluster needs the configuration that has it', 'add --config millrace.yaml');
  if (options.config !== undefined) return sourceOfCluster(options.config, options);
  // Endpoints from the command line make a scenario of their own, with the defaults of the first example for the rest.
  if (file !== undefined && asksForEndpoints(withoutUndefined(options))) throw new StartError('the scenario file says what endpoints there are', 'change it there, or leave out the file');
  const name = file ?? (await builtInFile(options.scenario ?? DEFAULT_SCENARIO));
  const read = await readScenario(name);
  if ('problems' in read) throw new ConfigRefused(name, read.problems);
  const { source } = read;
  const title = basename(name, extname(name));
  if (!asksForEndpoints(withoutUndefined(options))) return { source, title, endpointsTaken: false };
  if (options.scenario !== undefined) throw new StartError(`the scenario ${options.scenario} says what endpoints there are`, 'leave out --scenario, or start from: millrace simulate --scenario ' + options.scenario + ' --print');
  const kept = Object.entries(source.value as Record<string, unknown>).filter(([key]) => key !== 'title');
  return { source: { ...source, value: Object.fromEntries(kept) }, title: 'endpoints from the command line', endpointsTaken: false };
}

async function sourceOfCluster(file: string, options: SimulateOptions): Promise<Chosen> {
  const result = await load(file);
  if (!result.ok) throw new ConfigRefused(file, result.problems);
  if (options.endpoints !== undefined || options.failing !== undefined) throw new StartError('the configuration says what endpoints there are', 'leave out --endpoints and --failing; --slow, --service and --concurrency say how they do');
  const value = scenarioOfCluster(result.config, result.document.source.value, options.cluster, behaviourOf(withoutUndefined(options)));
  return { source: { file, value, locate: () => NO_POSITION }, title: 'cluster', endpointsTaken: true };
}

/** Commander leaves out what was not given; a flag set to undefined is the same. */
function withoutUndefined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function refused(problems: readonly ConfigProblem[]): number {
  for (const problem of problems) printError(formatProblem(problem));
  printError(`${problems.length} problem${problems.length === 1 ? '' : 's'}`);
  return 1;
}

function threadsOf(text: string | undefined): number {
  if (text === undefined) return availableParallelism();
  const threads = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (threads < 1 || threads > MOST_THREADS) throw new StartError(`--threads: expected a number from 1 to ${MOST_THREADS}, not ${JSON.stringify(text)}`);
  return threads;
}

/** One line on a terminal, rewritten; nothing for pipes and files. */
function progressBar(): { show: (share: number) => void; clear: () => void } | null {
  if (!process.stderr.isTTY) return null;
  return {
    show: (share) => void process.stderr.write(`\rsimulating: ${Math.floor(share * 100)} % `),
    clear: () => void process.stderr.write('\r\x1b[K'),
  };
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new StartError(`cannot write ${file}: ${errorMessage(cause)}`, undefined, { cause });
  }
  printError(`written: ${file}`);
}
