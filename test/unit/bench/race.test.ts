/** What the race does before and after it measures: templates, who takes part, how the slowest peer is found. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { allContenders } from '../../../bench/race/contenders/index.mjs';
import { cpuBetween, mergeCpu, readCpu } from '../../../bench/race/measure/cpu.mjs';
import { readMemory } from '../../../bench/race/measure/memory.mjs';
import { fill } from '../../../bench/race/template.mjs';

const directory = mkdtempSync(join(tmpdir(), 'bench-race-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

test('a template takes values, conditions and lists, and nests them', () => {
  const text = ['port {{port}}', '# @if tls', '  ssl {{cert}} # why', '# @else', '  plain', '# @end', '# @each endpoints', 'server {{address}} {{index}}', '  # @unless tls', '  of {{port}}', '  # @end', '# @end', 'end'].join('\n');
  const values = { port: 1, tls: false, cert: 'c', endpoints: [{ address: 'a' }, { address: 'b', port: 9 }] };
  expect(fill(text, values)).toBe('port 1\n  plain\nserver a 0\n  of 1\nserver b 1\n  of 9\nend');
  expect(fill(text, { ...values, tls: true, endpoints: [] })).toBe('port 1\n  ssl c # why\nend');
});

test('a template with a mistake is refused with its line', () => {
  expect(() => fill('a\n{{nothing}}', {}, 'x.conf')).toThrow('x.conf: there is no value "nothing"');
  expect(() => fill('# @if tls\na', { tls: 1 }, 'x.conf')).toThrow('x.conf: @if tls has no @end');
  expect(() => fill('a\n# @end', {}, 'x.conf')).toThrow('x.conf:2: @end without a beginning');
  expect(() => fill('# @each a\n# @else\n# @end', { a: [] }, 'x.conf')).toThrow('x.conf:2: @else without @if');
});

test('every line of a configuration of a peer that says something says why', () => {
  const configs = join(import.meta.dirname, '../../../bench/race/configs');
  const silent = /^\s*(#.*|\/\/.*|\/?\*.*|)$/; // a comment, or nothing
  for (const name of readdirSync(configs).filter((file) => /\.(conf|cfg)$/.test(file))) {
    const bare = readFileSync(join(configs, name), 'utf8')
      .split('\n')
      .filter((line) => !silent.test(line) && !line.includes(' # ') && !/^\s*[\w ]*[{}]$/.test(line) && !/^\w+( \w+)?$/.test(line));
    expect(bare.filter((line) => !/#/.test(line)), name).toEqual([]);
  }
});

interface Contender { name: string; lacks: Record<string, string>; launch(setup: object): { command: string; args: string[] } }

test('the configuration of every contender can be written for every feature, and is YAML where it says so', async () => {
  const tls = { cert: '/cert.pem', key: '/key.pem', pem: '/both.pem' };
  const routes = [{ path: '/r/0/', target: '/r/0/item' }, { path: '/r/1/', target: '/r/1/item' }];
  for (const contender of (await allContenders()) as Contender[]) {
    for (const feature of ['plain', 'tls', 'everything', 'reload', 'balance', 'large']) {
      if (contender.lacks[feature] !== undefined) continue;
      const home = join(directory, `${contender.name}-${feature}`);
      const setup = { directory: home, port: 1, adminPort: 2, endpoints: ['127.0.0.1:3', '127.0.0.1:4'], everything: false, reload: false, balance: false, large: false, generation: 5, routes: feature === 'everything' ? routes : [], accessLog: feature === 'everything' ? '/log' : null, [feature]: true, tls: feature === 'tls' ? tls : null };
      expect(contender.launch(setup).command, home).not.toBe('');
      for (const name of contender.name.endsWith('proxy') || contender.name === 'http-proxy-3' ? [] : readdirSync(home)) {
        const text = readFileSync(join(home, name), 'utf8');
        expect(text, name).not.toMatch(/\{\{|@if|@each|undefined/);
        if (name.endsWith('.yaml')) expect(parse(text), name).toBeTypeOf('object');
        if (feature === 'everything' && !/^traefik\.yaml|haproxy\.cfg/.test(name)) expect(text, name).toContain('/r/1/');
      }
    }
  }
});

test('CPU of a process counts its threads, and goes on from what one that ended had', () => {
  const before = readCpu(process.pid);
  const begun = process.cpuUsage();
  const burntUs = (): number => process.cpuUsage(begun).user + process.cpuUsage(begun).system;
  while (burntUs() < 30_000);
  const used = cpuBetween(before, readCpu(process.pid));
  expect(used.us).toBeGreaterThan(20_000); // the kernel adds up a running thread's time with every tick of 4 ms
  expect(used.userUs + used.systemUs).toBeCloseTo(used.us, 3);
  expect(before.threads.size).toBeGreaterThan(1);
  const thread = (ns: number) => new Map([['1/1', { ns, switches: 3 }]]);
  const ended = { threads: thread(5000), ticks: new Map(), at: 2 };
  expect(cpuBetween({ threads: thread(1000), ticks: new Map(), at: 1 }, mergeCpu(ended, { threads: new Map(), ticks: new Map(), at: 3 }))).toMatchObject({ us: 4, wallUs: 2000 });
});

test('memory of a process is what it has resident', () => {
  const { rssKiB, pssKiB } = readMemory(process.pid);
  expect(rssKiB).toBeGreaterThan(20_000);
  expect(pssKiB).toBeLessThanOrEqual(rssKiB);
});
