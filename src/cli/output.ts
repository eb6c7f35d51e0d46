/** What commands print and how they end. Only this folder decides that the process ends. */
import { ConfigRefused } from '../control/supervisor.ts';
import { StartError, errorMessage, formatProblem } from '../core/errors.ts';

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** An error in lines for the operator: what is wrong, and what to do about it if that is known. Never a stack. */
export function errorLines(error: unknown): string[] {
  const problems = error instanceof ConfigRefused ? error.problems.map(formatProblem) : [];
  const hint = error instanceof StartError && error.hint !== undefined ? ` (${error.hint})` : '';
  return [...problems, `millrace: ${errorMessage(error).replace(/\s*\n\s*/g, ' ')}${hint}`];
}

/** A reader of our output that went away (`millrace check | head`) is no reason to fail. */
export function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
