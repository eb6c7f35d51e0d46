/** A command in a pseudo terminal: script(1) makes it, and everything that goes to its screen is kept. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync, readdirSync, readFileSync } from 'node:fs';
import { keep } from './keep.ts';
import { within } from './wait.ts';

const quoted = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

export class Terminal {
  /** Everything, with its escape sequences. */
  output = '';
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  private constructor(command: readonly string[], columns: number, rows: number, env: NodeJS.ProcessEnv) {
    // --return: its exit code is that of the command.
    const line = `stty cols ${columns} rows ${rows}; exec ${command.map(quoted).join(' ')}`;
    this.#child = spawn('script', ['--quiet', '--flush', '--return', '--command', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env } });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.exited = new Promise((resolve) => this.#child.on('close', (code) => resolve(code)));
  }

  static start(command: readonly string[], { columns = 100, rows = 30, env = {} }: { columns?: number; rows?: number; env?: NodeJS.ProcessEnv } = {}): Terminal {
    return keep(new Terminal(command, columns, rows, env));
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** The lines of the last whole picture, without colours. */
  get picture(): string[] {
    const pictures = this.output.split('\x1b[?2026h\x1b[H').slice(1).filter((text) => text.includes('\x1b[?2026l'));
    const last = pictures.at(-1)?.split('\x1b[J\x1b[?2026l')[0] ?? '';
    // A terminal may add a carriage return of its own.
    return last.split(/\r+\n/).map((line) => line.replaceAll('\x1b[K', '').replace(/\x1b\[[0-9;]*m/g, ''));
  }

  get hasColours(): boolean {
    return /\x1b\[[0-9;]+m/.test(this.output);
  }

  /** Of the command, not of script. */
  get pid(): number {
    const stat = (pid: string): string[] => readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find((pid) => {
      try {
        return stat(pid)[1] === String(this.#child.pid);
      } catch {
        return false; // it has ended meanwhile
      }
    });
    if (found === undefined) throw new Error('the command does not run');
    return Number(found);
  }

  resize(columns: number, rows: number): void {
    execFileSync('stty', ['-F', readlinkSync(`/proc/${this.pid}/fd/0`), 'cols', String(columns), 'rows', String(rows)]);
  }

  /** Its end is the end of script, too; told to end itself, script would take its time. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      try {
        process.kill(this.pid, 'SIGKILL');
      } catch {
        this.#child.kill('SIGKILL');
      }
    }
    await within(this.exited, 'the end of the terminal');
  }
}
