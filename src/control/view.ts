import type { Config } from '../config/types.ts';
import type { Engine } from './engine.ts';
import type { AccessLogView } from './access-log.ts';
import type { FailoverControl } from './failover.ts';
import type { HealthView } from './health.ts';
import type { TracingStats } from '../telemetry/tracing/tracing.ts';
import type { BoundListener } from './listeners.ts';
import type { LogLevels } from './log-levels.ts';
import type { RecentRequests } from './recent-requests.ts';
import type { ReloadStatus } from './reload.ts';
import type { Stats } from './stats.ts';
import type { AuditNews } from './tuning/audit.ts';
import type { Tuning } from './tuning/tuning.ts';
import type { WorkerStatus } from './workers.ts';

/** starting: nothing is served yet · serving · draining: no new connections · stopped. */
export type Phase = 'starting' | 'serving' | 'draining' | 'stopped';

/** The configuration in service. */
export interface RunningConfig {
  config: Config;
  /** The file it came from. */
  file: string;
  /** Hash of everything it says. */
  hash: string;
  /** The engine's number of this image: 1, 2, ... */
  version: number;
  image: ArrayBuffer;
  loadedAtMs: number;
}

/** What others (the admin endpoint) may see of the running proxy. */
export interface ControlView {
  readonly phase: Phase;
  /** Whether traffic should be sent here, and why not. */
  readiness(): { ready: boolean; reason: string };
  /** Null until the first configuration is in service. */
  readonly running: RunningConfig | null;
  readonly reloads: Readonly<ReloadStatus>;
  readonly listeners: readonly BoundListener[];
  readonly workers: readonly WorkerStatus[];
  readonly stats: Stats;
  /** Why endpoints and clusters are, or were, out of service. */
  readonly failover: Pick<FailoverControl, 'historyOf'>;
  readonly health: HealthView;
  /** What became of recent requests. */
  readonly requests: Pick<RecentRequests, 'find'>;
  readonly tracing: TracingStats;
  /** Answers what would happen to a request. */
  readonly engine: Pick<Engine, 'explain'>;
  readonly accessLog: AccessLogView;
  readonly startedAtMs: number;
  readonly logLevels: Pick<LogLevels, 'level' | 'configured' | 'set'>;
  /** Takes no more connections and finishes what is in flight; the process stays. False when it does not serve. */
  drain(reason: string): boolean;
  /** Drains, then ends the process. Asking again joins the first call. */
  shutdown(reason: string): Promise<boolean>;
  /** Ends the process without waiting for what is in flight. */
  stopNow(reason: string): Promise<boolean>;
  /** The one way to change the configuration. */
  readonly tuning: Tuning;
  /** What somebody did by other ways than `tuning`, which audits itself. */
  audit(news: AuditNews): void;
}
