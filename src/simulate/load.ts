/** From a scenario as somebody wrote it to one that can be simulated. */
import { readFile } from 'node:fs/promises';
import { mapping } from '../config/raw.ts';
import { ProblemList } from '../config/problem-list.ts';
import { findingsOf } from '../config/schema-problems.ts';
import { NO_POSITION, parseYaml, type Source } from '../config/source.ts';
import { errorMessage, type ConfigProblem } from '../core/errors.ts';
import { buildScenario } from './build.ts';
import { checkScenario } from './rules.ts';
import { scenarioSchema } from './schema.ts';
import type { Scenario } from './types.ts';

/** Top-level keys that come from the command line instead, with the flag that each of them comes from. */
export interface Override {
  key: string;
  flag: string;
  value: unknown;
}

export type ScenarioResult = { ok: true; scenario: Scenario; written: unknown } | { ok: false; problems: ConfigProblem[] };

/** What a key makes meaningless that stands beside it: of two that exclude each other, the one on the command line goes first. */
const REPLACES: Readonly<Record<string, string>> = { load: 'rate', rate: 'load', requests: 'duration', duration: 'requests' };

export async function readScenario(file: string): Promise<{ source: Source } | { problems: ConfigProblem[] }> {
  try {
    return parseYaml(file, await readFile(file, 'utf8'));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { problems: [{ file, ...NO_POSITION, path: '', message: missing ? 'there is no such file' : `cannot read the file: ${errorMessage(error)}` }] };
  }
}

/** Checks a scenario with what the command line adds, and reports all problems at once. */
export function loadScenario(source: Source, overrides: readonly Override[], title: string): ScenarioResult {
  const written = merged(source.value, overrides);
  const problems = new ProblemList(withFlags(source, overrides));
  const parsed = scenarioSchema.safeParse(written);
  if (!parsed.success) problems.addAll(findingsOf(scenarioSchema, written, parsed.error.issues));
  checkScenario(written, problems.report);
  if (!parsed.success || problems.isNotEmpty) return { ok: false, problems: problems.sorted().map((problem) => named(problem, overrides)) };
  return { ok: true, scenario: buildScenario(parsed.data, title), written };
}

function merged(value: unknown, overrides: readonly Override[]): unknown {
  if (value !== null && value !== undefined && (typeof value !== 'object' || Array.isArray(value))) return value;
  const replaced = overrides.map(({ key }) => REPLACES[key]);
  const kept = Object.entries(mapping(value)).filter(([key]) => !replaced.includes(key));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(overrides.map(({ key, value: given }) => [key, given])) };
}

/** What came from a flag has no place in the file. */
function withFlags(source: Source, overrides: readonly Override[]): Source {
  return { ...source, locate: (path, part) => (overrides.some(({ key }) => key === path[0]) ? NO_POSITION : source.locate(path, part)) };
}

function named(problem: ConfigProblem, overrides: readonly Override[]): ConfigProblem {
  const override = problem.line > 0 ? undefined : overrides.find(({ key }) => new RegExp(`^${key}($|[.[])`).test(problem.path));
  return override === undefined ? problem : { ...problem, file: override.flag, path: problem.path === override.key ? '' : problem.path };
}
