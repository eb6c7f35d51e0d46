import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileWatcher } from '../../../src/control/watch.ts';
import { Counter, workDirectory } from './support.ts';

/** Read in the far future: what is on the disk at the beginning is known. */
const KNOWN = Number.MAX_SAFE_INTEGER;

async function watching(files: string[], options: { pollMs?: number; readAtMs?: number } = {}): Promise<{ changes: Counter; watcher: FileWatcher }> {
  const changes = new Counter();
  const watcher = new FileWatcher({ debounceMs: 5, pollMs: options.pollMs ?? 60_000, onChange: changes.hit });
  onTestFinished(() => watcher.close());
  await watcher.watch(files, options.readAtMs ?? KNOWN);
  return { changes, watcher };
}

describe('a watched file', () => {
  it('tells when it is written', async () => {
    const file = join(workDirectory(), 'a.yaml');
    writeFileSync(file, 'one');
    const { changes } = await watching([file]);
    writeFileSync(file, 'two');
    await changes.reached(1);
  });

  it('tells when another file is renamed over it, every time', async () => {
    const directory = workDirectory();
    const file = join(directory, 'a.yaml');
    writeFileSync(file, '0');
    const { changes } = await watching([file]);
    for (const text of ['1', '2', '3']) {
      writeFileSync(join(directory, 'a.yaml.tmp'), text);
      renameSync(join(directory, 'a.yaml.tmp'), file);
      await changes.reached(Number(text));
    }
  });

  it('tells when a link on its way is swapped, as Kubernetes does with a ConfigMap', async () => {
    const directory = workDirectory();
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(directory, version));
      writeFileSync(join(directory, version, 'a.yaml'), version);
    }
    symlinkSync('v1', join(directory, '..data'));
    symlinkSync(join('..data', 'a.yaml'), join(directory, 'a.yaml'));
    const { changes } = await watching([join(directory, 'a.yaml')]);
    symlinkSync('v2', join(directory, '..data_tmp'));
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    await changes.reached(1);
  });

  it('tells when it appears and when it goes', async () => {
    const file = join(workDirectory(), 'late.pem');
    const { changes } = await watching([file]);
    writeFileSync(file, 'here');
    await changes.reached(1);
    rmSync(file);
    await changes.reached(2);
  });

  it('says nothing when the content is the same, or when a neighbour changes', async () => {
    const directory = workDirectory();
    const [file, other, marker] = ['a.yaml', 'other', 'marker'].map((name) => join(directory, name)) as [string, string, string];
    writeFileSync(file, 'one');
    const quiet = await watching([file]);
    writeFileSync(other, 'x');
    writeFileSync(file, 'one');
    // A second watcher of the same directory has seen its change: the events before it were delivered too.
    const second = await watching([marker]);
    writeFileSync(marker, 'x');
    await second.changes.reached(1);
    await quiet.watcher.watch([file], KNOWN); // waits for looks that were under way
    expect(quiet.changes.count).toBe(0);
  });

  it('tells of a change between the reading of the file and the begin of the watch', async () => {
    const file = join(workDirectory(), 'a.yaml');
    writeFileSync(file, 'one');
    const { changes } = await watching([file], { readAtMs: 0 });
    await changes.reached(1);
  });

  it('is found again by the poll after its directory was replaced', async () => {
    const directory = join(workDirectory(), 'etc');
    const file = join(directory, 'a.yaml');
    mkdirSync(directory);
    writeFileSync(file, '0');
    const { changes } = await watching([file], { pollMs: 10 });
    renameSync(directory, `${directory}.old`);
    await changes.reached(1);
    mkdirSync(directory);
    writeFileSync(file, '1');
    await changes.reached(2);
  });
});
