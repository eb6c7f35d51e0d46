import type { ConfigProblem } from '../core/errors.ts';
import type { Report } from './raw.ts';
import type { Finding } from './schema-problems.ts';
import { formatPath, type Source } from './source.ts';

/** Findings with their places in the text. */
export class ProblemList {
  readonly #source: Source;
  readonly #problems: ConfigProblem[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  readonly report: Report = (path, message, hint, part = 'value') => {
    this.#add({ path, part, message, hint });
  };

  get isNotEmpty(): boolean {
    return this.#problems.length > 0;
  }

  addAll(findings: readonly Finding[]): void {
    for (const finding of findings) this.#add(finding);
  }

  /** In the order of the text, as a person goes through it; without positions in the order found. */
  sorted(): ConfigProblem[] {
    return this.#problems.sort((a, b) => a.line - b.line || a.column - b.column);
  }

  #add({ path, part, message, hint }: Finding): void {
    const problem = { file: this.#source.file, ...this.#source.locate(path, part), path: formatPath(path), message };
    this.#problems.push(hint === undefined ? problem : { ...problem, hint });
  }
}
