import { compile } from '../config/compile.ts';
import { dumpImage } from '../config/dump.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { loadOrRefuse } from './loading.ts';
import { printLine } from './output.ts';

/** Prints the compiled tables of a configuration, read back from the image. */
export async function configDump(file: string): Promise<number> {
  printLine(JSON.stringify(dumpImage(compile(await loadOrRefuse(file)).image), null, 2));
  return 0;
}

/** Prints the JSON Schema of a configuration, for editors. */
export function configSchema(): number {
  printLine(JSON.stringify(configJsonSchema(), null, 2));
  return 0;
}
