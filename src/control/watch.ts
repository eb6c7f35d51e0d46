import { createHash } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

export interface WatchOptions {
  /** Quiet time after the last event: editors and copy tools write in several steps. */
  debounceMs?: number;
  /** Longest wait while events keep coming. */
  maxWaitMs?: number;
  /** Look at the files this often in any case: network and overlay file systems send no events, and watches get lost. */
  pollMs?: number;
  onChange: () => void;
}

/**
 * Tells when the *content* of any of a set of files changes.
 *
 * Directories are watched, never the files: an atomic rename (editors, configuration tools) and a symlink swap
 * (Kubernetes ConfigMaps: `config.yaml -> ..data/config.yaml`, `..data` is replaced) leave a watch on a file with the old
 * inode. Since an event may be about anything in those directories, it only makes us look: first at the
 * files' stat values, then at their contents.
 */
export class FileWatcher {
  readonly #options: Required<WatchOptions>;
  #files: string[] = [];
  #watchers = new Map<string, FSWatcher>();
  #debounce: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #firstEventMs = 0;
  #statPrint = '';
  #contentPrint = '';
  #closed = false;
  /** Looks run one after the other. */
  #looking: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = { debounceMs: 100, maxWaitMs: 1000, pollMs: 5000, ...options };
  }

  /**
   * Replaces the set of files, which were read by the caller at or after `readAtMs` (milliseconds since the epoch). A file that
   * changed after that moment counts as changed. Resolves when changes from now on are noticed.
   */
  async watch(files: readonly string[], readAtMs: number): Promise<void> {
    const sorted = [...new Set(files.map((file) => resolve(file)))].sort();
    const changed = sorted.join('\0') !== this.#files.join('\0');
    this.#files = sorted;
    await this.#enqueue(async () => {
      await this.#openWatchers();
      // For known files, what the last look saw still holds: a change since then brings an event of its own.
      if (!changed) return;
      this.#statPrint = await statPrint(sorted);
      this.#contentPrint = await contentPrint(sorted);
      if (!(await touchedSince(sorted, readAtMs))) return;
      this.#statPrint = '';
      this.#contentPrint = '';
      this.#event();
    });
    if (this.#poll === undefined && !this.#closed) {
      this.#poll = setInterval(() => void this.#enqueue(() => this.#look()), this.#options.pollMs);
      this.#poll.unref();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#debounce);
    clearInterval(this.#poll);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#looking = this.#looking.then(work).catch(() => undefined);
    return this.#looking;
  }

  #event(): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    if (this.#debounce === undefined) this.#firstEventMs = nowMs;
    clearTimeout(this.#debounce);
    const waitMs = Math.max(0, Math.min(this.#options.debounceMs, this.#firstEventMs + this.#options.maxWaitMs - nowMs));
    this.#debounce = setTimeout(() => {
      this.#debounce = undefined;
      void this.#enqueue(() => this.#look());
    }, waitMs);
    this.#debounce.unref();
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    // Before the files are read: a change right after the read must find its watch in place.
    await this.#openWatchers();
    const stats = await statPrint(this.#files);
    if (stats === this.#statPrint) return;
    this.#statPrint = stats;
    const contents = await contentPrint(this.#files);
    if (contents === this.#contentPrint) return;
    this.#contentPrint = contents;
    this.#changed();
  }

  #changed(): void {
    if (!this.#closed) this.#options.onChange();
  }

  /** Watches every directory on the way from the names to the files, and forgets those that are no longer on it. */
  async #openWatchers(): Promise<void> {
    const wanted = new Set<string>();
    for (const file of this.#files) {
      wanted.add(dirname(file));
      const real = await realpath(file).catch(() => undefined);
      if (real !== undefined) wanted.add(dirname(real));
    }
    if (this.#closed) return;
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#open(directory);
  }

  #open(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (event, name) => {
        // The directory itself was moved or removed: this watch is dead, the next look opens another one.
        if (event === 'rename' && name === basename(directory)) this.#drop(directory);
        this.#event();
      });
      watcher.on('error', () => this.#drop(directory));
      this.#watchers.set(directory, watcher);
    } catch {
      // No such directory, or no watches left (fs.inotify.max_user_watches): the poll goes on.
    }
  }

  #drop(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }
}

async function statPrint(files: readonly string[]): Promise<string> {
  const prints = await Promise.all(
    files.map((file) =>
      stat(file, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(),
        (error: unknown) => errorCode(error),
      ),
    ),
  );
  return prints.join('\n');
}

/** Kernel timestamps advance in steps of a few milliseconds, so they may lag behind the clock by one step. */
const TIMESTAMP_STEP_MS = 10;

async function touchedSince(files: readonly string[], sinceMs: number): Promise<boolean> {
  const times = await Promise.all(files.map((file) => stat(file).then(({ ctimeMs }) => ctimeMs, () => 0)));
  return times.some((ctimeMs) => ctimeMs >= sinceMs - TIMESTAMP_STEP_MS);
}

async function contentPrint(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file).catch((error: unknown) => `unreadable: ${errorCode(error)}`);
    hash.update(createHash('sha256').update(content).digest());
  }
  return hash.digest('hex');
}

const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'error';
