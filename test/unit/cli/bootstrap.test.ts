import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildPlan, contentHash, filesBelow, installedMatchesLock, removeOrphans, unsupportedNode, withLock } from '../../../src/bootstrap.mjs';
import { workDirectory } from './support.ts';

function write(root: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

describe('the Node version', () => {
  it.each([['v20.17.0'], ['20.20.2'], ['v22.9.0'], ['v22.22.0']])('%s will do', (version) => {
    expect(unsupportedNode(version)).toBeUndefined();
  });
  it.each([['v18.20.0'], ['v20.16.0'], ['v21.0.0'], ['v22.8.0'], ['v24.1.0']])('%s is refused in one line', (version) => {
    expect(unsupportedNode(version)).toMatch(/^Millrace needs Node 20 .* or Node 22 .*, but this is Node \d/);
  });
});

describe('a content hash', () => {
  it('changes with contents, names and extra words, not with times', () => {
    const root = workDirectory();
    const hash = (extra: string[] = []): string => contentHash(root, filesBelow(root), extra);
    write(root, { 'a/x.ts': '1', 'b.ts': '2' });
    const first = hash();
    write(root, { 'b.ts': '2' });
    expect(hash()).toBe(first);
    expect(hash(['clang'])).not.toBe(first);
    renameSync(join(root, 'b.ts'), join(root, 'c.ts'));
    const renamed = hash();
    expect(renamed).not.toBe(first);
    write(root, { 'c.ts': '3' });
    expect(hash()).not.toBe(renamed);
  });

  it('tells an absent file from an empty one', () => {
    const root = workDirectory();
    const absent = contentHash(root, [join(root, 'x')]);
    write(root, { x: '' });
    expect(contentHash(root, [join(root, 'x')])).not.toBe(absent);
  });
});

describe('the build plan', () => {
  const LOCK = JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/mac': { version: '1.0.0', optional: true } } });
  const installed = (version: string): string => JSON.stringify({ packages: { 'node_modules/a': { version } } });

  async function stale(root: string): Promise<string[]> {
    const names: string[] = [];
    for (const step of buildPlan(root)) if (await step.stale()) names.push(step.name);
    return names;
  }

  it('wants everything in a fresh clone', async () => {
    const root = workDirectory();
    write(root, { 'package-lock.json': LOCK, 'src/a.ts': '', 'native/a.cc': '', 'binding.gyp': '' });
    expect(await stale(root)).toEqual(['installing packages', 'compiling TypeScript', 'copying the dashboard', 'building the addon']);
  });

  it('takes over packages that someone else installed, if they are the right ones', () => {
    const root = workDirectory();
    write(root, { 'package-lock.json': LOCK });
    expect(installedMatchesLock(root)).toBe(false);
    write(root, { 'node_modules/.package-lock.json': installed('1.0.0') });
    expect(installedMatchesLock(root)).toBe(true);
    write(root, { 'node_modules/.package-lock.json': installed('0.9.0') });
    expect(installedMatchesLock(root)).toBe(false);
  });

  it('removes compiled files whose source is gone, and nothing else', () => {
    const root = workDirectory();
    write(root, { 'src/a.ts': '', 'dist/a.js': '', 'dist/a.d.ts': '', 'dist/a.js.map': '', 'dist/b.js': '', 'dist/x/c.d.ts': '', 'dist/admin/dashboard/page.js': '', 'dist/.stamp': '' });
    removeOrphans(root);
    expect(filesBelow(join(root, 'dist')).map((file) => file.slice(root.length + 1))).toEqual(['dist/.stamp', 'dist/a.d.ts', 'dist/a.js', 'dist/a.js.map', 'dist/admin/dashboard/page.js']);
  });

  it('copies the dashboard when a file of it was changed, added or removed', async () => {
    const root = workDirectory();
    const copy = buildPlan(root).find(({ name }) => name === 'copying the dashboard');
    const there = (): string[] => filesBelow(join(root, 'dist')).map((file: string) => file.slice(root.length + 1)).filter((file: string) => !file.endsWith('.stamp'));
    for (const files of [{ 'src/admin/dashboard/index.html': '1' }, { 'src/admin/dashboard/index.html': '2' }, { 'src/admin/dashboard/page.js': '' }] as Record<string, string>[]) {
      write(root, files);
      expect(await copy?.stale()).toBe(true);
      await copy?.run();
      expect(await copy?.stale()).toBe(false);
    }
    expect(there()).toEqual(['dist/admin/dashboard/index.html', 'dist/admin/dashboard/page.js']);
    rmSync(join(root, 'src/admin/dashboard/page.js'));
    await copy?.run();
    expect(there()).toEqual(['dist/admin/dashboard/index.html']);
  });

  it('prints the header only when it differs', async () => {
    const root = workDirectory();
    write(root, { 'package.json': '{"type":"module"}', 'dist/binding/abi-header.js': 'export const abiHeader = () => "one";', 'native/abi.h': 'one' });
    expect(await stale(root)).not.toContain('printing native/abi.h');
    write(root, { 'dist/binding/abi-header.js': 'export const abiHeader = () => "two";' });
    expect(await stale(root)).toContain('printing native/abi.h');
    rmSync(join(root, 'native'), { recursive: true });
    expect(existsSync(join(root, 'native'))).toBe(false);
    expect(await stale(root)).toContain('printing native/abi.h');
  });
});

describe('the build lock', () => {
  it('lets one build run at a time, and the next one when it ends', async () => {
    const root = workDirectory();
    const order: string[] = [];
    let release = (): void => undefined;
    const first = withLock(root, async () => {
      order.push('first begins');
      await new Promise<void>((resolve) => (release = resolve));
      order.push('first ends');
    });
    let waited: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (waited = () => { resolve(); }));
    const second = withLock(root, () => Promise.resolve(order.push('second')), () => { waited(); });
    await waiting;
    release();
    await Promise.all([first, second]);
    expect(order).toEqual(['first begins', 'first ends', 'second']);
  });

  it('is free again after a build that failed', async () => {
    const root = workDirectory();
    await expect(withLock(root, () => Promise.reject(new Error('no compiler')))).rejects.toThrow('no compiler');
    expect(await withLock(root, () => Promise.resolve('built'))).toBe('built');
  });

  it('of another checkout does not matter', async () => {
    const [a, b] = [workDirectory(), workDirectory()];
    expect(await withLock(a, () => withLock(b, () => Promise.resolve('both')))).toBe('both');
  });
});
