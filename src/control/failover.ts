import type { NativeTransition } from '../binding/native.ts';
import type { Config } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Engine } from './engine.ts';
import { describeTransition, type Transition, type TransitionKind } from './transitions.ts';

/** Transitions that are remembered of each endpoint, and of each cluster. */
export const REMEMBERED = 16;
/** Of one kind and reason in one period; the others are counted in one line more. */
export const LINES_PER_REASON = 10;
export const LINE_PERIOD_MS = 1_000;

const ALARMING: ReadonlySet<TransitionKind> = new Set<TransitionKind>(['ejected', 'wouldEject', 'notEjected', 'breakerOpened']);

type FailoverEngine = Pick<Engine, 'onFailover' | 'failoverTick' | 'takeTransitions'>;

/**
 * The control plane's part of failover: outlier detection that compares endpoints, ends of ejections, circuit breakers that become
 * half-open, and plans of clusters in which any of that happened. The engine says when it wants to be called again, and the workers
 * wake it when they have decided something; nothing runs while nothing fails.
 */
export class FailoverControl {
  readonly #engine: FailoverEngine;
  readonly #log: Logger;
  readonly #clock: Clock;
  /** Health has changed: endpoints may be in slow start now. */
  readonly #onChange: () => void;
  readonly #histories = new Map<string, Transition[]>();
  readonly #lines = new Map<string, { level: 'info' | 'warn'; count: number }>();
  #endWatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lineTimer: NodeJS.Timeout | undefined;

  constructor(engine: FailoverEngine, log: Logger, clock: Clock, onChange: () => void) {
    this.#engine = engine;
    this.#log = log;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  start(): void {
    this.#endWatch = this.#engine.onFailover(() => this.tick());
    this.tick();
  }

  /** What was decided until now goes to the log; nothing happens afterwards. */
  close(): void {
    this.#endWatch?.();
    this.#endWatch = undefined;
    clearTimeout(this.#timer);
    this.#takeNews();
    this.#endLines();
  }

  /** Does what is due. To be called after every change of the configuration, too. */
  tick(): void {
    if (this.#endWatch === undefined) return;
    clearTimeout(this.#timer);
    const dueMs = this.#engine.failoverTick();
    this.#timer = dueMs === 0 ? undefined : setTimeout(() => this.tick(), dueMs).unref();
    if (this.#takeNews()) this.#onChange();
  }

  /** The last transitions of an endpoint, or of a cluster's own breaker, oldest first. */
  historyOf(cluster: string, endpoint: string | null): readonly Transition[] {
    return this.#histories.get(keyOf(cluster, endpoint ?? '')) ?? [];
  }

  /** Forgets what the configuration does not have any more, and does what its change made due. */
  configure({ clusters }: Pick<Config, 'clusters'>): void {
    const known = new Set(Object.entries(clusters).flatMap(([name, { endpoints }]) => [keyOf(name, ''), ...endpoints.map((endpoint) => keyOf(name, endpoint.name))]));
    for (const key of this.#histories.keys()) if (!known.has(key)) this.#histories.delete(key);
    this.tick();
  }

  #takeNews(): boolean {
    const { dropped, transitions } = this.#engine.takeTransitions();
    for (const transition of transitions) this.#note(transition);
    if (dropped > 0) this.#log.warn({ count: dropped }, 'changes of health were neither logged nor kept: too many at once');
    return transitions.length > 0;
  }

  #note(from: NativeTransition): void {
    const transition = describeTransition(from, this.#clock.wallMs());
    if (transition === null) return;
    const key = keyOf(from.cluster, from.endpoint);
    const history = this.#histories.get(key) ?? [];
    history.push(transition);
    if (history.length > REMEMBERED) history.shift();
    this.#histories.set(key, history);

    const level = ALARMING.has(transition.kind) ? 'warn' : 'info';
    const line = `${transition.kind}: ${transition.reason}`;
    const lines = this.#lines.get(line) ?? { level, count: 0 };
    this.#lines.set(line, lines);
    this.#lineTimer ??= setTimeout(() => this.#endLines(), LINE_PERIOD_MS).unref();
    if (++lines.count > LINES_PER_REASON) return;
    const { kind, reason, text } = transition;
    this.#log[level]({ kind, reason, cluster: from.cluster, ...(from.endpoint === '' ? {} : { endpoint: from.endpoint }) }, `${from.endpoint === '' ? 'cluster' : 'endpoint'} ${text}`);
  }

  #endLines(): void {
    clearTimeout(this.#lineTimer);
    this.#lineTimer = undefined;
    for (const [line, { level, count }] of this.#lines) {
      if (count > LINES_PER_REASON) this.#log[level]({ count: count - LINES_PER_REASON }, `${count - LINES_PER_REASON} more changes of health (${line})`);
    }
    this.#lines.clear();
  }
}

function keyOf(cluster: string, endpoint: string): string {
  return `${cluster}\0${endpoint}`;
}
