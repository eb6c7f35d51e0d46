import { StartError, errorMessage, formatProblem, type ConfigProblem } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { LoadResult } from '../config/load.ts';
import type { Config } from '../config/types.ts';
import { FileWatcher, type WatchOptions } from './watch.ts';

export type LoadConfig = (reason: string) => Promise<LoadResult>;

export interface ReloadStatus {
  ok: number;
  failed: number;
  /** Whether the configuration on the disk, as last seen, is the running one. */
  lastReloadSuccess: boolean;
  /** Milliseconds since the epoch; null before the first reload. */
  lastReloadAtMs: number | null;
  /** Why the last reload was refused, one text per problem. */
  lastProblems: string[];
}

export interface ReloaderOptions {
  load: LoadConfig;
  /** Makes a loaded configuration the running one, wholly or not at all: throws when it was refused. */
  apply: (config: Config, reason: string) => Promise<'applied' | 'unchanged'>;
  /** Runs a whole reload, load and apply, when nothing else changes the configuration. Default: at once. */
  serially?: (work: () => Promise<void>) => Promise<void>;
  /** Why a reload was refused. */
  onRefused?: (reason: string, problems: readonly string[]) => void;
  log: Logger;
  clock: Clock;
  watch?: Omit<WatchOptions, 'onChange'>;
}

/** Takes a changed configuration into service; a bad one is refused with its problems in the log, and the last good one goes on. */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watcher: FileWatcher;
  readonly #status: ReloadStatus = { ok: 0, failed: 0, lastReloadSuccess: true, lastReloadAtMs: null, lastProblems: [] };
  #running: Promise<void> | undefined;
  /** A change came in while a reload was running: its files may have been read already. */
  #again: string | undefined;
  #closed = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#watcher = new FileWatcher({ ...options.watch, onChange: () => void this.reload('file change') });
  }

  get status(): Readonly<ReloadStatus> {
    return this.#status;
  }

  /** Starts watching `files`, which were read at `readAtMs`. */
  async start(files: readonly string[], readAtMs: number): Promise<void> {
    await this.#watcher.watch(files, readAtMs);
  }

  /** What is in service by other ways than a reload names other files. */
  async watch(files: readonly string[], readAtMs: number): Promise<void> {
    if (!this.#closed) await this.#watcher.watch(files, readAtMs);
  }

  close(): void {
    this.#closed = true;
    this.#watcher.close();
  }

  /** Reloads now, whatever the files' contents were. Requests during a reload make one more. Never rejects. */
  async reload(reason: string): Promise<void> {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = reason;
      return this.#running;
    }
    this.#running = this.#reloadUntilQuiet(reason);
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  async #reloadUntilQuiet(reason: string): Promise<void> {
    for (let next: string | undefined = reason; next !== undefined && !this.#closed; next = this.#again) {
      this.#again = undefined;
      const asked = next;
      const { serially = (work: () => Promise<void>) => work() } = this.#options;
      await serially(async () => {
        // Requests that came while this one waited are served by it; SIGHUP is the stronger one.
        const now = this.#again === 'SIGHUP' ? 'SIGHUP' : asked;
        this.#again = undefined;
        await this.#reloadOnce(now);
      });
    }
    this.#again = undefined;
  }

  async #reloadOnce(reason: string): Promise<void> {
    const { load, apply, clock, log } = this.#options;
    const readAtMs = clock.wallMs();
    try {
      const result = await load(reason);
      await this.#watcher.watch(result.watch, readAtMs);
      if (this.#closed) return;
      logProblems(log, 'warn', result.warnings);
      if (!result.ok) {
        logProblems(log, 'error', result.problems);
        this.#refused(reason, result.problems.map(formatProblem));
        return;
      }
      const outcome = await apply(result.config, reason);
      this.#status.lastReloadSuccess = true;
      this.#status.lastProblems = [];
      if (outcome === 'unchanged') {
        // Whoever sends SIGHUP waits for an answer; a file that was only touched is not worth a line.
        log[reason === 'SIGHUP' ? 'info' : 'debug']({ reason }, 'configuration unchanged');
        return;
      }
      this.#status.ok++;
      this.#status.lastReloadAtMs = clock.wallMs();
      log.info({ reason, tookMs: Math.round(clock.wallMs() - readAtMs) }, 'configuration reloaded');
    } catch (error) {
      // Anything but a StartError is a defect of ours, so it comes with its stack; the running configuration stays either way.
      if (!(error instanceof StartError)) log.error({ err: error }, 'reload failed');
      const hint = error instanceof StartError && error.hint !== undefined ? ` (${error.hint})` : '';
      const text = `${errorMessage(error)}${hint}`;
      log.error(text);
      this.#refused(reason, [text]);
    }
  }

  #refused(reason: string, problems: string[]): void {
    this.#status.failed++;
    this.#status.lastReloadSuccess = false;
    this.#status.lastReloadAtMs = this.#options.clock.wallMs();
    this.#status.lastProblems = problems;
    this.#options.onRefused?.(reason, problems);
    this.#options.log.error({ reason, problems: problems.length }, 'configuration refused, the last good one goes on');
  }
}

export function logProblems(log: Logger, level: 'warn' | 'error', problems: readonly ConfigProblem[]): void {
  for (const problem of problems) log[level]({ file: problem.file, line: problem.line, column: problem.column, path: problem.path }, formatProblem(problem));
}
