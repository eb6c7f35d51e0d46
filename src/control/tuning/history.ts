import type { ConfigDocument, LoadedInputs } from '../../config/load.ts';
import type { Override } from './overrides.ts';

/** What makes a running configuration: enough to make it once more. */
export interface RunningDocument {
  /** What overrides are written into. */
  base: ConfigDocument;
  /** The files as they were read, and the names as they were resolved. */
  inputs: LoadedInputs;
  overrides: readonly Override[];
  /** `base` with the overrides. */
  value: unknown;
}

export interface HistoryEntry {
  version: number;
  atMs: number;
  who: string;
  what: string;
  hash: string;
  running: RunningDocument;
}

export const REMEMBERED_VERSIONS = 20;
/** Of all documents together, as text; what PATCHes made shares its document with what was there before. */
const MOST_DOCUMENT_CHARS = 64 * 1024 * 1024;

/** The configurations that were in service, the running one last. */
export class History {
  #entries: HistoryEntry[] = [];

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  get running(): HistoryEntry | undefined {
    return this.#entries.at(-1);
  }

  get previous(): HistoryEntry | undefined {
    return this.#entries.at(-2);
  }

  find(version: number): HistoryEntry | undefined {
    return this.#entries.find((entry) => entry.version === version);
  }

  add(entry: HistoryEntry): void {
    this.#entries.push(entry);
    this.#entries = this.#entries.slice(-REMEMBERED_VERSIONS);
    // The one before must stay, whatever its size is: it is what a rollback leads to.
    while (this.#entries.length > 2 && charsOf(this.#entries) > MOST_DOCUMENT_CHARS) this.#entries.shift();
  }

  /** The running one is the same with another document behind it: a file whose comments changed. */
  replaceRunning(running: RunningDocument, version: number): void {
    const last = this.#entries.pop();
    if (last !== undefined) this.#entries.push({ ...last, running, version });
  }
}

function charsOf(entries: readonly HistoryEntry[]): number {
  const documents = new Set(entries.map(({ running }) => running.base));
  return [...documents].reduce((sum, { text }) => sum + (text?.length ?? 0), 0);
}
