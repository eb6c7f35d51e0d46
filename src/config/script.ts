import { access, constants } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import { errorMessage, type ConfigProblem } from '../core/errors.ts';
import { defineConfig } from './define.ts';
import { NO_POSITION, type Source } from './source.ts';

/**
 * Runs a TypeScript or JavaScript configuration and takes its default export: an object, a promise of one, or a
 * function that returns either. Every load runs the module and what it imports anew, so that a reload sees changes.
 */
export async function runScript(
  file: string,
  absolute: string,
): Promise<{ source: Source; watch: string[] } | { problems: ConfigProblem[]; watch: string[] }> {
  const watch = new Set([absolute]);
  const options = {
    fsCache: false,
    moduleCache: false,
    interopDefault: true,
    virtualModules: { millrace: { defineConfig } },
  };
  const transformer = createJiti(absolute, options);
  const jiti = createJiti(absolute, {
    ...options,
    // The transform hook is where jiti says which files take part.
    transform: (module) => {
      if (module.filename !== undefined && !module.filename.includes('/node_modules/')) watch.add(module.filename);
      return { code: transformer.transform(module) };
    },
  });
  const problem = (message: string): { problems: ConfigProblem[]; watch: string[] } => ({
    problems: [{ file, ...NO_POSITION, path: '', message }],
    watch: [...watch],
  });
  try {
    await access(absolute, constants.R_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return problem(missing ? 'there is no such file' : `cannot read the file: ${errorMessage(error)}`);
  }
  try {
    const exported = await jiti.import(pathToFileURL(absolute).href, { default: true });
    const value: unknown = await (typeof exported === 'function' ? (exported as () => unknown)() : exported);
    if (typeof value !== 'object' || value === null)
      return problem('the default export is not a configuration: write "export default defineConfig({ … })"');
    // Through JSON: only data counts, undefined keys vanish, and getters and prototypes cannot surprise anyone later.
    const data: unknown = JSON.parse(JSON.stringify(value));
    return { source: { file, value: data, locate: () => NO_POSITION }, watch: [...watch] };
  } catch (error) {
    return problem(`the configuration module failed: ${errorMessage(error).split('\n')[0] ?? ''}`);
  }
}
