import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { fakeResolver, loadText, problemsOf, workDirectory } from './support.ts';

describe('a TypeScript configuration', () => {
  const SCRIPT = `
import { defineConfig } from 'millrace';
import { port } from './port.ts';
const names: readonly string[] = ['a'];
export default defineConfig({
  listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }],
  routes: { t: [{ hosts: ['*'], routes: [{ cluster: names[0]!, timeout: undefined }] }] },
  clusters: Object.fromEntries(names.map((name) => [name, { endpoints: [\`127.0.0.1:\${port}\`] }])),
});
`;

  it('is run with defineConfig, and anew on every load', async () => {
    const directory = await workDirectory();
    const file = join(directory, 'millrace.config.ts');
    await writeFile(file, SCRIPT);
    for (const port of [1, 2]) {
      await writeFile(join(directory, 'port.ts'), `export const port: number = ${port};\n`);
      const result = await loadConfig(file, { resolveHost: fakeResolver });
      expect(result).toMatchObject({ ok: true, config: { clusters: { a: { endpoints: [{ port }] } } } });
      expect(result.watch).toEqual(expect.arrayContaining([file, join(directory, 'port.ts')]));
    }
  });

  it('may be a function, or a promise', async () => {
    const body = `({ listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 't' }], routes: { t: [{ hosts: ['*'], routes: [{ respond: { status: 200 } }] }] } })`;
    expect((await loadText(`export default async () => ${body};`, 'a.config.mts')).ok).toBe(true);
    expect((await loadText(`export default Promise.resolve${body};`, 'a.config.js')).ok).toBe(true);
  });

  it('reports by path, without positions, what a file would', async () => {
    expect(await problemsOf('export default { listeners: [], rutes: {} };', 'a.ts')).toEqual([
      '0:0 listeners: expected at least 1 entry',
      '0:0 routes: required key "routes" is missing: expected a mapping',
      '0:0 rutes: unknown key "rutes" (did you mean "routes"?)',
    ]);
  });

  it('that fails says why, on one line', async () => {
    for (const [text, message] of [
      ['throw new Error("no luck\\nhere");', /failed: no luck$/],
      ['export const config = {};', /the default export is not a configuration|required key/],
      ['export default 5;', /the default export is not a configuration/],
      ['export default {', /failed: .+/],
      ['import "./none.ts"; export default {};', /failed: .*none/],
    ] as const) {
      const problems = await problemsOf(text, 'a.ts');
      expect(problems[0], text).toMatch(message);
    }
  });
});
