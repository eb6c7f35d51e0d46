import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { SpanSink } from './otlp.ts';

export const MOST_PER_BATCH = 512;
/** Spans that wait: some MiB. When that many do, no more are taken from the workers, who count what they cannot keep. */
export const MOST_WAITING = 4096;
const MOST_UNDER_WAY = 4;
const FIRST_BACKOFF_MS = 1_000;
const MOST_BACKOFF_MS = 30_000;

/**
 * Spans on their way to the receiver, in batches. One that is down or slow costs spans and nothing else: a batch that fails is
 * dropped and counted, the next one waits for longer and longer, and the log says once that it began and once that it is over.
 */
export class ExportQueue {
  readonly #log: Logger;
  #sink: SpanSink | null = null;
  #waiting: ReadableSpan[] = [];
  #underWay = 0;
  #spansUnderWay = 0;
  #backoffMs = 0;
  #retry: NodeJS.Timeout | undefined;
  #lost = 0;
  #idle: (() => void)[] = [];
  exported = 0;
  dropped = 0;
  failures = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Batches go there from now on; those under way are left to the one before. */
  use(sink: SpanSink): void {
    this.#sink = sink;
    this.#backoffMs = 0;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#pump();
  }

  get room(): number {
    return Math.max(0, MOST_WAITING - this.#waiting.length);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** To be called with more than `room` only if they cannot be left where they are. */
  add(spans: readonly ReadableSpan[]): void {
    this.#waiting.push(...spans);
    this.#pump();
  }

  /** Everything goes out, until `signal` or the first failure; resolves with how many spans did not. They are dropped. */
  async flush(signal: AbortSignal): Promise<number> {
    const { failures: failuresBefore, dropped: droppedBefore } = this;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#pump();
    while (!signal.aborted && this.failures === failuresBefore && (this.#waiting.length > 0 || this.#underWay > 0)) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.dropped += this.#waiting.length;
    this.#waiting = [];
    return this.dropped - droppedBefore + this.#spansUnderWay;
  }

  #pump(): void {
    const sink = this.#sink;
    // In trouble, one batch tries whether it is over.
    const most = this.#backoffMs === 0 ? MOST_UNDER_WAY : 1;
    while (sink !== null && this.#retry === undefined && this.#waiting.length > 0 && this.#underWay < most) {
      const batch = this.#waiting.splice(0, MOST_PER_BATCH);
      this.#underWay++;
      this.#spansUnderWay += batch.length;
      sink
        .send(batch)
        .then(
          () => this.#taken(batch.length),
          (error: unknown) => this.#failed(batch.length, error),
        )
        .finally(() => {
          this.#underWay--;
          this.#spansUnderWay -= batch.length;
          this.#pump();
          for (const resolve of this.#idle.splice(0)) resolve();
        });
    }
  }

  #taken(spans: number): void {
    this.exported += spans;
    if (this.#backoffMs === 0) return;
    this.#backoffMs = 0;
    this.#log.info({ dropped: this.#lost }, 'spans are exported again');
  }

  #failed(spans: number, error: unknown): void {
    this.failures++;
    this.dropped += spans;
    if (this.#backoffMs === 0) {
      this.#lost = 0;
      this.#log.warn({ reason: reasonOf(error) }, 'spans cannot be exported');
    }
    this.#lost += spans;
    this.#backoffMs = Math.min(MOST_BACKOFF_MS, this.#backoffMs === 0 ? FIRST_BACKOFF_MS : 2 * this.#backoffMs);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#pump();
    }, this.#backoffMs).unref();
  }
}

/** The exporter's errors have the status beside a text that may be empty, and the receiver's answer, which is not for our log. */
function reasonOf(error: unknown): string {
  const status = (error as { code?: unknown } | null)?.code;
  const text = errorMessage(error);
  if (typeof status === 'number') return text === '' ? `status ${status}` : `status ${status} ${text}`;
  return text === '' ? 'no reason given' : text;
}
