import { loadConfig, type LoadResult } from '../config/load.ts';
import type { Config } from '../config/types.ts';
import { ConfigRefused } from '../control/supervisor.ts';
import { systemClock } from '../core/clock.ts';
import { resolveHost } from '../discovery/resolve.ts';

/** The one way in which every command loads a configuration, so that `check` finds what `run` would. */
export function load(file: string): Promise<LoadResult> {
  return loadConfig(file, { resolveHost, nowMs: systemClock.wallMs(), zone: process.env['MILLRACE_ZONE'] || undefined });
}

/** Throws ConfigRefused when the file has problems. */
export async function loadOrRefuse(file: string): Promise<Config> {
  const result = await load(file);
  if (!result.ok) throw new ConfigRefused(file, result.problems);
  return result.config;
}
