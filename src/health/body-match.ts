import { compileRegex, type RegexTable } from '../config/regex.ts';
import { isRefusal } from '../config/parsing.ts';
import type { BodyMatchConfig } from '../config/types-failover.ts';

/** Looks for something in bytes that come piece by piece. */
export interface Match {
  /** True as soon as nothing that follows can change it. */
  feed(piece: Uint8Array): boolean;
  /** Whether what came matches as a whole. */
  end(): boolean;
}

/** A block of bytes, anywhere. */
export class Contains implements Match {
  readonly #block: Buffer;
  /** The end of what came, one byte shorter than the block. */
  #tail: Buffer = Buffer.alloc(0);
  #found: boolean;

  constructor(block: Uint8Array) {
    this.#block = Buffer.from(block);
    this.#found = block.length === 0;
  }

  feed(piece: Uint8Array): boolean {
    if (this.#found) return true;
    const bytes = Buffer.concat([this.#tail, piece]);
    this.#found = bytes.includes(this.#block);
    this.#tail = bytes.subarray(Math.max(0, bytes.length - this.#block.length + 1));
    return this.#found;
  }

  end(): boolean {
    return this.#found;
  }
}

/** The whole of it, in time that grows with its length only: the endpoint chooses the text. */
class Whole implements Match {
  readonly #table: RegexTable;
  #state: number;

  constructor(table: RegexTable) {
    this.#table = table;
    this.#state = table.startState;
  }

  feed(piece: Uint8Array): boolean {
    const { transitions, classes, classCount } = this.#table;
    let state = this.#state;
    for (const byte of piece) {
      if (state === 0) break;
      state = transitions[state * classCount + (classes[byte] ?? 0)] ?? 0;
    }
    this.#state = state;
    return state === 0;
  }

  end(): boolean {
    return this.#table.accept[this.#state] === 1;
  }
}

/** Makes a Match for every answer, and words for what it wants. */
export function bodyMatcher({ kind, value }: BodyMatchConfig): { make: () => Match; wants: string; whole: boolean } {
  if (kind === 'contains') {
    const block = Buffer.from(value);
    return { make: () => new Contains(block), wants: `contain ${JSON.stringify(value)}`, whole: false };
  }
  const table = compileRegex(value);
  // The configuration was checked with the same function.
  if (isRefusal(table)) throw new Error(`regex of a health check: ${table.refused}`);
  return { make: () => new Whole(table), wants: `match /${value}/`, whole: true };
}
