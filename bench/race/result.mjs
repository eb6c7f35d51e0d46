/** The result of a race: one JSON file, written anew after every scenario, so that a race that was broken off can go on. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './contenders/common.mjs';

export const FORMAT = 1;

/** bench/results/race-<date>[-label].json; a second race of a day gets a number. */
export function newResultFile(label, now = new Date()) {
  const name = `race-${now.toISOString().slice(0, 10)}${label === '' ? '' : `-${label}`}`;
  for (let number = 1; ; number++) {
    const file = join(ROOT, 'bench/results', `${name}${number === 1 ? '' : `-${number}`}.json`);
    if (!existsSync(file)) return file;
  }
}

export function saveResult(file, result) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(result, null, 1)}\n`);
  renameSync(`${file}.new`, file);
}

export function readResult(file) {
  const result = JSON.parse(readFileSync(file, 'utf8'));
  if (result.format !== FORMAT) throw new Error(`${file} has format ${result.format}, this race writes ${FORMAT}`);
  return result;
}
