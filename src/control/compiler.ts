import { Piscina } from 'piscina';
import type { Config } from '../config/types.ts';
import { distPath } from '../core/dist-path.ts';

export interface Compiled {
  image: ArrayBuffer;
  /** Content hash of the image. */
  hash: string;
}

/** The thread goes away when there is nothing to compile. Its start takes longer than most changes, and one change often follows another. */
const IDLE_TIMEOUT_MS = 300_000;

/** Compiles configurations off the main thread, so that the admin endpoint and the timers go on meanwhile. */
export class Compiler {
  readonly #pool: Piscina<Config, Compiled>;

  constructor() {
    this.#pool = new Piscina({
      filename: distPath('control/compile-task'),
      name: 'compileTask',
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_TIMEOUT_MS,
      atomics: 'disabled',
      recordTiming: false,
    });
    // A thread that dies without a task: the next compile starts another one.
    this.#pool.on('error', () => undefined);
  }

  async compile(config: Config): Promise<Compiled> {
    return this.#pool.run(config);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
