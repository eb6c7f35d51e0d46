/** Scenarios that come with the program: the files of examples/simulate. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suggest } from '../config/nearest.ts';
import { StartError } from '../core/errors.ts';

const DIRECTORY = fileURLToPath(new URL('../../examples/simulate/', import.meta.url));
const EXTENSION = '.yaml';

/** What `millrace simulate` shows when it is asked nothing. */
export const DEFAULT_SCENARIO = 'slow-endpoint';

export interface BuiltIn {
  name: string;
  /** First line of its comment. */
  question: string;
}

export async function builtIns(): Promise<BuiltIn[]> {
  const files = (await readdir(DIRECTORY)).filter((file) => file.endsWith(EXTENSION)).sort();
  return Promise.all(
    files.map(async (file) => {
      const [first = ''] = (await readFile(join(DIRECTORY, file), 'utf8')).split('\n');
      return { name: file.slice(0, -EXTENSION.length), question: first.replace(/^#\s*/, '') };
    }),
  );
}

/** Path of the file, as short as possible. */
export async function builtInFile(name: string): Promise<string> {
  const names = (await builtIns()).map((builtIn) => builtIn.name);
  if (!names.includes(name)) throw new StartError(`there is no scenario ${JSON.stringify(name)}`, suggest(name, names) ?? 'millrace simulate --list');
  const file = join(DIRECTORY, name + EXTENSION);
  const short = relative(process.cwd(), file);
  return short.length < file.length ? short : file;
}
