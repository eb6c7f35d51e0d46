import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseOptions } from '../../../bench/compare/options.mjs';
import { build, describeTree, prune, resolveRevision, unpack } from '../../../bench/compare/revision.mjs';
import { conclusion, inWords, summarise, table } from '../../../bench/compare/summary.mjs';
import { temporaryDirectory } from '../../support/millrace.ts';

const PAIRS = 10;
const WORDS = { more: 'slower', less: 'faster' };
const interval = (low: number, high: number, enough = true, n = PAIRS) => ({ n, value: (low + high) / 2, low, high, enough });
/** Both sides drift together; the other figure of each side has a noise of a tenth of a percent. */
const pairsOf = (ratio: number, count = PAIRS) => Array.from({ length: count }, (_, i) => ({ before: { cpuUs: 10 + i, rate: 1e5 / (10 + i), instructions: 60_000 }, after: { cpuUs: (10 + i) * ratio * (1 + Math.sin(i * 3) / 1000), rate: 1e5 / ((10 + i) * ratio), instructions: 60_000 + i } }));

describe('the words of a ratio', () => {
  it.each([
    [interval(1.012, 1.024), 'slower by 1.2 .. 2.4 %'],
    [interval(0.976, 0.988), 'faster by 1.2 .. 2.4 %'],
    [interval(1.1001, 1.1002), 'slower by 10 %'],
    [interval(0.994, 1.009), 'no difference found (between 0.6 % faster and 0.9 % slower)'],
    [interval(1, 1), 'no difference found (between 0.0 % faster and 0.0 % slower)'],
    [interval(1.5, 1.6, false, 5), '5 pairs are too few to tell'],
    [interval(1.5, 1.5, false, 1), '1 pair is too few to tell'],
    [interval(NaN, NaN, false, 0), 'not measured'],
  ])('%o: %s', (ratio, words) => {
    expect(inWords(ratio, WORDS)).toBe(words);
  });
});

describe('the summary', () => {
  it('finds a difference of one percent in rounds whose speed doubles', () => {
    const summary = summarise(pairsOf(1.01));
    const of = (name: string): string | undefined => summary.find((figure) => figure.name === name)?.words;
    expect(of('cpuUs')).toMatch(/^slower by (0\.9|1\.0) \.\. (1\.0|1\.1) %$/);
    expect(of('rate')).toMatch(/^slower by 1\.0 %$/);
    expect(conclusion(summary, 'ours')).toMatch(/^ours: slower by/);
    expect(conclusion(summarise(pairsOf(0.5)), 'ours')).toMatch(/^ours: faster by 50 %|^ours: faster by 50 \.\. 50 %/);
  });

  it('says what the instructions were where time does not tell', () => {
    const summary = summarise(pairsOf(1).map((pair, i) => ({ ...pair, after: { ...pair.after, cpuUs: pair.before.cpuUs * (i % 2 === 0 ? 1.1 : 0.9), instructions: 61_800 } })));
    expect(conclusion(summary, 'ours')).toMatch(/^ours: no difference found .*; instructions: more by 3\.0 %$/);
  });

  it('leaves out what was not measured', () => {
    const summary = summarise(pairsOf(1.2).map(({ before, after }) => ({ before: { cpuUs: before.cpuUs }, after: { cpuUs: after.cpuUs } })));
    expect(summary.map(({ name }) => name)).toEqual(['cpuUs']);
    expect(conclusion(summarise([]), 'ours')).toBe('nothing was measured');
  });

  it('is a table with a row per figure, its columns under each other', () => {
    const lines = table(summarise(pairsOf(1.2)), { before: 'abc123', after: 'working tree' }).split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain('abc123  working tree  ratio (95 % interval)');
    expect(lines[1]).toMatch(/^CPU per request, us +14\.50 +17\.\d\d +1\.200 \(1\.1\d\d \.\. 1\.20\d\) +slower by 20 %$/);
    expect(table(summarise(pairsOf(1.2, 3)), { before: 'a', after: 'b' })).toContain('3 pairs are too few to tell');
  });
});

describe('the command line', () => {
  it('takes a revision or a tree', () => {
    expect(parseOptions(['HEAD~3'])).toMatchObject({ revision: 'HEAD~3', scenario: 'plain', pairs: 10, seconds: 2, warmup: 1 });
    expect(parseOptions(['--tree', '../other', '--scenario', 'tls', '--pairs', '6'])).toMatchObject({ tree: '../other', scenario: 'tls', pairs: 6 });
    expect(parseOptions(['--help'])).toEqual({ help: true });
  });

  it.each([
    [[], 'a revision or --tree DIR is wanted'],
    [['a', 'b'], 'one revision is wanted, not 2'],
    [['a', '--tree', 'b'], 'and not both'],
    [['a', '--pairs', '0'], '--pairs 0: expected a number from 1 to 1000'],
    [['a', '--pairs', '2.5'], '--pairs 2.5: expected a whole number'],
    [['a', '--seconds', 'x'], '--seconds x: expected a number'],
    [['a', '--scenario', 'constructor'], '--scenario constructor: there are plain, browser, connection, tls'],
    [['a', '--fast'], "Unknown option '--fast'"],
  ])('refuses %o', (argv, expected) => {
    expect(() => parseOptions(argv)).toThrow(expected);
  });
});

describe('a revision', () => {
  let root: string;
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { encoding: 'utf8' }).trim();
  const write = (name: string, text: string): void => {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  /** Builds "dist" as the real one does, and leaves its stamp among the packages. */
  const BOOTSTRAP = "import { mkdirSync, writeFileSync } from 'node:fs'; mkdirSync('dist/cli', { recursive: true }); writeFileSync('dist/cli/main.js', ''); writeFileSync('node_modules/.millrace-stamp', 'theirs');";

  beforeEach(() => {
    root = temporaryDirectory();
    git('init', '-q');
    write('.gitignore', 'node_modules/\nbuild/\ndist/\n');
    write('src/bootstrap.mjs', BOOTSTRAP);
    write('text', 'first');
    git('add', '.');
    git('commit', '-qm', 'subject of the first');
    write('node_modules/a/index.js', 'package');
    write('node_modules/.millrace-stamp', 'ours');
  });

  it('is unpacked as it was committed, beside a working tree that stays as it is', async () => {
    const first = resolveRevision(root, 'HEAD');
    expect(first.subject).toBe('subject of the first');
    write('text', 'changed');
    expect(describeTree(root)).toMatchObject({ commit: first.commit, changed: true });
    const tree = unpack(root, first.commit);
    expect(readFileSync(join(tree, 'text'), 'utf8')).toBe('first');
    expect(statSync(join(tree, 'node_modules/a/index.js')).ino).toBe(statSync(join(root, 'node_modules/a/index.js')).ino);
    await build(tree);
    expect(readFileSync(join(root, 'node_modules/.millrace-stamp'), 'utf8')).toBe('ours');
    expect(git('status', '--porcelain')).toBe('M text');
    expect(git('worktree', 'list').split('\n')).toHaveLength(1);
    expect(readdirSync(join(root, 'build/compare'))).toEqual([tree.slice(tree.lastIndexOf('/') + 1)]);
  });

  it('is unpacked once', () => {
    const { commit } = resolveRevision(root, 'HEAD');
    const tree = unpack(root, commit);
    writeFileSync(join(tree, 'built'), '');
    expect(unpack(root, commit)).toBe(tree);
    expect(existsSync(join(tree, 'built'))).toBe(true);
  });

  it('that does not exist is refused by name, whatever it looks like', () => {
    for (const name of ['nothing-like-that', '--all', '', 'HEAD:text']) expect(() => resolveRevision(root, name)).toThrow(`there is no revision ${JSON.stringify(name)}`);
  });

  it('that cannot be built is an error', async () => {
    write('src/bootstrap.mjs', 'process.exit(3)');
    git('commit', '-qam', 'broken');
    await expect(build(unpack(root, resolveRevision(root, 'HEAD').commit))).rejects.toThrow('ended with code 3');
    git('rm', '-q', 'src/bootstrap.mjs');
    git('commit', '-qm', 'none');
    await expect(build(unpack(root, resolveRevision(root, 'HEAD').commit))).rejects.toThrow('has no src/bootstrap.mjs');
  });

  it('that was not used for the longest time is deleted first', () => {
    const trees = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc', 'other'].map((name, i) => {
      const tree = join(root, 'build/compare', name);
      mkdirSync(tree, { recursive: true });
      utimesSync(tree, 1_000 + i, 1_000 + i);
      return tree;
    });
    expect(prune(root, 1)).toEqual([trees[1], trees[0]]);
    expect(readdirSync(join(root, 'build/compare'))).toEqual(['cccccccccccc', 'other']);
  });
});
