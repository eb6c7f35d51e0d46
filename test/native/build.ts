/**
 * Builds the native test programs with plain g++: two compilers at a time, objects kept in build/native-tests under a
 * hash of everything that went into them, so that a second run compiles what changed and nothing else.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { nodeHeaders } from './node-headers.ts';
import type { Suite } from './suites.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'build/native-tests');
const COMPILER = process.env['CXX'] ?? 'g++';
const INCLUDE_PATHS = ['native', 'test/native', 'bench/load'];
const FLAGS = ['-std=c++20', '-O1', '-g', '-fno-omit-frame-pointer', '-fno-sanitize-recover=all', '-Wall', '-Wextra', '-Werror', '-pthread'];
const PARALLEL = 2;

const flagsOf = (suite: Suite): string[] => [...FLAGS, `-fsanitize=${suite.sanitizer}`];

/** Runs at most PARALLEL jobs at once. */
function limited(): <T>(job: () => Promise<T>) => Promise<T> {
  let free = PARALLEL;
  const waiting: (() => void)[] = [];
  return async (job) => {
    if (free > 0) free--;
    else await new Promise<void>((wake) => waiting.push(wake));
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}

/** Adds a source file and, recursively, the project headers that it includes. */
function collect(file: string, files: Map<string, string>): void {
  if (files.has(file)) return;
  const text = readFileSync(join(ROOT, file), 'utf8');
  files.set(file, text);
  for (const [, name = ''] of text.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)) {
    const found = [dirname(file), ...INCLUDE_PATHS].map((path) => join(path, name)).find((path) => existsSync(join(ROOT, path)));
    if (found !== undefined) collect(found, files);
  }
}

function hashOf(parts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 20);
}

/** Runs the compiler into a temporary name first: a run that was cut short leaves no half file behind. */
async function produce(output: string, args: readonly string[]): Promise<void> {
  await mkdir(dirname(output), { recursive: true });
  const partial = `${output}.${process.pid}`;
  try {
    await run(COMPILER, [...args, '-o', partial], { cwd: ROOT, maxBuffer: 1 << 24 });
  } catch (error) {
    throw new Error(`${COMPILER} ${args.join(' ')}\n${(error as { stderr?: string }).stderr ?? String(error)}`, { cause: error });
  }
  await rename(partial, output);
}

/** Builds all suites; resolves to the path of each program, in order, or to the error of its build. */
export async function buildSuites(suites: readonly Suite[]): Promise<(string | Error)[]> {
  const { stdout: version } = await run(COMPILER, ['--version']);
  const job = limited();
  const objects = new Map<string, Promise<string>>();

  const objectOf = (source: string, flags: readonly string[]): Promise<string> => {
    const files = new Map<string, string>();
    collect(source, files);
    const object = join(CACHE, `${hashOf([version, ...flags, ...[...files].flat()])}.o`);
    let built = objects.get(object);
    if (built === undefined) {
      const headers = nodeHeaders(ROOT);
      const includes = [...INCLUDE_PATHS.map((path) => `-I${path}`), ...(headers === undefined ? [] : ['-isystem', headers])];
      built = existsSync(object) ? Promise.resolve(object) : job(() => produce(object, [...flags, ...includes, '-c', source])).then(() => object);
      objects.set(object, built);
    }
    return built;
  };

  return Promise.all(
    suites.map(async (suite) => {
      try {
        const flags = flagsOf(suite);
        const parts = await Promise.all(suite.sources.map((source) => objectOf(source, flags)));
        const program = join(CACHE, `${suite.name}-${hashOf([version, ...flags, ...parts])}`);
        if (!existsSync(program)) await job(() => produce(program, [...flags, ...parts]));
        return program;
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    }),
  );
}
