/** Runs in the compiler pool's thread: regular expressions of a large configuration take a while to compile. */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { compile } from '../config/compile.ts';
import type { Config } from '../config/types.ts';

/** Hands the image over instead of copying it. */
export function compileTask(config: Config): unknown {
  const compiled = compile(config);
  // piscina transfers only what `move` marked.
  return move({ [transferableSymbol]: [compiled.image], [valueSymbol]: compiled });
}
