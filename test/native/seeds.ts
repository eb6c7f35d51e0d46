/** Writes the hostile messages as files, one each, for the fuzz targets to begin with (fuzz_seeds.h reads them). */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLIENT_GROUPS } from '../hostile/cases/client.ts';
import { UPSTREAM_GROUPS } from '../hostile/cases/upstream.ts';

const DIRECTORY = join(import.meta.dirname, '../../build/native-tests/seeds');
/** Long ones are long by repetition, which costs time and teaches nothing. */
const MOST_BYTES = 2048;

export async function writeSeeds(): Promise<void> {
  const sides = { client: CLIENT_GROUPS, upstream: UPSTREAM_GROUPS };
  await rm(DIRECTORY, { recursive: true, force: true });
  for (const [side, groups] of Object.entries(sides)) {
    await mkdir(join(DIRECTORY, side), { recursive: true });
    const cases = groups.flatMap((group): readonly { id: string; bytes: string }[] => group.cases).filter(({ bytes }) => bytes.length <= MOST_BYTES);
    await Promise.all(cases.map(({ id, bytes }) => writeFile(join(DIRECTORY, side, id), Buffer.from(bytes, 'latin1'))));
  }
}
