import { HEALTH } from '../binding/abi.ts';
import type { HealthChange } from '../binding/addon.ts';
import type { Config } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { FAILURES, type Failure, type Result } from '../health/check.ts';
import { HealthChecks, MAX_CONNECTS, type CheckedEndpoint } from '../health/health-checks.ts';
import type { Health } from '../health/verdict.ts';
import type { Engine } from './engine.ts';
import type { Stats } from './stats.ts';
import { Unejection } from './unejection.ts';
import type { RunningConfig } from './view.ts';

/** Bits of the endpoint's health word that active checks own. */
const BITS: Readonly<Record<Health, number>> = { pending: HEALTH.unchecked, healthy: 0, unhealthy: HEALTH.unhealthy };
const ALL_BITS = HEALTH.unchecked | HEALTH.unhealthy;
/** Checks that came to nothing are logged together, this often at most. */
const VOID_LOG_MS = 10_000;
/** Changes of one kind that are logged one by one in a second; the others are counted in one line more. */
export const LINES_PER_PERIOD = 50;
const LINE_PERIOD_MS = 1_000;
/** Changes wait so long for others: the plan of a large cluster takes milliseconds, and its endpoints often change together. */
const GATHER_MS = 10;
/** Beside the timeouts of the first checks: for the start of the workers, and timers that come late. */
const FIRST_ROUND_SLACK_MS = 1_000;

/** Checks of a cluster's endpoints since the start. */
export type CheckCounts = Record<'passed' | 'void' | `failed:${Failure}`, number>;

/** What others may see of the active health checks. */
export interface HealthView {
  /** Null: that endpoint is not checked. */
  endpoint(index: number): CheckedEndpoint | null;
  /** By cluster: of those that are checked. */
  readonly counts: ReadonlyMap<string, Readonly<CheckCounts>>;
}

export interface HealthControlOptions {
  engine: Pick<Engine, 'setEndpointHealth'>;
  stats: Pick<Stats, 'endpoint'>;
  log: Logger;
  clock: Clock;
  onChange: () => void;
  /** In [0, 1). */
  random?: () => number;
}

/**
 * Runs the active health checks of the configuration in service, tells the engine what they say, and the log what changed.
 * The bits live with the endpoint's state in the engine, so that images come and go without a gap.
 */
export class HealthControl implements HealthView {
  readonly counts = new Map<string, CheckCounts>();
  readonly #engine: Pick<Engine, 'setEndpointHealth'>;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #checks: HealthChecks;
  readonly #unejection: Unejection;
  /** Endpoints became available or unavailable. */
  readonly #onChange: () => void;
  #clusters: Config['clusters'] = {};
  #version = 0;
  /** By index: bits to clear beside those of the checks. Not told the engine yet. */
  readonly #changed = new Map<number, number>();
  #gathering: NodeJS.Timeout | undefined;
  /** For the log, once the engine knows. */
  #news: { level: 'debug' | 'info' | 'warn'; fields: object; text: string }[] = [];
  /** Lines of the present period. */
  readonly #lines = new Map<string, { level: 'debug' | 'info' | 'warn'; count: number }>();
  #lineTimer: NodeJS.Timeout | undefined;
  /** Monotonic: the first round of checks is over by then, whatever becomes of them; null = it is over. */
  #firstRoundEndMs: number | null = null;
  #void: { count: number; loggedMs: number } = { count: 0, loggedMs: -Infinity };

  constructor({ engine, stats, log, clock, onChange, random = Math.random }: HealthControlOptions) {
    this.#engine = engine;
    this.#log = log;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#unejection = new Unejection((index) => stats.endpoint(this.#version, index));
    this.#checks = new HealthChecks({
      clock,
      random,
      onBegin: (endpoint) => {
        if (this.#endsEjections(endpoint)) this.#unejection.begins(endpoint.findings, endpoint.index);
      },
      onResult: (endpoint, result, from) => this.#take(endpoint, result, from),
    });
  }

  /** Call after every installed image, at once: a new endpoint takes no traffic before its first good answer. */
  apply({ config, version }: Pick<RunningConfig, 'config' | 'version'>): void {
    const isFirst = this.#version === 0;
    this.#version = version;
    const { clusters } = config;
    this.#clusters = clusters;
    for (const name of this.counts.keys()) if ((clusters[name]?.healthCheck ?? null) === null) this.counts.delete(name);
    for (const [name, { healthCheck }] of Object.entries(clusters)) {
      if (healthCheck !== null && !this.counts.has(name)) this.counts.set(name, newCounts());
    }
    this.#checks.apply(clusters);
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#changed.clear();
    this.#engine.setEndpointHealth(version, this.#checks.endpoints.map((endpoint, index) => changeOf(index, endpoint)));
    this.#tellNews();
    if (isFirst && this.#checks.count > 0) {
      const longestMs = Math.max(...Object.values(clusters).map(({ healthCheck }) => healthCheck?.timeoutMs ?? 0));
      this.#firstRoundEndMs = this.#clock.monotonicMs() + longestMs * Math.ceil(this.#checks.count / MAX_CONNECTS) + FIRST_ROUND_SLACK_MS;
    }
  }

  /** Endpoints whose first check since the start is awaited; 0 once the first round is over. */
  get awaited(): number {
    if (this.#firstRoundEndMs === null) return 0;
    const left = this.#clock.monotonicMs() < this.#firstRoundEndMs ? this.#checks.unchecked : 0;
    if (left === 0) this.#firstRoundEndMs = null;
    return left;
  }

  endpoint(index: number): CheckedEndpoint | null {
    return this.#checks.endpoint(index);
  }

  close(): void {
    clearTimeout(this.#gathering);
    this.#tellNews();
    this.#endLines();
    this.#checks.close();
  }

  #take(endpoint: CheckedEndpoint, result: Result, from: Health): void {
    const counts = this.counts.get(endpoint.cluster);
    const counted: keyof CheckCounts = result.kind === 'failed' ? `failed:${result.failure}` : result.kind;
    if (counts !== undefined) counts[counted]++;
    if (result.kind === 'void') this.#logVoid(endpoint, result.text);
    if (this.#endsEjections(endpoint) && this.#unejection.ends(endpoint.findings, endpoint.index, result.kind === 'passed', endpoint.config.healthyThreshold))
      this.#gather(endpoint.index, HEALTH.ejected);
    const { health } = endpoint.findings.verdict;
    if (health === from) return;
    this.#gather(endpoint.index, 0);
    const fields = { cluster: endpoint.cluster, endpoint: endpoint.name, evidence: result.text };
    // To be admitted is what every endpoint should be.
    const level = health === 'unhealthy' ? 'warn' : from === 'pending' ? 'debug' : 'info';
    this.#news.push({ level, fields, text: `endpoint is ${health}` });
  }

  #endsEjections({ cluster }: CheckedEndpoint): boolean {
    return this.#clusters[cluster]?.outlierDetection?.unejectOnHealthyCheck === true;
  }

  #gather(index: number, alsoClear: number): void {
    this.#changed.set(index, (this.#changed.get(index) ?? 0) | alsoClear);
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      const changes = [...this.#changed].map(([at, clear]) => changeOf(at, this.#checks.endpoint(at), clear));
      this.#changed.clear();
      this.#engine.setEndpointHealth(this.#version, changes);
      this.#tellNews();
      this.#onChange();
    }, GATHER_MS).unref();
  }

  #tellNews(): void {
    for (const { level, fields, text } of this.#news.splice(0)) {
      const lines = this.#lines.get(text) ?? { level, count: 0 };
      this.#lines.set(text, lines);
      this.#lineTimer ??= setTimeout(() => this.#endLines(), LINE_PERIOD_MS).unref();
      if (++lines.count <= LINES_PER_PERIOD) this.#log[level](fields, text);
    }
  }

  #endLines(): void {
    clearTimeout(this.#lineTimer);
    this.#lineTimer = undefined;
    for (const [text, { level, count }] of this.#lines) {
      if (count > LINES_PER_PERIOD) this.#log[level]({ count: count - LINES_PER_PERIOD }, `${count - LINES_PER_PERIOD} more of these: ${text}`);
    }
    this.#lines.clear();
  }

  #logVoid({ cluster, name }: CheckedEndpoint, why: string): void {
    this.#void.count++;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#void.loggedMs < VOID_LOG_MS) return;
    this.#log.warn({ cluster, endpoint: name, reason: why, count: this.#void.count }, 'health checks that say nothing are not counted, and made again');
    this.#void = { count: 0, loggedMs: nowMs };
  }
}

/** An endpoint that is not checked loses the bits of the checks. */
function changeOf(endpoint: number, checked: CheckedEndpoint | null, alsoClear = 0): HealthChange {
  const set = checked === null ? 0 : BITS[checked.findings.verdict.health];
  return { endpoint, set, clear: (ALL_BITS & ~set) | alsoClear };
}

function newCounts(): CheckCounts {
  return Object.fromEntries(['passed', 'void', ...FAILURES.map((failure) => `failed:${failure}`)].map((name) => [name, 0])) as CheckCounts;
}
