#!/usr/bin/env node
/**
 * Makes a checkout runnable: installs the packages, compiles the TypeScript, prints native/abi.h and builds the
 * addon, each only when its inputs changed. Plain Node without dependencies, since it runs before there are any.
 *
 * Every product carries a stamp inside itself (node_modules, dist, build), so that deleting the product deletes
 * the stamp too. A stamp is a hash over the contents of the inputs: switching branches back and forth with
 * unchanged contents builds nothing.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MIN_MINOR = { 20: 17, 22: 9 };
/** Served as they are: pages, styles and scripts without a build step of their own. */
const DASHBOARD = 'admin/dashboard';
const LOCK_HELD = 'another build of this checkout is running, waiting for it';

class StepError extends Error {
  constructor(message, output, need) {
    super(message);
    this.output = output;
    this.need = need;
  }
}

/** The reason why this Node cannot be used, or undefined. */
export function unsupportedNode(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  const needed = MIN_MINOR[major];
  if (needed === undefined || minor < needed) return `Millrace needs Node 20 (from 20.17) or Node 22 (from 22.9), but this is Node ${version.replace(/^v/, '')}`;
  return undefined;
}

/** Every file below `directory` that `accept` takes, sorted; an absent directory has none. */
export function filesBelow(directory, accept = () => true) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter(accept)
    .sort();
}

/** One hash over names and contents of `files` (absent ones count as such) and over `extra`. */
export function contentHash(root, files, extra = []) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of files) {
    hash.update(`${relative(root, file)}\0`);
    hash.update(existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest() : '-');
  }
  return hash.digest('hex');
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}

function writeStamp(file, hash) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${hash}\n`);
}

/** True when every package that the lock file wants here is installed in that version, whoever installed it. */
export function installedMatchesLock(root) {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const listener = `node_modules/@uwsjs/${process.platform}-${process.arch}-${process.versions.node.split('.')[0]}`;
  if (want[listener] !== undefined && have[listener] === undefined) return false;
  return Object.entries(want).every(([path, entry]) => path === '' || entry.optional || entry.peer || have[path]?.version === entry.version);
}

/** What is built, from what, in order. `stale` compares hashes only; `run` does the work. */
export function buildPlan(root) {
  const at = (path) => join(root, path);
  const bin = (name) => at(`node_modules/.bin/${name}`);
  const lockHash = () => contentHash(root, [at('package-lock.json')]);
  const isSource = (file) => /\.(ts|mts|cts)$/.test(file);
  // The Node version too: the listener's package has a build per Node major, and npm installs the one that fits.
  const installHash = () => contentHash(root, [], [lockHash(), process.versions.node.split('.')[0]]);
  const sourceHash = () => contentHash(root, [at('tsconfig.json'), ...filesBelow(at('src'), isSource)], [lockHash()]);
  const dashboardHash = () => contentHash(root, filesBelow(at(`src/${DASHBOARD}`)));
  const nativeInputs = () => filesBelow(at('native'), (file) => /\.(h|cc|c|gypi)$/.test(file));
  // Not the Node version: the addon uses Node-API only, so one build serves every supported Node.
  const nativeHash = () => contentHash(root, [at('binding.gyp'), ...nativeInputs()], [process.platform, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? '']);
  const stamps = { install: at('node_modules/.millrace-stamp'), compile: at('dist/.stamp'), dashboard: at(`dist/${DASHBOARD}/.stamp`), addon: at('build/.stamp') };

  return [
    {
      name: 'installing packages',
      stale() {
        if (readStamp(stamps.install) === installHash()) return false;
        if (!installedMatchesLock(root)) return true;
        writeStamp(stamps.install, installHash());
        return false;
      },
      async run() {
        const need = 'needs npm and access to its registry';
        await tool('npm', ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'], root, need);
        writeStamp(stamps.install, installHash());
      },
    },
    {
      name: 'compiling TypeScript',
      stale: () => readStamp(stamps.compile) !== sourceHash(),
      async run() {
        const hash = sourceHash();
        rmSync(stamps.compile, { force: true });
        await tool(bin('tsc'), ['-p', 'tsconfig.json'], root, 'the TypeScript sources have errors');
        removeOrphans(root);
        writeStamp(stamps.compile, hash);
      },
    },
    {
      name: 'copying the dashboard',
      stale: () => readStamp(stamps.dashboard) !== dashboardHash(),
      run() {
        const hash = dashboardHash();
        rmSync(at(`dist/${DASHBOARD}`), { recursive: true, force: true });
        if (existsSync(at(`src/${DASHBOARD}`))) cpSync(at(`src/${DASHBOARD}`), at(`dist/${DASHBOARD}`), { recursive: true });
        writeStamp(stamps.dashboard, hash);
      },
    },
    {
      name: 'printing native/abi.h',
      async stale() {
        const header = await abiHeader(root);
        return header !== undefined && header !== (existsSync(at('native/abi.h')) ? readFileSync(at('native/abi.h'), 'utf8') : '');
      },
      run: async () => writeFileSync(at('native/abi.h'), await abiHeader(root)),
    },
    {
      name: 'building the addon',
      stale: () => readStamp(stamps.addon) !== nativeHash(),
      async run() {
        const hash = nativeHash();
        rmSync(stamps.addon, { force: true });
        // `configure` every time: a new source file must reach the Makefile. make then builds what changed.
        const args = ['configure', 'build', '-j', String(Math.min(availableParallelism(), 8)), ...nodeHeaders()];
        await tool(bin('node-gyp'), args, root, 'needs a C++20 compiler (g++ 11 or clang 14), make and python3');
        writeStamp(stamps.addon, hash);
      },
    },
  ];
}

/** What bench/load and the benches need besides: the load generator and the origin, beside the addon. No part of an installation. */
function benchPlan(root) {
  const at = (path) => join(root, path);
  const stamp = at('build/.stamp-bench');
  const isNative = (file) => /\.(h|cc)$/.test(file);
  const inputs = () => [at('binding.gyp'), ...filesBelow(at('bench/load'), isNative), ...filesBelow(at('native/base'), isNative), ...filesBelow(at('native/engine/net'), isNative)];
  const hash = () => contentHash(root, inputs(), [process.platform, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? '']);
  const need = 'needs a C++20 compiler (g++ 11 or clang 14), make and python3';
  const gyp = (...args) => tool(at('node_modules/.bin/node-gyp'), args, root, need);
  return [
    {
      name: 'building the load generator and the origin',
      stale: () => readStamp(stamp) !== hash(),
      async run() {
        const built = hash();
        rmSync(stamp, { force: true });
        await gyp('configure', ...nodeHeaders(), '--', '-Dbench=1');
        await gyp('build', '-j', String(Math.min(availableParallelism(), 8)), 'millrace_load', 'millrace_origin');
        writeStamp(stamp, built);
      },
    },
  ];
}

/** The addon with the listener of bench/spike: the proxy's own sources once more, so a build of minutes. No part of an installation. */
function spikePlan(root) {
  const at = (path) => join(root, path);
  const stamp = at('build/.stamp-spike');
  const isNative = (file) => /\.(h|cc)$/.test(file);
  const inputs = () => [at('binding.gyp'), ...filesBelow(at('bench/spike/native'), isNative), ...filesBelow(at('native'), isNative)];
  const hash = () => contentHash(root, inputs(), [process.platform, process.arch, process.env.CXX ?? '', process.env.CXXFLAGS ?? '']);
  const need = 'needs a C++20 compiler (g++ 11 or clang 14), make and python3';
  const gyp = (...args) => tool(at('node_modules/.bin/node-gyp'), args, root, need);
  return [
    {
      name: 'building the spike',
      stale: () => readStamp(stamp) !== hash(),
      async run() {
        const built = hash();
        rmSync(stamp, { force: true });
        await gyp('configure', ...nodeHeaders(), '--', '-Dbench=1');
        await gyp('build', '-j', String(Math.min(availableParallelism(), 8)), 'millrace_spike');
        writeStamp(stamp, built);
      },
    },
  ];
}

/** Compiled files whose source is gone would still be imported by name, so they go too. */
export function removeOrphans(root) {
  const copied = join(root, 'dist', DASHBOARD);
  for (const file of filesBelow(join(root, 'dist'), (name) => /\.(js|d\.ts)(\.map)?$/.test(name) && !name.startsWith(copied))) {
    const source = join(root, 'src', relative(join(root, 'dist'), file).replace(/\.(js|d\.ts)(\.map)?$/, '.ts'));
    if (!existsSync(source)) rmSync(file);
  }
}

async function abiHeader(root) {
  const module = join(root, 'dist/binding/abi-header.js');
  if (!existsSync(module)) return undefined;
  // A query per content, since a module that was compiled again in this run would come from the import cache.
  const { abiHeader: print } = await import(`${pathToFileURL(module).href}?${contentHash(root, [module, join(root, 'dist/binding/abi.js')])}`);
  return print();
}

/** Headers that came with this Node spare node-gyp the download. */
function nodeHeaders() {
  const prefix = resolve(dirname(realpathSync(process.execPath)), '..');
  const file = join(prefix, 'include/node/node_version.h');
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}` === process.version ? [`--nodedir=${prefix}`] : [];
}

/** Runs a tool, keeping its output for the case that it fails. */
function tool(command, args, cwd, need) {
  return new Promise((done, failed) => {
    const output = [];
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => failed(new StepError(`cannot run ${command}: ${error.message}`, '', need)));
    child.on('close', (code, signal) => {
      if (code === 0) done();
      else failed(new StepError(`${command} ended with ${signal ?? `code ${code}`}`, Buffer.concat(output).toString(), need));
    });
  });
}

/**
 * Holds a name in the kernel's abstract socket namespace: the kernel frees it when the holder dies, however that
 * happens, so there is no stale lock. Whoever finds it taken waits for the holder's socket to close, then tries again.
 */
export async function withLock(root, work, waiting = () => undefined) {
  const name = `\0millrace-build-${createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 32)}`;
  for (;;) {
    const server = createServer();
    const held = await new Promise((done, failed) => {
      server.once('listening', () => done(true));
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? done(false) : failed(error)));
      server.listen(name);
    });
    if (held) {
      const waiters = new Set();
      server.on('connection', (socket) => waiters.add(socket.on('error', () => undefined)));
      try {
        return await work();
      } finally {
        await new Promise((done) => {
          server.close(done);
          for (const socket of waiters) socket.destroy();
        });
      }
    }
    waiting();
    await new Promise((done) => connect(name).on('error', () => undefined).on('close', done).resume());
  }
}

async function firstStale(plan) {
  for (const step of plan) if (await step.stale()) return step;
  return undefined;
}

const toStderr = (line) => process.stderr.write(`${line}\n`);

/** Brings everything up to date; says nothing when nothing is stale. */
export const bootstrap = (root, say = toStderr) => runPlan(root, buildPlan(root), say);

/** The same for the load generator and the origin of bench/load; packages must be installed. */
export const buildBench = (root, say = toStderr) => runPlan(root, benchPlan(root), say);

/** The same for the addon of bench/spike, and whether there is nothing to do. */
export const buildSpike = (root, say = toStderr) => runPlan(root, spikePlan(root), say);
export const isSpikeBuilt = (root) => !spikePlan(root).some((step) => step.stale());

async function runPlan(root, plan, say) {
  if ((await firstStale(plan)) === undefined) return;
  let told = false;
  const waiting = () => {
    if (!told) say(`millrace: ${LOCK_HELD}`);
    told = true;
  };
  await withLock(root, async () => {
    for (const step of plan) {
      if (!(await step.stale())) continue;
      const startMs = performance.now();
      say(`millrace: ${step.name} ...`);
      await step.run();
      say(`millrace: ${step.name}: done in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    }
  }, waiting);
}

async function main() {
  const unsupported = unsupportedNode(process.version);
  if (unsupported !== undefined) {
    process.stderr.write(`millrace: ${unsupported}\n`);
    return 1;
  }
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
  try {
    await bootstrap(root);
    return 0;
  } catch (error) {
    if (error instanceof StepError && error.output !== '') process.stderr.write(`${error.output.trimEnd()}\n`);
    process.stderr.write(`millrace: ${error.message}${error.need === undefined ? '' : ` (${error.need})`}\n`);
    return 1;
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.exitCode = await main();
