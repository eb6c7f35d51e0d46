/**
 * The data-plane threads: a piscina pool with one long task per thread.
 *
 *   start      every thread loads, says `ready`; the listeners are applied to one of them first, then to the others
 *   apply      the complete wanted set of listeners, to all; a thread that was replaced meanwhile gets the newest set
 *   dies       replaced, at once if it had lived, else after a growing pause; for ever
 *   drain      no new connections, finish what is in flight
 *   stop       close everything; every task ends by itself (terminating a thread with open uWS handles aborts the process)
 */
import { isDeepStrictEqual } from 'node:util';
import { Piscina } from 'piscina';
import type { ListenerConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import { StartError, errorMessage } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { Backoff } from './backoff.ts';
import { within } from './deadline.ts';
import { distPath } from '../core/dist-path.ts';
import type { Engine } from './engine.ts';
import { MemoryFiles, PortReservations, formatAddress, listenerSpec, type BoundListener, type ListenerPlan } from './listeners.ts';
import { WorkerGoneError, WorkerSlot, type AppliedMessage, type WorkerState } from './worker-slot.ts';

export interface WorkersOptions {
  count: number;
  logLevel: string;
  createMemoryFile: Engine['createMemoryFile'];
  reservePort: Engine['reservePort'];
  log: Logger;
  clock: Clock;
  /** Compiled module of the worker's task. */
  filename?: string;
}

export interface WorkerStatus {
  index: number;
  state: WorkerState;
  restarts: number;
  startedAtMs: number;
}

export interface ListenerFailure {
  name: string;
  message: string;
}

/**
 * Largest request head that uWebSockets.js reads, in bytes: the largest `maxRequestHead` and a little, since each listener's own
 * limit is kept by the engine. One number per process, read from the environment when the first thread loads the package.
 */
const UWS_MAX_HEAD_BYTES = 66 * 1024;

const APPLY_LIMIT_MS = 10_000;
/** A thread that does not answer for so long is busy with something else than its log. */
const LEVEL_LIMIT_MS = 1_000;
const STOP_LIMIT_MS = 5_000;
/** A worker answers that much after the limit: WebSockets that it ends by then need a moment. */
const DRAIN_ANSWER_MS = 3_000;

interface Member {
  slot: WorkerSlot;
  restarts: number;
  startedAtMs: number;
  startedMonotonicMs: number;
  readonly backoff: Backoff;
  restartTimer: NodeJS.Timeout | undefined;
}

export class Workers {
  readonly #options: WorkersOptions;
  readonly #pool: Piscina;
  readonly #members: Member[] = [];
  /**
   * Ports for listeners that left theirs open (0), kept until the process ends. Chosen here and not by the first worker:
   * uSockets sets SO_REUSEPORT only on a port that it was given.
   */
  readonly #chosenPorts = new Map<string, number>();
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';
  #plan: ListenerPlan = { listeners: [], maxConnectionsPerWorker: 1, webSocketMaxMessage: new Map(), hasAccessLog: false };
  #bound: BoundListener[] = [];
  /** Applications of listeners run one after the other, so that a port is chosen once. */
  #applying: Promise<unknown> = Promise.resolve();
  /** Whoever waits for a worker to become ready or to end. */
  #wakers: (() => void)[] = [];
  #startFailure: StartError | undefined;

  constructor(options: WorkersOptions) {
    this.#options = options;
    process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(UWS_MAX_HEAD_BYTES);
    this.#pool = new Piscina({
      minThreads: 0,
      maxThreads: options.count,
      idleTimeout: Infinity, // an idle thread would be terminated
      atomics: 'disabled', // else an idle thread blocks its loop
      recordTiming: false,
    });
    this.#pool.on('error', (error: unknown) => options.log.error({ err: error }, 'worker thread failed'));
    for (let index = 0; index < options.count; index++) this.#members.push(this.#member(index));
  }

  get status(): WorkerStatus[] {
    return this.#members.map(({ slot, restarts, startedAtMs }) => ({ index: slot.index, state: slot.state, restarts, startedAtMs }));
  }

  /** The listeners as they run, with the ports that the system chose. */
  get bound(): readonly BoundListener[] {
    return this.#bound;
  }

  /** Throws a StartError when a worker cannot start or a listener cannot be opened. */
  async start(plan: ListenerPlan): Promise<void> {
    this.#plan = plan;
    for (const member of this.#members) this.#launch(member);
    await this.#until(() => this.#startFailure !== undefined || this.#members.every(({ slot }) => slot.state === 'running'));
    const failed = this.#startFailure === undefined ? await this.#enqueue(() => this.#applyTo(this.#members)) : [];
    if (this.#startFailure !== undefined) throw this.#startFailure;
    const [failure] = failed;
    if (failure !== undefined) throw new StartError(`listener ${JSON.stringify(failure.name)}: ${failure.message}`);
    this.#phase = 'serving';
  }

  /** Whether the workers have been given just this. */
  isPlan(plan: ListenerPlan): boolean {
    return isDeepStrictEqual(plan, this.#plan);
  }

  /** Gives every worker this set of listeners; what failed in any of them is returned. */
  async apply(plan: ListenerPlan): Promise<ListenerFailure[]> {
    this.#plan = plan;
    return this.#enqueue(() => this.#applyTo(this.#members));
  }

  /** Tells every thread, and those that will replace one; resolves when all have it that run, or after a moment. Never rejects. */
  async setLogLevel(level: string): Promise<{ index: number; told: boolean }[]> {
    return Promise.all(this.#members.map(async ({ slot }) => ({ index: slot.index, told: await within(slot.setLogLevel(level), LEVEL_LIMIT_MS, false) })));
  }

  /** Stops accepting and waits until nothing is in flight, or the limit, or the signal. True when all was finished. */
  async drain(limitMs: number, signal: AbortSignal): Promise<boolean> {
    this.#stopRestarting();
    const drained = this.#members
      .filter(({ slot }) => slot.state !== 'exited')
      .map(({ slot }) => slot.drain(limitMs).catch(() => true)); // a worker that died has nothing in flight
    return within(Promise.all(drained).then((all) => all.every(Boolean)), limitMs + DRAIN_ANSWER_MS, false, signal);
  }

  /** Ends every worker; false when one of them did not end in time. */
  async stop(): Promise<boolean> {
    this.#stopRestarting();
    for (const { slot } of this.#members) slot.stop();
    const ended = this.#until(() => this.#members.every(({ slot }) => slot.state === 'exited'));
    return within(ended.then(() => true), STOP_LIMIT_MS, false);
  }

  #stopRestarting(): void {
    if (this.#phase === 'starting') this.#startFailure ??= new StartError('stopped while starting');
    this.#phase = 'stopping';
    for (const { restartTimer } of this.#members) clearTimeout(restartTimer);
    this.#wake();
  }

  #member(index: number): Member {
    const { count, logLevel, filename = distPath('worker/main') } = this.#options;
    const member: Member = {
      slot: new WorkerSlot(this.#pool, filename, { workerIndex: index, workerCount: count, logLevel }, {
        onReady: () => this.#ready(member),
        onExit: (error) => this.#exited(member, error),
      }),
      restarts: 0,
      startedAtMs: 0,
      startedMonotonicMs: 0,
      backoff: new Backoff(),
      restartTimer: undefined,
    };
    return member;
  }

  #launch(member: Member): void {
    member.restartTimer = undefined;
    member.startedAtMs = this.#options.clock.wallMs();
    member.startedMonotonicMs = this.#options.clock.monotonicMs();
    member.slot.start();
  }

  #ready(member: Member): void {
    this.#wake();
    if (this.#phase !== 'serving') return;
    void this.#enqueue(() => this.#applyTo([member])).then((failed) => {
      for (const { name, message } of failed) this.#options.log.error({ worker: member.slot.index, listener: name }, `listener cannot be opened: ${message}`);
    });
  }

  #exited(member: Member, error: unknown): void {
    const { log, clock } = this.#options;
    const worker = member.slot.index;
    const reason = error === null ? 'its task ended' : errorMessage(error);
    if (this.#phase === 'starting') this.#startFailure ??= new StartError(`worker ${worker} cannot start: ${reason}`, undefined, { cause: error });
    this.#wake();
    if (this.#phase === 'stopping' && error !== null) log.error({ worker, err: error }, 'worker died while stopping');
    if (this.#phase !== 'serving') return;
    const livedMs = clock.monotonicMs() - member.startedMonotonicMs;
    member.restarts++;
    const pauseMs = member.backoff.pauseMs(livedMs);
    log.error({ worker, err: error ?? undefined, livedMs: Math.round(livedMs), restarts: member.restarts, pauseMs }, `worker died: ${reason}; starting another`);
    member.restartTimer = setTimeout(() => this.#launch(member), pauseMs);
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#applying.then(work);
    this.#applying = done.catch(() => undefined);
    return done;
  }

  async #applyTo(members: readonly Member[]): Promise<ListenerFailure[]> {
    const plan = this.#plan;
    const running = members.filter(({ slot }) => slot.state === 'running');
    const [first, ...rest] = running;
    if (first === undefined) return [];
    const ports = new PortReservations(this.#options.reservePort);
    const failed: ListenerFailure[] = [];
    try {
      for (const listener of plan.listeners) {
        const key = portKey(listener);
        if (listener.port === 0 && !this.#chosenPorts.has(key)) this.#chosenPorts.set(key, ports.take(listener.name, listener.host));
      }
      // One first: a listener that cannot be opened fails before the others try.
      failed.push(...(await this.#applyOne(first, plan)));
    } finally {
      ports.release();
    }
    if (failed.length === 0) failed.push(...(await Promise.all(rest.map((member) => this.#applyOne(member, plan)))).flat());
    if (failed.length === 0) this.#bound = plan.listeners.map((listener) => this.#boundListener(listener));
    return failed;
  }

  async #applyOne({ slot }: Member, plan: ListenerPlan): Promise<ListenerFailure[]> {
    const { log } = this.#options;
    const files = new MemoryFiles(this.#options.createMemoryFile);
    const specs = plan.listeners.map((listener) => listenerSpec(listener, this.#portOf(listener), plan, files));
    // The files stay open until the worker really answered, however late.
    const answer = slot.apply(specs).finally(() => files.close());
    let applied: AppliedMessage | null;
    try {
      applied = await within(answer, APPLY_LIMIT_MS, null);
    } catch (error) {
      if (error instanceof WorkerGoneError) return []; // its replacement is given the same plan
      throw error;
    }
    if (applied === null) {
      answer.catch(() => undefined);
      log.error({ worker: slot.index, limitMs: APPLY_LIMIT_MS }, 'worker does not answer; it takes the new listeners when it does');
      return [];
    }
    return applied.failed;
  }

  #portOf(listener: ListenerConfig): number {
    return listener.port === 0 ? (this.#chosenPorts.get(portKey(listener)) ?? 0) : listener.port;
  }

  #boundListener(listener: ListenerConfig): BoundListener {
    return { name: listener.name, host: listener.host, port: this.#portOf(listener), tls: listener.tls !== null };
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wakers.push(resolve);
      });
    }
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

const portKey = (listener: ListenerConfig): string => `${listener.name} ${formatAddress(listener.host, 0)}`;
