import { loadConfig, loadDocument, readConfig, type LoadOptions, type LoadResult } from '../config/load.ts';
import type { Config } from '../config/types.ts';
import { ConfigRefused } from '../control/supervisor.ts';
import type { ConfigSource } from '../control/tuning/tuning.ts';
import { systemClock } from '../core/clock.ts';
import { resolveHost } from '../discovery/resolve.ts';

/** The one way in which every command loads a configuration, so that `check` finds what `run` would. */
export function load(file: string): Promise<LoadResult> {
  return loadConfig(file, loadOptions());
}

/** The same step by step, for a configuration that changes while it runs. */
export function configSource(file: string): ConfigSource {
  return {
    file,
    read: () => readConfig(file),
    load: (document, known) => loadDocument(document, loadOptions(), known),
  };
}

function loadOptions(): LoadOptions {
  return { resolveHost, nowMs: systemClock.wallMs(), zone: process.env['MILLRACE_ZONE'] || undefined };
}

/** Throws ConfigRefused when the file has problems. */
export async function loadOrRefuse(file: string): Promise<Config> {
  const result = await load(file);
  if (!result.ok) throw new ConfigRefused(file, result.problems);
  return result.config;
}
