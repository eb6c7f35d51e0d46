/** Tools of the system that some faults need. Where they must be there (as in CI), their lack fails; elsewhere it skips, and says so. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'vitest';

const FAKETIME = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib', '/usr/lib64'].map((directory) => `${directory}/faketime/libfaketimeMT.so.1`).find((file) => existsSync(file));

function works(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const TOOLS = {
  prlimit: { works: () => works('prlimit', ['--version']), lack: 'there is no prlimit (Debian package util-linux)' },
  dnsmasq: { works: () => works('dnsmasq', ['--version']), lack: 'there is no dnsmasq (Debian package dnsmasq-base)' },
  unshare: { works: () => works('unshare', ['-m', 'true']), lack: 'unshare -m does not work: it takes util-linux and root' },
  faketime: { works: () => FAKETIME !== undefined, lack: 'there is no libfaketime (Debian package faketime)' },
} as const;
export type Tool = keyof typeof TOOLS;

export function requireTools(context: TestContext, tools: readonly Tool[]): void {
  const lack = tools.filter((tool) => !TOOLS[tool].works()).map((tool) => TOOLS[tool].lack).join('; ');
  if (lack === '') return;
  if (process.env.MILLRACE_TEST_TOOLS === 'required') throw new Error(lack);
  context.skip(lack);
}

/** Environment of a process whose wall clock is as the file says, and whose monotonic clock is not touched. */
export const fakeClock = (file: string): NodeJS.ProcessEnv => ({
  LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1',
});
