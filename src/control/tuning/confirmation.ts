import type { Clock } from '../../core/clock.ts';
import type { Guard, GuardBounds } from './guard.ts';
import type { HistoryEntry } from './history.ts';

export interface ConfirmWish extends GuardBounds {
  /** Until the change is undone by itself. */
  timeMs: number;
}

export interface PendingShown {
  version: number;
  what: string;
  who: string;
  /** Milliseconds since the epoch. */
  untilMs: number;
  guard: GuardBounds & { watched: { name: string; requests: number; errorRate: number; p99Ms: number | null }[] };
}

/** Looks at the guard so often. */
const LOOK_EVERY_MS = 1_000;

/** A change that is in service and not confirmed yet. */
export class Confirmation {
  readonly version: number;
  readonly what: string;
  readonly who: string;
  /** What it leads back to. */
  readonly previous: HistoryEntry;
  /** Resolves when it was confirmed or undone. */
  readonly settled: Promise<void>;
  readonly #guard: Guard;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #untilMs: number;
  #settle: () => void = () => undefined;

  constructor(change: { version: number; what: string; who: string; previous: HistoryEntry }, guard: Guard, timeMs: number, clock: Clock) {
    this.version = change.version;
    this.what = change.what;
    this.who = change.who;
    this.previous = change.previous;
    this.#guard = guard;
    this.#clock = clock;
    this.#deadlineMs = clock.monotonicMs() + timeMs;
    this.#untilMs = clock.wallMs() + timeMs;
    this.settled = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Milliseconds until somebody should look again. */
  get dueMs(): number {
    return Math.max(0, Math.min(LOOK_EVERY_MS, this.#deadlineMs - this.#clock.monotonicMs()));
  }

  /** Who undoes it now, and why; null: it stays for the time being. */
  look(): { who: 'timer' | 'guard'; why: string } | null {
    if (this.#clock.monotonicMs() >= this.#deadlineMs) return { who: 'timer', why: 'it was not confirmed in time' };
    const why = this.#guard.judge();
    return why === null ? null : { who: 'guard', why };
  }

  end(): void {
    this.#settle();
  }

  get shown(): PendingShown {
    const watched = this.#guard.watched.map(({ name, before: { requests, errorRate, p99Us } }) => ({ name, requests, errorRate, p99Ms: p99Us === null ? null : p99Us / 1000 }));
    return { version: this.version, what: this.what, who: this.who, untilMs: Math.round(this.#untilMs), guard: { ...this.#guard.bounds, watched } };
  }
}
