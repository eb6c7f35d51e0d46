import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { createLogger, type Logger } from '../../../src/core/logger.ts';

export function workDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-control-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

/** A real logger whose lines are kept. */
export function keptLog(level: 'debug' | 'info' = 'debug'): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { log: createLogger({ level, pretty: false, destination: { write: (line) => void lines.push(JSON.parse(line) as LogLine) } }), lines };
}

/** A clock that stands still until it is told. */
export class HandClock implements Clock {
  nowMs = 1_000_000;
  wallMs = (): number => this.nowMs;
  monotonicMs = (): number => this.nowMs;
}

/** Calls are counted; `reached(n)` resolves at the n-th. */
export class Counter {
  count = 0;
  #waiting: { count: number; resolve: () => void }[] = [];

  readonly hit = (): void => {
    this.count++;
    for (const { count, resolve } of this.#waiting) if (this.count >= count) resolve();
  };

  reached(count: number): Promise<void> {
    if (this.count >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

export function plainConfig(): Config {
  return {
    workers: 2,
    zone: null,
    drainTimeoutMs: 1000,
    log: { level: 'info' },
    admin: null,
  tracing: null,
    limits: { maxConnections: 100, rateLimitKeys: 100_000 },
    accessLog: [],
    listeners: [
      { name: 'web', host: '127.0.0.1', port: 0, routes: 't', tls: null, forwarded: { headers: true, trust: [] }, requestId: true, underscores: { rule: 'drop', names: [] }, paths: { escapedSlashes: 'reject', backslashes: 'reject', mergeSlashes: true }, allowTrace: false, keepAliveAfterChunked: false, maxRequestHeadBytes: 16_384, maxRequestTargetBytes: 8_192, maxRequestHeaderBytes: 8_192, maxRequestHeaders: 98, rateLimits: [] },
    ],
    routes: { t: [] },
    clusters: {},
  };
}
