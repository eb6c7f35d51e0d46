import { isRefusal } from './parsing.ts';
import { compileRegex } from './regex.ts';
import type { ImageWriter } from './image-writer.ts';

/** The DFA records of an image, one per distinct expression. */
export class RegexTables {
  readonly #writer: ImageWriter;
  readonly #indexes = new Map<string, number>();

  constructor(writer: ImageWriter) {
    this.#writer = writer;
  }

  /** Index of the DFA of an expression that the schema has accepted. */
  indexOf(source: string): number {
    const known = this.#indexes.get(source);
    if (known !== undefined) return known;
    const table = compileRegex(source);
    if (isRefusal(table)) throw new Error(`regex ${JSON.stringify(source)}: ${table.refused}`);
    const transitionStart = this.#writer.u16.length;
    this.#writer.u16.append(table.transitions);
    const index = this.#writer.add('DFA', {
      stateCount: table.stateCount,
      classCount: table.classCount,
      classOffset: this.#writer.blob(table.classes).offset,
      transitionStart,
      startState: table.startState,
      acceptOffset: this.#writer.blob(table.accept).offset,
    });
    this.#indexes.set(source, index);
    return index;
  }
}
