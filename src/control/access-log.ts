import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { LOG_NOTICE, LOG_STATS } from '../binding/abi.ts';
import type { NativeLogNotice } from '../binding/native.ts';
import type { AccessLogConfig } from '../config/types.ts';
import { StartError, errorMessage } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { within } from './deadline.ts';
import type { Engine } from './engine.ts';

/** A disk or a pipe may hang: nobody waits longer than this for it. */
const REOPEN_LIMIT_MS = 2_000;
const STOP_LIMIT_MS = 5_000;
const STOP_ANSWER_MS = 500;

export type LogStats = Record<(typeof LOG_STATS)[number], number> & { sink: string };

/** What the admin endpoint may see and do of the access log. */
export interface AccessLogView {
  stats(): LogStats[];
  /** Bytes of records that wait for the writer. */
  waitingBytes(): number;
  /** Opens files by their names again; null when that takes longer than two seconds: it goes on. */
  reopen(): Promise<{ failed: { path: string; error: string }[] } | null>;
}

type LogEngine = Pick<Engine, 'onAccessLog' | 'takeAccessLogNotices' | 'reopenAccessLog' | 'accessLogReopened' | 'stopAccessLog' | 'accessLogStopped' | 'accessLogStats' | 'accessLogWaiting'>;

/**
 * The control plane's part of the access log. Lines are made and written by a thread of the engine; what it has to say about
 * its files comes here, to the log.
 */
export class AccessLogControl implements AccessLogView {
  readonly #engine: LogEngine;
  readonly #log: Logger;
  readonly #waiting = new Set<() => void>();
  #endWatch: (() => void) | undefined;

  constructor(engine: LogEngine, log: Logger) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Before an image with sinks is installed: the first notices may come at once. */
  start(): void {
    this.#endWatch ??= this.#engine.onAccessLog(() => this.#news());
  }

  /** Throws a StartError when a sink of `wanted` that is not in `known` cannot be written to, and says what would help. */
  async check(wanted: readonly AccessLogConfig[], known: readonly AccessLogConfig[] = []): Promise<void> {
    for (const { target, path } of wanted) {
      if (target === 'file' && !known.some((sink) => sink.path === path)) await checkFile(path);
    }
  }

  stats(): LogStats[] {
    return this.#engine.accessLogStats().map(({ sink, values }) => ({
      sink,
      ...(Object.fromEntries(LOG_STATS.map((name, i) => [name, values[i] ?? 0])) as Record<(typeof LOG_STATS)[number], number>),
    }));
  }

  waitingBytes(): number {
    return this.#engine.accessLogWaiting();
  }

  async reopen(): Promise<{ failed: { path: string; error: string }[] } | null> {
    const ticket = this.#engine.reopenAccessLog();
    const failures = await this.#until(() => this.#engine.accessLogReopened(ticket), REOPEN_LIMIT_MS);
    if (failures === undefined) {
      this.#log.warn('the files of the access log are not open again yet: a sink hangs');
      return null;
    }
    for (const { sink, errno } of failures) this.#log.error({ sink, error: errnoName(errno) }, `access log ${sink}: cannot be opened again: ${reasonOf(errno)}; the file that was open stays in use`);
    if (failures.length === 0) this.#log.info('access log reopened');
    return { failed: failures.map(({ sink, errno }) => ({ path: sink, error: reasonOf(errno) })) };
  }

  /** After the workers have ended: all that they pushed is written, if the sinks take it within five seconds. */
  async close(): Promise<void> {
    this.#engine.stopAccessLog(STOP_LIMIT_MS);
    const ended = await this.#until(() => (this.#engine.accessLogStopped() ? true : undefined), STOP_LIMIT_MS + STOP_ANSWER_MS);
    if (ended === undefined) this.#log.error('the access log was not written to its end: a sink hangs');
    this.#news();
    this.#endWatch?.();
    this.#endWatch = undefined;
  }

  /** What `done` gives once it gives anything; the engine wakes us when that may be. */
  async #until<T>(done: () => T | undefined, limitMs: number): Promise<T | undefined> {
    let result = done();
    if (result !== undefined) return result;
    let check: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      check = () => {
        result ??= done();
        if (result !== undefined) resolve();
      };
      this.#waiting.add(check);
      check();
    });
    await within(finished, limitMs, undefined);
    this.#waiting.delete(check);
    return result;
  }

  #news(): void {
    for (const notice of this.#engine.takeAccessLogNotices()) this.#note(notice);
    for (const check of this.#waiting) check();
  }

  #note({ kind, sink, errno, lines }: NativeLogNotice): void {
    const lost = lines === 0 ? 'no line was lost' : `${lines} ${lines === 1 ? 'line was' : 'lines were'} lost`;
    switch (kind) {
      case LOG_NOTICE.failed:
        this.#log.error({ sink, error: errnoName(errno) }, `access log ${sink}: ${reasonOf(errno)}; its lines wait, and get lost when they are too many`);
        break;
      case LOG_NOTICE.recovered:
        this.#log.info({ sink, lines }, `access log ${sink}: written again, ${lost}`);
        break;
      case LOG_NOTICE.abandoned:
        this.#log.error({ sink, lines, ...(errno === 0 ? {} : { error: errnoName(errno) }) }, `access log ${sink}: given up with ${lines} lines that could not be written${errno === 0 ? '' : `: ${reasonOf(errno)}`}`);
        break;
    }
  }
}

/** As the engine will open it, but that nothing is made yet: this may be a rehearsal. O_NONBLOCK: a named pipe has its reader later. */
async function tryFile(path: string): Promise<void> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await access(dirname(path), constants.W_OK | constants.X_OK);
  }
}

async function checkFile(path: string): Promise<void> {
  try {
    await tryFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const directory = dirname(path);
    switch (code) {
      case 'ENXIO': // a named pipe that nobody reads yet
      case 'ENOSPC':
      case 'EDQUOT': // survived later, too
        return;
      case 'ENOENT':
        throw new StartError(`access log ${path}: there is no directory ${directory}`, `make it: mkdir -p ${directory}`, { cause: error });
      case 'ENOTDIR':
        throw new StartError(`access log ${path}: ${directory} is not a directory`, undefined, { cause: error });
      case 'EACCES':
      case 'EPERM':
        throw new StartError(`access log ${path}: no permission to write there`, `see who may: ls -ld ${directory}`, { cause: error });
      case 'EROFS':
        throw new StartError(`access log ${path}: the file system is read-only`, 'choose another path, or stdout', { cause: error });
      case 'EISDIR':
        throw new StartError(`access log ${path}: it is a directory`, 'name a file in it', { cause: error });
      default:
        throw new StartError(`access log ${path}: ${errorMessage(error)}`, undefined, { cause: error });
    }
  }
}

function errnoName(errno: number): string {
  return errno === 0 ? 'none' : getSystemErrorName(-errno);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the quota of its disk is used up',
  EFBIG: 'the file has the largest size that is allowed',
  EIO: 'the device fails (input/output error)',
  EROFS: 'the file system is read-only',
  EPIPE: 'its reader has gone away',
  ENXIO: 'nobody reads that pipe',
  EAGAIN: 'its reader does not keep up',
  ENOENT: 'its directory is not there',
  EACCES: 'no permission to write there',
  EISDIR: 'it is a directory',
  EMFILE: 'too many open files',
};

function reasonOf(errno: number): string {
  const name = errnoName(errno);
  return REASONS[name] ?? `error ${name}`;
}
