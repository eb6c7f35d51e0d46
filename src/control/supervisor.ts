/**
 * Life cycle of the proxy, on the main thread:
 *
 *   prepare    load -> probe addresses -> compile -> install the image         (the admin endpoint can open now)
 *   start      workers -> listeners -> watch files: serving
 *   reload     load -> compile -> probe what is new -> install -> listeners    (each step can refuse; nothing changed then)
 *   drain      not ready -> no new connections, what is in flight is finished; stays like that
 *   shutdown   not ready -> drain -> stop the workers: stopped
 */
import { HISTOGRAM_TICK_MS } from '../binding/abi.ts';
import type { Config } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import { StartError, type ConfigProblem } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { AccessLogControl } from './access-log.ts';
import { Compiler, type Compiled } from './compiler.ts';
import { configHash } from './config-hash.ts';
import { install, type Engine } from './engine.ts';
import { FailoverControl } from './failover.ts';
import { HealthControl, type HealthView } from './health.ts';
import { IncidentLog } from './incident-log.ts';
import { formatAddress, planListeners, probeAddresses, type BoundListener } from './listeners.ts';
import { LogLevels } from './log-levels.ts';
import { RecentRequests } from './recent-requests.ts';
import { Reloader, logProblems, type ReloadStatus } from './reload.ts';
import { PlanRefresh } from './plan-refresh.ts';
import { Stats } from './stats.ts';
import { Tracing, type TracingStats } from '../telemetry/tracing/tracing.ts';
import type { AuditNews } from './tuning/audit.ts';
import { Tuning, type ConfigSource } from './tuning/tuning.ts';
import type { ControlView, Phase, RunningConfig } from './view.ts';
import { Workers, type WorkerStatus } from './workers.ts';

/** How long the last spans may take at the end. */
const LAST_SPANS_MS = 3_000;

export interface SupervisorOptions {
  source: ConfigSource;
  engine: Engine;
  log: Logger;
  clock: Clock;
  /** A new configuration is in service (also the first): log level, admin address. */
  onConfig?: (config: Config) => void;
}

/** The configuration cannot be used at all. */
export class ConfigRefused extends StartError {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(`${file} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`);
    this.problems = problems;
  }
}

export class Supervisor implements ControlView {
  readonly stats: Stats;
  readonly failover: FailoverControl;
  readonly logLevels: LogLevels;
  /** Resolves when it has stopped; true when everything ended in good order. */
  readonly stopped: Promise<boolean>;
  readonly requests: RecentRequests;
  readonly tuning: Tuning;
  readonly accessLog: AccessLogControl;
  readonly startedAtMs: number;
  readonly #options: SupervisorOptions;
  readonly #compiler = new Compiler();
  readonly #reloader: Reloader;
  readonly #cutShort = new AbortController();
  readonly #planRefresh: PlanRefresh;
  readonly #incidents: IncidentLog;
  readonly #health: HealthControl;
  readonly #tracing: Tracing;
  #phase: Phase = 'starting';
  #running: RunningConfig | null = null;
  #workers: Workers | null = null;
  #firstFiles: { watch: string[]; readAtMs: number } = { watch: [], readAtMs: 0 };
  #draining: Promise<boolean> | undefined;
  #stopping: Promise<boolean> | undefined;
  #tellStopped: (inOrder: boolean) => void = () => undefined;
  #collecting: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.stats = new Stats(options.engine, options.clock);
    this.requests = new RecentRequests(options.engine, options.clock);
    this.#planRefresh = new PlanRefresh(options.engine);
    this.failover = new FailoverControl(options.engine, options.log, options.clock, () => this.#planRefresh.check());
    this.#incidents = new IncidentLog(options.engine, () => this.stats.process().incidentsDropped, options.log, options.clock);
    this.accessLog = new AccessLogControl(options.engine, options.log);
    this.#health = new HealthControl({ ...options, stats: this.stats, onChange: () => this.#planRefresh.check() });
    this.logLevels = new LogLevels(options.log, (level) => this.#workers?.setLogLevel(level) ?? Promise.resolve([]));
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
    this.#tracing = new Tracing(options.engine, options.log, options.clock);
    this.startedAtMs = options.clock.wallMs();
    this.tuning = new Tuning({
      source: options.source,
      apply: (config, hash) => this.#apply(config, hash),
      rehearse: async (config) => {
        await this.#rehearse(config);
      },
      watch: (files, readAtMs) => this.#reloader.watch(files, readAtMs),
      isServing: () => this.#isServing(),
      stats: this.stats,
      log: options.log,
      clock: options.clock,
    });
    this.#reloader = new Reloader({
      load: (reason) => this.tuning.loadFile(reason),
      apply: (_config, reason) => this.tuning.takeReload(reason),
      serially: (work) => this.tuning.serially(work),
      onRefused: (reason, problems) => this.tuning.noteRefusedReload(reason, problems),
      log: options.log,
      clock: options.clock,
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  get running(): RunningConfig | null {
    return this.#running;
  }

  get health(): HealthView {
    return this.#health;
  }

  get tracing(): TracingStats {
    return this.#tracing.stats;
  }

  get engine(): Pick<Engine, 'explain'> {
    return this.#options.engine;
  }

  get reloads(): Readonly<ReloadStatus> {
    return this.#reloader.status;
  }

  get listeners(): readonly BoundListener[] {
    return this.#workers?.bound ?? [];
  }

  get workers(): readonly WorkerStatus[] {
    return this.#workers?.status ?? [];
  }

  readiness(): { ready: boolean; reason: string } {
    if (this.#phase !== 'serving') return { ready: false, reason: this.#phase };
    if (!this.workers.some(({ state }) => state === 'running')) return { ready: false, reason: 'no worker is running' };
    const { awaited } = this.#health;
    if (awaited > 0) return { ready: false, reason: `the first health check of ${awaited === 1 ? 'an endpoint' : `${awaited} endpoints`} has not come back` };
    return { ready: true, reason: 'serving' };
  }

  /** Everything that can be refused before a thread is started. Throws ConfigRefused or StartError. */
  async prepare(): Promise<Config> {
    const { source, log, clock } = this.#options;
    const readAtMs = clock.wallMs();
    const read = await source.read();
    if (!read.ok) throw new ConfigRefused(source.file, read.problems);
    const result = await source.load(read.document);
    logProblems(log, 'warn', result.warnings);
    if (!result.ok) throw new ConfigRefused(source.file, result.problems);
    await probeAddresses(addressesOf(result.config));
    await this.accessLog.check(result.config.accessLog);
    this.accessLog.start();
    const hash = configHash(result.config);
    const { version } = this.#install(result.config, hash, await this.#compiler.compile(result.config));
    this.tuning.begin(result, version, hash);
    this.stats.collect();
    this.#collecting = setInterval(() => this.stats.collect(), HISTOGRAM_TICK_MS).unref();
    this.#firstFiles = { watch: result.watch, readAtMs };
    return result.config;
  }

  /** Starts the workers of the prepared configuration and opens its listeners. Throws StartError. */
  async start(): Promise<void> {
    const { engine, log, clock } = this.#options;
    const { config } = this.#current();
    this.#workers = new Workers({
      count: config.workers,
      logLevel: this.logLevels.level,
      createMemoryFile: (name, bytes) => engine.createMemoryFile(name, bytes),
      reservePort: (host) => engine.reservePort(host),
      log,
      clock,
    });
    await this.#workers.start(planListeners(config, config.workers));
    if (this.#phase !== 'starting') return;
    this.#incidents.start();
    this.failover.start();
    await this.#reloader.start(this.#firstFiles.watch, this.#firstFiles.readAtMs);
    this.#phase = 'serving';
    this.#logListeners(this.listeners);
    log.info({ workers: config.workers, version: this.#current().version }, 'serving');
  }

  /** Never rejects: what is wrong goes to the log and to the counters. */
  async reload(reason: string): Promise<void> {
    if (this.#phase === 'serving') await this.#reloader.reload(reason);
  }

  drain(reason: string): boolean {
    if (this.#phase !== 'serving') return this.#phase === 'draining';
    this.#quiesce();
    void this.#drain(reason);
    return true;
  }

  /** Drains, then stops; true when everything ended in good order. Asking again joins the first call. */
  shutdown(reason: string): Promise<boolean> {
    this.#stopping ??= this.#shutdown(reason).finally(() => this.#tellStopped(false));
    return this.#stopping;
  }

  /** Stops without waiting for what is in flight. */
  async stopNow(reason: string): Promise<boolean> {
    this.#cutShort.abort();
    return this.shutdown(reason);
  }

  audit(news: AuditNews): void {
    this.tuning.audit.note(news);
  }

  /** Ends the workers of a start that failed: threads with open sockets must not be cut off by the end of the process. */
  async abandon(): Promise<void> {
    this.#reloader.close();
    this.tuning.close();
    clearInterval(this.#collecting);
    this.#health.close();
    this.#planRefresh.close();
    this.failover.close();
    await this.#workers?.stop();
    await this.accessLog.close();
    await this.#compiler.close();
  }

  /** From here on nothing changes the configuration. */
  #quiesce(): void {
    this.#phase = 'draining';
    this.#reloader.close();
    this.tuning.close();
    this.#planRefresh.close();
  }

  /** One drain for all who ask; its time counts from the first. */
  #drain(reason: string): Promise<boolean> {
    this.#draining ??= (async () => {
      const limitMs = this.#current().config.drainTimeoutMs;
      this.#options.log.info({ reason, drainTimeoutMs: limitMs }, 'draining');
      return (await this.#workers?.drain(limitMs, this.#cutShort.signal)) ?? true;
    })();
    return this.#draining;
  }

  async #shutdown(reason: string): Promise<boolean> {
    const { log } = this.#options;
    const served = this.#phase === 'serving' || this.#draining !== undefined;
    this.#quiesce();
    let inOrder = true;
    if (this.#workers !== null) {
      if (served && !(await this.#drain(reason))) log.warn('requests in flight are cut off');
      inOrder = await this.#workers.stop();
      if (!inOrder) log.error('a worker did not stop in time');
    }
    await this.accessLog.close();
    await this.#compiler.close();
    clearInterval(this.#collecting);
    this.failover.close();
    this.#health.close();
    this.#incidents.close();
    await this.#tracing.close(AbortSignal.any([AbortSignal.timeout(LAST_SPANS_MS), this.#cutShort.signal]));
    this.#phase = 'stopped';
    log.info({ reason }, 'stopped');
    this.#tellStopped(inOrder);
    return inOrder;
  }

  /** Takes a configuration into service; throws when it was refused, and everything is as before then. Gives its version. */
  async #apply(config: Config, hash: string): Promise<number> {
    const { engine, log } = this.#options;
    const workers = this.#workers;
    const old = this.#current();
    if (workers === null || !this.#isServing()) throw NOT_SERVING();
    const workerCount = workers.status.length;
    const compiled = await this.#rehearse(config);
    if (!this.#isServing()) throw NOT_SERVING();
    if (config.workers !== workerCount) log.warn({ running: workerCount, configured: config.workers }, 'the number of workers changes at the next start');

    // The image first: a new listener needs its routes from the first connection on.
    const before = this.listeners;
    const { version } = this.#install(config, hash, compiled);
    const plan = planListeners(config, workerCount);
    const [failure] = workers.isPlan(plan) ? [] : await workers.apply(plan);
    if (failure !== undefined) {
      const restored = engine.installImage(old.image, old.config.limits.rateLimitKeys);
      if (!restored.ok) throw new Error(`the previous image was refused: ${restored.error}`);
      this.#running = { ...old, version: restored.version };
      this.failover.configure(old.config);
      this.logLevels.configure(old.config.log.level);
      this.#tracing.configure(old.config);
      this.#health.apply(this.#running);
      this.tuning.restored(restored.version);
      await workers.apply(planListeners(old.config, workerCount));
      throw new StartError(`listener ${JSON.stringify(failure.name)}: ${failure.message}`);
    }
    const known = new Set(before.map(listenerText));
    this.#logListeners(this.listeners.filter((listener) => !known.has(listenerText(listener))));
    this.#options.onConfig?.(config);
    return version;
  }

  /** What can be refused before anything has changed. */
  async #rehearse(config: Config): Promise<Compiled> {
    await probeAddresses(addressesOf(config), this.#ownPorts());
    await this.accessLog.check(config.accessLog, this.#current().config.accessLog);
    return this.#compiler.compile(config);
  }

  /** Publishes an image to the engine and takes note of it. */
  #install(config: Config, hash: string, { image }: Compiled): RunningConfig {
    const { engine, source, clock } = this.#options;
    const version = install(engine, config, image);
    this.#running = { config, file: source.file, hash, version, image, loadedAtMs: clock.wallMs() };
    this.#health.apply(this.#running);
    this.#planRefresh.check();
    this.failover.configure(config);
    this.logLevels.configure(config.log.level);
    this.#tracing.configure(config);
    return this.#running;
  }

  /** Asked again after every wait. */
  #isServing(): boolean {
    return this.#phase === 'serving';
  }

  #current(): RunningConfig {
    if (this.#running === null) throw new Error('no configuration is in service');
    return this.#running;
  }

  #ownPorts(): Set<number> {
    const { admin } = this.#current().config;
    return new Set([...this.listeners.map(({ port }) => port), ...(admin === null ? [] : [admin.port])]);
  }

  #logListeners(listeners: readonly BoundListener[]): void {
    for (const { name, host, port, tls } of listeners) this.#options.log.info({ listener: name, host, port, tls }, `listening on ${listenerText({ name, host, port, tls })}`);
  }
}

const NOT_SERVING = (): StartError => new StartError('the proxy does not serve any more');

function listenerText({ host, port, tls }: BoundListener): string {
  return `${tls ? 'https' : 'http'}://${formatAddress(host, port)}`;
}

function addressesOf(config: Config): { what: string; host: string; port: number }[] {
  const listeners = config.listeners.map(({ name, host, port }) => ({ what: `listener ${JSON.stringify(name)}`, host, port }));
  return config.admin === null ? listeners : [...listeners, { what: 'admin', ...config.admin }];
}
