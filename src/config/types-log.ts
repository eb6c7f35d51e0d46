import type { LogField } from './log-fields.ts';

/** A sink of the access log. All filters must hold. */
export interface AccessLogConfig {
  target: 'file' | 'stdout' | 'stderr';
  /** Absolute; of a stream its name. */
  path: string;
  format: LogFormatConfig;
  /** Share of the requests, from 0 to 1. */
  sample: number;
  /** Failed requests are all taken; false: they are sampled like others. */
  sampleFailed: boolean;
  /** Empty = all. 0 = the client was not answered. */
  statuses: { from: number; to: number }[];
  minDurationMs: number;
  /** Names; empty = all, and requests without a route. */
  routes: string[];
  /** Lower case: those of a JSON line, and those that the template names. */
  requestHeaders: string[];
}

export type LogFormatConfig = { kind: 'json'; fields: LogField[] } | { kind: 'text'; template: string };
