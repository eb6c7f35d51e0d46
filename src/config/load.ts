import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { errorMessage, type ConfigProblem } from '../core/errors.ts';
import { buildConfig } from './build.ts';
import { resolveEndpoints, type Resolutions, type ResolveHost } from './endpoints.ts';
import { ConfigFiles } from './files.ts';
import { ProblemList } from './problem-list.ts';
import { checkRules } from './rules.ts';
import { findingsOf } from './schema-problems.ts';
import { name as zoneName } from './schema-scalars.ts';
import { configSchema } from './schema.ts';
import { runScript } from './script.ts';
import { NO_POSITION, parseYaml, type Source } from './source.ts';
import type { Config } from './types.ts';
import { checkWarnings } from './warnings.ts';

/** A configuration before it is checked: what somebody wrote, and where. */
export interface ConfigDocument {
  source: Source;
  /** What the paths in it are relative to. */
  directory: string;
  /** The file itself, and modules that it imports; empty for what came by other ways. */
  files: string[];
  /** As it was read; null where there is no text that says the same (a module). */
  text: string | null;
}

export type ReadResult = { ok: true; document: ConfigDocument } | { ok: false; problems: ConfigProblem[]; watch: string[] };

/** What a document was put together with: contents of files, addresses of names. */
export interface LoadedInputs {
  files: ConfigFiles;
  resolutions: Resolutions;
}

/** `watch` lists every file that a change of may make the result different, whether or not it could be read. */
export type LoadResult =
  | { ok: true; config: Config; document: ConfigDocument; inputs: LoadedInputs; warnings: ConfigProblem[]; watch: string[] }
  | { ok: false; problems: ConfigProblem[]; warnings: ConfigProblem[]; watch: string[] };

export interface LoadOptions {
  resolveHost: ResolveHost;
  /** The time against which certificates are checked; default: now. */
  nowMs?: number;
  /** Where this proxy runs, from its environment; goes before `zone` of the configuration. */
  zone?: string | undefined;
}

const SCRIPT_EXTENSIONS = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']);

/** Reads a configuration with everything it names, and reports all of its problems at once. Never throws for bad input. */
export async function loadConfig(file: string, options: LoadOptions): Promise<LoadResult> {
  const read = await readConfig(file);
  return read.ok ? loadDocument(read.document, options) : { ...read, warnings: [] };
}

/** The file alone, unchecked. */
export async function readConfig(file: string): Promise<ReadResult> {
  const absolute = resolve(file);
  const directory = dirname(absolute);
  if (SCRIPT_EXTENSIONS.has(extname(file))) {
    const result = await runScript(file, absolute);
    if ('problems' in result) return { ok: false, ...result };
    return { ok: true, document: { source: result.source, directory, files: result.watch, text: null } };
  }
  let text: string;
  try {
    text = await readFile(absolute, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const message = missing ? 'there is no such file' : `cannot read the file: ${errorMessage(error)}`;
    return { ok: false, problems: [{ file, ...NO_POSITION, path: '', message }], watch: [absolute] };
  }
  const result = parseYaml(file, text);
  if ('problems' in result) return { ok: false, problems: result.problems, watch: [absolute] };
  return { ok: true, document: { source: result.source, directory, files: [absolute], text } };
}

/** Checks a document, reads what it names, and puts it together. What `known` holds is neither read nor resolved again. */
export async function loadDocument(document: ConfigDocument, options: LoadOptions, known?: LoadedInputs): Promise<LoadResult> {
  const { source } = document;
  const problems = new ProblemList(source);
  const warnings = new ProblemList(source);
  const files = new ConfigFiles(
    document.directory,
    problems.report,
    warnings.report,
    options.nowMs ?? systemClock.wallMs(),
    known?.files,
  );

  const parsed = configSchema.safeParse(source.value ?? {});
  if (!parsed.success) problems.addAll(findingsOf(configSchema, source.value ?? {}, parsed.error.issues));
  problems.addAll(checkRules(source.value));
  const zone = options.zone === undefined ? undefined : zoneName.safeParse(options.zone);
  if (zone?.success === false)
    problems.report(['zone'], `MILLRACE_ZONE: ${zone.error.issues[0]?.message ?? 'not a zone'}`);
  await files.load(source.value);
  const resolutions = await resolveEndpoints(source.value, options.resolveHost, problems.report, known?.resolutions);
  const watch = [...new Set([...document.files, ...files.watch])];
  if (!parsed.success || problems.isNotEmpty)
    return { ok: false, problems: problems.sorted(), warnings: warnings.sorted(), watch };

  const config = buildConfig(parsed.data, files, resolutions, zone?.data ?? parsed.data.zone ?? null);
  checkWarnings(config, source.value, warnings.report);
  return { ok: true, config, document, inputs: { files, resolutions }, warnings: warnings.sorted(), watch };
}
