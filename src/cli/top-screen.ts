/**
 * The terminal while a picture is on it: the other screen, no cursor, keys one by one. What was there before is put back when it is
 * left, however that happens: by a key, a signal, an error, or a stop (Ctrl-Z).
 */
import { writeSync } from 'node:fs';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** The terminal shows a picture when it is complete, if it knows how to. */
const BEGIN = '\x1b[?2026h\x1b[H';
const END = '\x1b[J\x1b[?2026l';

export type Key = 'quit' | 'stop' | 'next' | 'previous' | 'up' | 'down' | 'pageUp' | 'pageDown' | 'top' | 'pause' | '1' | '2' | '3' | '4';

const KEYS: Readonly<Record<string, Key>> = {
  q: 'quit', Q: 'quit', '\x03': 'quit', '\x1b': 'quit', '\x1a': 'stop',
  '\t': 'next', '\x1b[C': 'next', '\x1bOC': 'next', l: 'next',
  '\x1b[Z': 'previous', '\x1b[D': 'previous', '\x1bOD': 'previous', h: 'previous',
  '\x1b[A': 'up', '\x1bOA': 'up', k: 'up', '\x1b[B': 'down', '\x1bOB': 'down', j: 'down',
  '\x1b[5~': 'pageUp', '\x1b[6~': 'pageDown', '\x1b[H': 'top', g: 'top', ' ': 'pause', p: 'pause',
  1: '1', 2: '2', 3: '3', 4: '4',
};

export class Screen {
  readonly #onKey: (key: Key) => void;
  readonly #onRedraw: () => void;
  #entered = false;

  /** `onRedraw`: the window has another size, or the screen was lost. */
  constructor(onKey: (key: Key) => void, onRedraw: () => void) {
    this.#onKey = onKey;
    this.#onRedraw = onRedraw;
    process.on('exit', this.#leave);
    process.on('SIGCONT', this.#again);
    process.stdout.on('resize', onRedraw);
    if (process.stdin.isTTY) process.stdin.setEncoding('utf8').on('data', this.#read).on('end', () => onKey('quit'));
    this.#enter();
  }

  /** The last column stays free: what erases the rest of a line would erase a character that stands there. */
  get size(): { width: number; height: number } {
    return { width: (process.stdout.columns || 80) - 1, height: process.stdout.rows || 24 };
  }

  draw(lines: readonly string[]): void {
    if (this.#entered) process.stdout.write(`${BEGIN}${lines.map((line) => `${line}\x1b[K`).join('\r\n')}${END}`);
  }

  close(): void {
    this.#leave();
    process.off('exit', this.#leave);
    process.off('SIGCONT', this.#again);
    process.stdout.off('resize', this.#onRedraw);
    if (process.stdin.isTTY) process.stdin.removeAllListeners('data').removeAllListeners('end').pause();
  }

  /** Gives the terminal back to the shell until it says go on. */
  stop(): void {
    this.#leave();
    process.kill(process.pid, 'SIGTSTP');
  }

  #enter(): void {
    this.#entered = true;
    if (process.stdin.isTTY) process.stdin.setRawMode(true).resume();
    process.stdout.write(ENTER);
  }

  /** At once: it is the last thing that a process may do. */
  readonly #leave = (): void => {
    if (!this.#entered) return;
    this.#entered = false;
    try {
      if (process.stdin.isTTY) process.stdin.setRawMode(false);
      writeSync(1, LEAVE);
    } catch {
      // The terminal is gone: there is nothing to put back.
    }
  };

  readonly #again = (): void => {
    if (!this.#entered) this.#enter();
    this.#onRedraw();
  };

  readonly #read = (text: string): void => {
    // Keys that were pressed quickly come together: escape sequences, or single characters.
    for (const [sequence] of text.matchAll(/\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|[^]/g)) {
      const key = KEYS[sequence];
      if (key !== undefined) this.#onKey(key);
    }
  };
}
