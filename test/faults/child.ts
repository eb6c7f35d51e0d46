/** Scripts of this directory as child processes that are talked to over IPC; none outlives the test. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { within } from '../support/wait.ts';

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL'); // a stopped process dies of it, too
});

export class Child<Message> {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  #waiting: { matches: (message: Message) => boolean; resolve: (message: Message) => void }[] = [];
  #stderr = '';

  constructor(script: string, args: readonly string[], onMessage: (message: Message) => void = () => undefined) {
    this.process = fork(join(import.meta.dirname, script), args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced', execArgv: [] });
    children.add(this.process);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.exited = new Promise((resolve) => this.process.once('exit', () => {
      children.delete(this.process);
      resolve();
    }));
    this.process.on('message', (message) => {
      onMessage(message as Message);
      const found = this.#waiting.findIndex(({ matches }) => matches(message as Message));
      if (found >= 0) this.#waiting.splice(found, 1)[0]?.resolve(message as Message);
    });
    this.process.on('error', () => undefined);
  }

  tell(message: object): void {
    this.process.send(message);
  }

  /** The next message that matches. */
  next(matches: (message: Message) => boolean, what: string, limitMs?: number): Promise<Message> {
    const message = new Promise<Message>((resolve) => this.#waiting.push({ matches, resolve }));
    const died = this.exited.then(() => {
      throw new Error(`${what}: the process ended\n${this.#stderr}`);
    });
    died.catch(() => undefined);
    return within(Promise.race([message, died]), () => `${what}\n${this.#stderr}`, limitMs);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    await within(this.exited, `the end of ${this.process.spawnfile}`);
  }
}
