import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { POLICY } from '../../../src/binding/abi.ts';
import type { Line } from '../../../bench/micro/table.ts';

const root = resolve(import.meta.dirname, '../../..');
const QUICK_TIMEOUT_MS = 300_000;

async function micro(...args: string[]): Promise<string> {
  const script = ['--import', './bench/micro/register.mjs', 'bench/micro/main.ts', '--quick', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: root, maxBuffer: 1 << 24 });
  return stdout;
}

const LOOPS = ['C++ x1', 'C++ x2', 'addon x1'];
const checks = (algorithms: string[]): string[] =>
  algorithms.flatMap((algorithm) =>
    ['1k keys, hit', '1k keys, miss', '1M keys, hit', '1M keys, miss'].map((rest) => `check, ${algorithm}, ${rest}`),
  );
const EXPECTED: [subjects: string[], by: string[]][] = [
  [
    Object.keys(POLICY).flatMap((policy) => ['3', '100', '10,000'].map((size) => `pick, ${policy}, ${size} endpoints`)),
    [...LOOPS, 'C++, pick only x1', 'reference x1'],
  ],
  [
    ['record, one duration'],
    [...LOOPS, 'addon, an array at a time x1', 'hdr-histogram-js x1', 'hdr-histogram-js, WebAssembly x1', 'reference x1'],
  ],
  [checks(['slidingWindow', 'slidingLog', 'gcra']), [...LOOPS, 'reference x1']],
  [checks(['slidingWindow']), ['rate-limiter-flexible x1']],
  [
    ['10 routes', '1,000 routes', '100,000 routes', '10,000 hosts x 10 paths'].map((shape) => `match, ${shape}`),
    [...LOOPS, 'find-my-way x1', 'reference x1'],
  ],
  [
    ['frame, read a text of 16 B', 'frame, mask 64 KiB'],
    ['C++ x1', 'ws x1'],
  ],
  [['ASCII', 'mixed scripts', 'Greek'].map((text) => `frame, validate 64 KiB of ${text}`), ['C++ x1', 'node:buffer x1']],
  [
    ['0 %', '1 %', '20 %'].map((share) => `record, ${share} failures, 2 workers`),
    ['C++ x1', 'C++ x2', 'addon x1', 'reference x1'],
  ],
  [['1 %', '20 %'].map((share) => `record, ${share} failures, 64 workers`), ['C++ x1', 'C++ x2']],
  [
    ['an answer of 200', 'an answer of 500', ...['deviation', 'mad', 'latency'].map((method) => `sweep of 10000 endpoints by ${method}, each`)],
    ['C++ x1'],
  ],
];

it(
  'the micro benches measure every structure at every size, by everybody who has it',
  async () => {
    const { lines } = JSON.parse(await micro('--json')) as { lines: Line[] };
    const names = lines.map((line) => `${line.subject}: ${line.by} x${line.threads}`);
    expect(names.sort()).toEqual(
      EXPECTED.flatMap(([subjects, by]) => subjects.flatMap((subject) => by.map((who) => `${subject}: ${who}`))).sort(),
    );
    for (const line of lines) {
      // A difference of two short loops can come out at 0 on a busy machine.
      if (line.by === 'C++, pick only') expect(line.medianNs).toBeGreaterThanOrEqual(0);
      else expect(line.medianNs, line.subject).toBeGreaterThan(0);
      expect(line.p99Ns, line.subject).toBeGreaterThanOrEqual(line.medianNs);
      expect(line.operations, line.subject).toBeGreaterThan(0);
      expect(line.verdict === null).toBe(line.aimNs === null);
    }
  },
  QUICK_TIMEOUT_MS,
);

it('the micro benches print what a filter leaves, with the machine', async () => {
  const text = await micro('--filter', 'match, 10 routes');
  expect(text).toContain(`Node ${process.version}`);
  const rows = text.split('\n').filter((line) => /^ {2}\S/.test(line));
  expect(rows.map((row) => row.trim().split(/ {2,}/)[0])).toEqual(['C++', 'C++, 2 threads', 'addon', 'find-my-way', 'reference']);
}, QUICK_TIMEOUT_MS);
