import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const TEST_TIMEOUT_MS = 30_000;

/** Compilers of the native tests and the proxies under test would take the processor from each other, so they run in groups. */
function project(name: string, include: string[], groupOrder: number, maxWorkers = 2) {
  return { extends: true as const, test: { name, include, maxWorkers, sequence: { groupOrder } } };
}

export default defineConfig({
  root: resolve(import.meta.dirname, '..'),
  test: {
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    pool: 'forks',
    projects: [
      project('unit', ['test/{unit,conformance,native}/**/*.test.ts'], 0),
      project('proxy', ['test/{integration,hostile,lifecycle}/**/!(load).test.ts'], 1),
      project('load', ['test/integration/load.test.ts'], 2, 1),
      project('faults', ['test/faults/*.test.ts'], 3, 1),
    ],
  },
});
