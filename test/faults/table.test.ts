/**
 * The proxy under faults, one row of a table each: `npm run test:faults` prints it. What is asserted are counts, and times only with
 * bounds that no slow machine reaches.
 */
import { describe, it } from 'vitest';
import { format } from './format.ts';
import { run } from './row.ts';
import { ANSWERS } from './rows-answers.ts';
import { CONNECTIONS } from './rows-connections.ts';
import { PROXY } from './rows-proxy.ts';
import type {} from './table-reporter.ts';
import { requireTools } from './tools.ts';

const LONG_MS = 180_000;

describe('no request is lost', () => {
  for (const row of [...CONNECTIONS, ...ANSWERS, ...PROXY]) {
    it(row.name, { timeout: LONG_MS }, async (context) => {
      requireTools(context, row.needs ?? []);
      context.task.meta.row = format(await run(row));
    });
  }
});
