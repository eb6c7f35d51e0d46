#!/usr/bin/env node
/** The load generator on the command line: node bench/load/load.mjs URL [options]; --help says which. */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { buildLoad, LOAD_ADDON } from '../build.mjs';
import { camelCase, nativeOptions, OPTIONS, UsageError } from './options.mjs';
import { table } from './table.mjs';

const ERRORS_COUNTED = 2;

function help() {
  const width = Math.max(...OPTIONS.map(([name, kind]) => `--${name} ${kind}`.length));
  const lines = OPTIONS.map(([name, kind, value, text]) => {
    const option = kind === 'flag' ? `--${name}` : `--${name} ${kind}`;
    const standard = value === undefined || value === false || (Array.isArray(value) && value.length === 0) ? '' : ` (${value})`;
    return `  ${option.padEnd(width)}  ${text}${standard}`;
  });
  return `usage: node bench/load/load.mjs URL [options]

An HTTP/1.1 load generator. Any error ends it with code ${ERRORS_COUNTED}: a run with errors is void.

${lines.join('\n')}
  ${'--json'.padEnd(width)}  one JSON object instead of a table
  ${'--phases'.padEnd(width)}  "@begin NS" and "@end NS" on stderr when the measured window begins and ends, by the monotonic clock
  ${'--die-with-parent'.padEnd(width)}  ends when the process that started it does
`;
}

async function main() {
  const options = { json: { type: 'boolean' }, 'die-with-parent': { type: 'boolean' }, phases: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } };
  for (const [name, kind] of OPTIONS) options[name] = { type: kind === 'flag' ? 'boolean' : 'string', multiple: kind === 'texts' };
  let parsed;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { json, help: wanted, 'die-with-parent': dieWithParent, phases, ...given } = parsed.values;
  if (wanted) {
    process.stdout.write(help());
    return 0;
  }
  if (parsed.positionals.length !== 1) throw new UsageError('exactly one URL is needed; --help says more');
  const [url] = parsed.positionals;
  const native = await nativeOptions(url, Object.fromEntries(Object.entries(given).map(([name, value]) => [camelCase(name), value])));
  await buildLoad();
  const result = createRequire(import.meta.url)(LOAD_ADDON).run(native, dieWithParent, phases === true);
  const report = JSON.parse(result);
  process.stdout.write(json ? `${result}\n` : table(url, native, report));
  return report.errorTotal === 0 ? 0 : ERRORS_COUNTED;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`load: ${error instanceof UsageError || error.code !== undefined ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
