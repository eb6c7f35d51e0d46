import { fileURLToPath } from 'node:url';

/**
 * Path of a compiled module, for threads, which load plain JavaScript: `worker/main` -> `…/dist/worker/main.js`.
 * When this module itself runs from src (under the tests), the compiled twin is in dist beside it.
 */
export function distPath(module: string): string {
  return fileURLToPath(new URL(`../../dist/${module}.js`, import.meta.url));
}
