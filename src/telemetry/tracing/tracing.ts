import { LIMITS } from '../../binding/abi.ts';
import type { NativeSpans } from '../../binding/native.ts';
import type { Config, TracingConfig } from '../../config/types.ts';
import type { Clock } from '../../core/clock.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ExportQueue } from './export-queue.ts';
import type { SpanSink } from './otlp.ts';
import { spansOf, type SpanSource } from './spans.ts';

/** Where sampled requests come from. */
export interface SpanEngine {
  takeSpans(mostBytes: number): NativeSpans;
  spansWaiting(): number;
}

export interface TracingStats {
  /** Spans that the receiver took. */
  exported: number;
  /** Spans that it did not take, or not in time. */
  dropped: number;
  /** Exports that failed. */
  failures: number;
  /** Spans that wait to be sent. */
  waiting: number;
}

/** How often the workers' rings are looked at, and how often they are emptied at least. */
const LOOK_MS = 100;
const TAKE_MS = 1_000;
const URGENT = 0.25;
/** Of each worker, at once: what a turn of the main thread can bear. */
const MOST_BYTES = 32 * 1024;
const LEAST_ROOM = 1024;
/** When a receiver is another one: so long are exports to the one before waited for. */
const MOST_EXPORT_MS = LIMITS.maxExportTimeoutMs + 1_000;

/**
 * Makes spans of the sampled requests that the workers have put aside, and sends them. Nothing here touches a worker: a ring that is
 * not emptied in time is full, and its worker counts what it cannot keep. Spans of requests that began before tracing was
 * turned off still go to where it was.
 */
export class Tracing {
  readonly #engine: SpanEngine;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #queue: ExportQueue;
  #settings = '';
  #sink: SpanSink | null = null;
  #opening: Promise<void> = Promise.resolve();
  #source: SpanSource | null = null;
  #tlsClusters: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #takenAtMs = 0;
  #next: NodeJS.Immediate | undefined;

  constructor(engine: SpanEngine, log: Logger, clock: Clock) {
    this.#engine = engine;
    this.#log = log;
    this.#clock = clock;
    this.#queue = new ExportQueue(log);
  }

  get stats(): TracingStats {
    const { exported, dropped, failures, waiting } = this.#queue;
    return { exported, dropped, failures, waiting };
  }

  /** A new configuration is in service. */
  configure({ tracing, clusters }: Pick<Config, 'tracing' | 'clusters'>): void {
    this.#tlsClusters = new Set(Object.entries(clusters).flatMap(([name, { tls }]) => (tls === null ? [] : [name])));
    if (tracing === null) return;
    const settings = JSON.stringify([tracing.otlp, tracing.serviceName]);
    if (settings === this.#settings) return;
    this.#settings = settings;
    this.#opening = this.#opening.then(() => this.#open(tracing));
  }

  /** Sends what there is, for as long as `signal` allows; nothing happens afterwards. */
  async close(signal: AbortSignal): Promise<void> {
    clearInterval(this.#timer);
    clearImmediate(this.#next);
    await this.#opening;
    clearInterval(this.#timer);
    if (this.#source === null) return;
    let dropped = 0;
    let more = true;
    while (more) {
      more = this.#take(this.#source);
      if (more && this.#queue.room >= LEAST_ROOM) continue;
      dropped = await this.#queue.flush(signal);
      more &&= dropped === 0;
    }
    if (dropped > 0) this.#log.warn({ dropped }, 'spans were not exported before the end');
    this.#sink?.close();
  }

  async #open(tracing: TracingConfig): Promise<void> {
    try {
      const { openSink } = await import('./otlp.ts');
      const sink = openSink(tracing);
      const before = this.#sink;
      if (before !== null) setTimeout(() => before.close(), MOST_EXPORT_MS).unref();
      this.#sink = sink;
      this.#source = { resource: sink.resource, isTls: (cluster) => this.#tlsClusters.has(cluster) };
      this.#queue.use(sink);
      this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    } catch (error) {
      this.#log.error({ reason: errorMessage(error) }, 'spans cannot be exported: the exporter does not load');
    }
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#next !== undefined || (nowMs - this.#takenAtMs < TAKE_MS && this.#engine.spansWaiting() < URGENT)) return;
    this.#takenAtMs = nowMs;
    this.#takeOn();
  }

  /** Until nothing is left, or there is no room for it; others get their turn in between. */
  #takeOn(): void {
    this.#next = undefined;
    if (this.#source !== null && this.#take(this.#source)) this.#next = setImmediate(() => this.#takeOn());
  }

  /** True when there may be more. */
  #take(source: SpanSource): boolean {
    if (this.#queue.room < LEAST_ROOM) return false;
    const { wallUs, requests } = this.#engine.takeSpans(MOST_BYTES);
    if (requests.length === 0) return false;
    this.#queue.add(requests.flatMap((record) => spansOf(record, wallUs, source)));
    return true;
  }
}
