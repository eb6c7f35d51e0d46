/** One thing that is wrong (or doubtful) in a configuration, placed where a person can find it. */
export interface ConfigProblem {
  /** The file as it was named by the caller. */
  file: string;
  /** 1-based; 0 when the source has no positions (a TypeScript configuration, an unreadable file). */
  line: number;
  /** 1-based; 0 as for `line`. */
  column: number;
  /** Place in the configuration tree, such as `routes.public[0].routes[2].match`; empty for the whole file. */
  path: string;
  /** What is wrong and what was expected. */
  message: string;
  /** What to write instead, when that is known. */
  hint?: string;
}

/** `file:line:column: path: message (hint)`, on one line, in the form that editors and terminals make clickable. */
export function formatProblem(problem: ConfigProblem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${place}: ${path}${problem.message}${hint}`;
}

/** A reason not to start that the operator can act upon: printed as one line, without a stack, then exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

/** Text of anything that was thrown, without its stack. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
