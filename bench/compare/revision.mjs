/**
 * A revision as a built tree beside the working tree: build/compare/<commit>, unpacked from git (so neither the working tree nor
 * git's list of work trees is touched), with hard links to the installed packages where the lock file is the same, and built by
 * its own src/bootstrap.mjs. The tree is kept for the next comparison.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

/** Older ones are deleted. */
export const KEPT_TREES = 5;
const NAME_DIGITS = 12;

export class RevisionError extends Error {}

const git = (root, ...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

/** @param {string} root of the checkout @param {string} name as git understands it @returns {{ commit: string, short: string, subject: string }} */
export function resolveRevision(root, name) {
  let commit;
  try {
    commit = git(root, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
  } catch (error) {
    throw new RevisionError(error.code === 'ENOENT' ? 'git is not on the PATH' : `there is no revision ${JSON.stringify(name)} in ${root}`);
  }
  return { commit, short: git(root, 'rev-parse', '--short', commit), subject: git(root, 'log', '-1', '--format=%s', commit) };
}

/** What the working tree is: its commit, and whether something in it is not committed. */
export function describeTree(root) {
  try {
    return { commit: git(root, 'rev-parse', 'HEAD'), short: git(root, 'rev-parse', '--short', 'HEAD'), changed: git(root, 'status', '--porcelain', '--untracked-files=no') !== '' };
  } catch {
    return { commit: '', short: 'no git', changed: false }; // a checkout that was copied
  }
}

const treesOf = (root) => join(root, 'build/compare');

/** Packages as hard links: no room, no time. The stamp says whose they are, and writing into the link would write into the original. */
function linkPackages(root, directory) {
  const packages = join(root, 'node_modules');
  if (!existsSync(packages)) return;
  const target = join(directory, 'node_modules');
  if (spawnSync('cp', ['-al', realpathSync(packages), target], { stdio: 'ignore' }).status !== 0) rmSync(target, { recursive: true, force: true });
  rmSync(join(target, '.millrace-stamp'), { force: true });
}

/** Unpacks a commit, once; another process may do the same at the same time. @returns {string} the directory */
export function unpack(root, commit) {
  const directory = join(treesOf(root), commit.slice(0, NAME_DIGITS));
  if (!existsSync(directory)) {
    const fresh = `${directory}.new-${process.pid}`;
    try {
      mkdirSync(fresh, { recursive: true });
      execFileSync('sh', ['-c', 'git -C "$1" archive "$2" | tar -x -C "$3"', 'sh', root, commit, fresh], { stdio: ['ignore', 'ignore', 'pipe'] });
      linkPackages(root, fresh);
      renameSync(fresh, directory);
    } catch (error) {
      if (!existsSync(directory)) throw error;
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  const now = new Date();
  utimesSync(directory, now, now);
  return directory;
}

/** Deletes all but the trees that were used last. @returns {string[]} what was deleted */
export function prune(root, keep = KEPT_TREES) {
  const trees = existsSync(treesOf(root)) ? readdirSync(treesOf(root)).filter((name) => /^[0-9a-f]+$/.test(name)).map((name) => join(treesOf(root), name)) : [];
  const old = trees.map((directory) => ({ directory, usedMs: statSync(directory).mtimeMs })).sort((a, b) => b.usedMs - a.usedMs).slice(keep);
  for (const { directory } of old) rmSync(directory, { recursive: true, force: true });
  return old.map(({ directory }) => directory);
}

/** With ccache on the PATH, what was compiled for one kept tree is not compiled again for another. */
function cachingEnvironment() {
  if (process.env.CXX !== undefined || spawnSync('ccache', ['--version'], { stdio: 'ignore' }).status !== 0) return process.env;
  return { ...process.env, CXX: 'ccache g++' };
}

/**
 * Brings a tree up to date by its own means; says nothing when nothing is to do.
 * @param {string} directory @param {{ caching?: boolean }} [options] `caching` only for trees of ours: another compiler command makes a build stale
 */
export async function build(directory, { caching = false } = {}) {
  const script = join(directory, 'src/bootstrap.mjs');
  if (!existsSync(script)) throw new RevisionError(`${directory} has no src/bootstrap.mjs, so this program does not know how to build it`);
  const child = spawn(process.execPath, [script], { cwd: directory, env: caching ? cachingEnvironment() : process.env, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const end = () => child.exitCode === null && child.signalCode === null && process.kill(-child.pid, 'SIGKILL');
  process.once('exit', end); // Ctrl-C: it and the compilers that it started
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', (status, killed) => resolve(killed ?? status)));
  process.off('exit', end);
  if (code !== 0) throw new RevisionError(`building ${directory} ended with ${typeof code === 'number' ? `code ${code}` : code}`);
  if (!existsSync(join(directory, 'dist/cli/main.js'))) throw new RevisionError(`${directory} has no dist/cli/main.js after building: it is older than the program "millrace run"`);
}
