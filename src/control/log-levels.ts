import type { LogLevel } from '../config/types.ts';
import type { Logger } from '../core/logger.ts';

/** The level in force, and where. */
export interface LogLevelStatus {
  level: LogLevel;
  /** What the configuration says. */
  configured: LogLevel;
  /** Workers that follow, and those that could not be told: they were being replaced, and come back with the level in force. */
  workers: { index: number; told: boolean }[];
}

/**
 * One log level for the main thread and for all workers. What an operator sets goes on until the configuration names another level
 * than it did then; a reload that has nothing to say about it changes nothing.
 */
export class LogLevels {
  readonly #log: Logger;
  /** Sends a level to every worker; each answer says whether it arrived. */
  readonly #tellWorkers: (level: LogLevel) => Promise<LogLevelStatus['workers']>;
  #configured: LogLevel | null = null;
  #level: LogLevel = 'info';

  constructor(log: Logger, tellWorkers: (level: LogLevel) => Promise<LogLevelStatus['workers']>) {
    this.#log = log;
    this.#tellWorkers = tellWorkers;
  }

  get level(): LogLevel {
    return this.#level;
  }

  get configured(): LogLevel {
    return this.#configured ?? this.#level;
  }

  /** A configuration came into service. */
  configure(level: LogLevel): void {
    if (level === this.#configured) return;
    const dropped = this.#configured !== null && this.#level !== this.#configured ? this.#level : null;
    this.#configured = level;
    void this.#apply(level);
    if (dropped !== null) this.#log.warn({ logLevel: level, dropped }, 'the log level of the configuration takes the place of the one that was set');
  }

  /** Resolves when every worker that runs has it. */
  async set(level: LogLevel): Promise<LogLevelStatus> {
    const workers = await this.#apply(level);
    return { level, configured: this.configured, workers };
  }

  /** `tellWorkers` never rejects. */
  #apply(level: LogLevel): Promise<LogLevelStatus['workers']> {
    this.#level = level;
    this.#log.level = level;
    return this.#tellWorkers(level);
  }
}
