/**
 * Draws the report of a race again, from its result.
 *
 *   node bench/race/report/main.mjs RESULT.json [--out FILE]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BadResult, writeReport } from './report.mjs';

const HELP = `Usage: node bench/race/report/main.mjs RESULT.json [--out FILE]

Writes one self-contained HTML file; by default beside the result, with the same name.

  --out FILE   where to write it
  --help       this text
`;

class Usage extends Error {}

function read(file) {
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadResult(`this is not JSON: ${error.message}`);
  }
}

function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new Usage('one result file is wanted');
  const out = values.out ?? `${file.replace(/\.json$/, '')}.html`;
  if (out === file) throw new Usage(`--out ${out} is the result itself`);
  try {
    writeReport(read(file), out);
  } catch (error) {
    throw error instanceof BadResult ? new BadResult(`${file}: ${error.message}`) : error;
  }
  process.stdout.write(`${out}\n`);
}

try {
  main();
} catch (error) {
  const usage = error instanceof Usage || String(error.code).startsWith('ERR_PARSE_ARGS');
  const expected = usage || error instanceof BadResult || error.syscall !== undefined;
  process.stderr.write(`${expected ? error.message : error.stack}\n${usage ? `\n${HELP}` : ''}`);
  process.exitCode = usage ? 64 : 1;
}
