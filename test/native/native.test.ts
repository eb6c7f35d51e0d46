/** Builds the C++ unit tests under sanitizers and runs every case of them as a test of its own. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { expect, describe, it } from 'vitest';
import { hash32 } from '../../src/config/hash.ts';
import { buildSuites } from './build.ts';
import { HASH_FILTER, SUITES } from './suites.ts';

const CASE_TIMEOUT_MS = 120_000;
const [hashFilter, ...programs] = await buildSuites([HASH_FILTER, ...SUITES]);

interface Outcome {
  code: number | string;
  output: string;
}

function runCase(program: string, name: string): Promise<Outcome> {
  return new Promise((done) => {
    execFile(program, ['--case', name], { env: { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1' }, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : (error.code ?? error.signal ?? 'unknown'), output: `${stdout}${stderr}` });
    });
  });
}

for (const [i, suite] of SUITES.entries()) {
  const program = programs[i];
  describe(`${suite.name} (${suite.sanitizer} sanitizer)`, () => {
    if (typeof program !== 'string') {
      it('compiles', () => {
        throw program ?? new Error('not built');
      });
      return;
    }
    const names = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n');
    it.each(names)('%s', { timeout: CASE_TIMEOUT_MS }, async (name) => {
      const { code, output } = await runCase(program, name);
      if (code !== 0) throw new Error(`ended with ${code}:\n${output}`);
      expect(output).toContain(`ok ${name}`);
    });
  });
}

describe('hash', () => {
  it('is the same function in TypeScript and in C++', () => {
    if (typeof hashFilter !== 'string') throw hashFilter ?? new Error('not built');
    const texts = Array.from({ length: 300 }, (_, n) => Uint8Array.from({ length: n % 67 }, (_, i) => (n * 31 + i * i * 7 + (n >> 3) * i) & 0xff));
    const lines = texts.map((text, n) => `${n % 4} x${Buffer.from(text).toString('hex')}`);
    const { stdout, status } = spawnSync(hashFilter, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout.trim().split('\n').map(Number)).toEqual(texts.map((text, n) => hash32(text, n % 4)));
  });
});
