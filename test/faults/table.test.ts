/**
 * The proxy under faults, one row of a table each: `npm run test:faults` prints it. What is asserted are counts, and times only with
 * bounds that no slow machine reaches.
 */
import { describe, it } from 'vitest';
import { format } from './format.ts';
import { run } from './row.ts';
import { ROWS } from './rows.ts';
import type {} from './table-reporter.ts';

const LONG_MS = 180_000;

describe('with load on two workers and three endpoints, no request is lost when', () => {
  for (const row of ROWS) {
    it(row.name, { timeout: LONG_MS }, async ({ task }) => {
      task.meta.row = format(await run(row));
    });
  }
});
