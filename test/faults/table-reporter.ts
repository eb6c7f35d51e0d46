/** Prints the rows of the table while they are measured, and what failed behind it. */
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { HEADER } from './format.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** A line of the table of faults. */
    row?: string;
    /** A line behind it. */
    figure?: string;
  }
}

export default class TableReporter implements Reporter {
  readonly #lines: string[] = [];
  #failed = 0;
  #begun = false;

  onTestCaseResult(test: TestCase): void {
    const { row, figure } = test.meta();
    const result = test.result();
    if (row !== undefined) {
      if (!this.#begun) process.stdout.write(`${HEADER}\n`);
      this.#begun = true;
      process.stdout.write(`${row}\n`);
    }
    if (figure !== undefined) this.#lines.push(figure);
    if (result.state === 'skipped' && result.note !== undefined) this.#lines.push(`skipped: ${test.fullName}: ${result.note}`);
    if (result.state === 'failed') this.#fail(test.fullName, result.errors);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    for (const module of modules) if (module.errors().length > 0) this.#fail(module.moduleId, module.errors());
    if (unhandled.length > 0) this.#fail('outside of a test', unhandled);
    process.stdout.write(`\n${[...this.#lines, `${this.#failed} failed`].join('\n')}\n`);
  }

  #fail(what: string, errors: readonly SerializedError[]): void {
    this.#failed++;
    for (const { message, stack } of errors) this.#lines.push(`FAILED: ${what}: ${message}\n${stack ?? ''}`);
  }
}
