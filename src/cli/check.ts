import { compile } from '../config/compile.ts';
import type { Config } from '../config/types.ts';
import { install, loadEngine } from '../control/engine.ts';
import { formatProblem } from '../core/errors.ts';
import { load } from './loading.ts';
import { printError, printLine } from './output.ts';

/** Validates as `run` does: loads, compiles, and lets the engine check the image. Returns the exit code. */
export async function check(file: string, options: { json?: boolean }): Promise<number> {
  const result = await load(file);
  const { warnings } = result;
  const problems = result.ok ? [] : result.problems;
  if (result.ok) await checkImage(result.config);
  if (options.json === true) {
    printLine(JSON.stringify({ ok: result.ok, file, problems, warnings, summary: result.ok ? counts(result.config) : undefined }, null, 2));
    return result.ok ? 0 : 1;
  }
  for (const warning of warnings) printError(`warning: ${formatProblem(warning)}`);
  for (const problem of problems) printError(formatProblem(problem));
  if (result.ok) printLine(`ok: ${file}: ${summary(result.config)}`);
  else printError(`${file}: ${plural(problems.length, 'problem')}`);
  return result.ok ? 0 : 1;
}

async function checkImage(config: Config): Promise<void> {
  install(await loadEngine(), config, compile(config).image);
}

interface Counts {
  listeners: number;
  routeTables: number;
  routes: number;
  clusters: number;
  endpoints: number;
}

function counts({ listeners, routes, clusters }: Config): Counts {
  return {
    listeners: listeners.length,
    routeTables: Object.keys(routes).length,
    routes: Object.values(routes).flat().reduce((sum, virtualHost) => sum + virtualHost.routes.length, 0),
    clusters: Object.keys(clusters).length,
    endpoints: Object.values(clusters).reduce((sum, cluster) => sum + cluster.endpoints.length, 0),
  };
}

function summary(config: Config): string {
  const { listeners, routeTables, routes, clusters, endpoints } = counts(config);
  return [plural(listeners, 'listener'), plural(routeTables, 'route table'), plural(routes, 'route'), plural(clusters, 'cluster'), plural(endpoints, 'endpoint')].join(', ');
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
