/** The circuit breaker in plain TypeScript, by the book: every outcome is kept, nothing is packed. */
import type { BreakerSettings } from '../../../src/binding/breaker.ts';

export type State = 'closed' | 'open' | 'halfOpen';
export type Event = 'none' | 'opened' | 'reopened' | 'halfOpened' | 'closed';
export interface Ticket {
  period: number;
  probe: boolean;
}

const BUCKETS = 10;
const MOST_REOPENINGS = 31;

export class BreakerReference {
  readonly #settings: BreakerSettings;
  #state: State = 'closed';
  /** Counts the changes of state, and the times when silent probes lost their places. */
  #period = 0;
  #outcomes: { bucket: number; good: boolean }[] = [];
  #reopenings = 0;
  #openUntilMs = 0;
  #probes = 0;
  #successes = 0;
  #silentUntilMs = 0;

  constructor(settings: BreakerSettings) {
    this.#settings = settings;
  }

  get state(): State {
    return this.#state;
  }

  get openUntilMs(): number {
    return this.#state === 'open' ? this.#openUntilMs : 0;
  }

  get probes(): number {
    return this.#state === 'halfOpen' ? this.#probes : 0;
  }

  admit(nowMs: number): Ticket | null {
    this.halfOpen(nowMs);
    return this.ticket() ?? this.tryProbe(nowMs);
  }

  ticket(): Ticket | null {
    return this.#state === 'closed' ? { period: this.#period, probe: false } : null;
  }

  tryProbe(nowMs: number): Ticket | null {
    if (this.#state !== 'halfOpen') return null;
    if (this.#probes === this.#settings.probes) {
      if (nowMs < this.#silentUntilMs) return null;
      this.#period++;
      this.#probes = 0;
    }
    this.#probes++;
    this.#silentUntilMs = nowMs + this.#settings.intervalMs;
    return { period: this.#period, probe: true };
  }

  giveBackProbe(ticket: Ticket): void {
    if (ticket.probe && this.#isOfNow(ticket) && this.#probes > 0) this.#probes--;
  }

  halfOpen(nowMs: number): boolean {
    if (this.#state !== 'open' || nowMs < this.#openUntilMs) return false;
    this.#enter('halfOpen');
    this.#probes = 0;
    this.#successes = 0;
    this.#silentUntilMs = nowMs + this.#settings.intervalMs;
    return true;
  }

  permits(ticket: Ticket): boolean {
    return this.#state === 'closed' || (this.#state === 'halfOpen' && ticket.probe && this.#isOfNow(ticket));
  }

  record(ticket: Ticket, good: boolean, nowMs: number, random: number): Event {
    if (!this.#isOfNow(ticket)) return 'none';
    if (this.#state === 'closed') {
      this.#outcomes.push({ bucket: this.#bucketOf(nowMs), good });
      return good ? 'none' : this.#judge(nowMs, random);
    }
    if (this.#state === 'open' || !ticket.probe) return 'none';
    if (!good) {
      this.#reopenings = Math.min(this.#reopenings + 1, MOST_REOPENINGS);
      this.#open(nowMs, random);
      return 'reopened';
    }
    if (this.#probes > 0) this.#probes--;
    this.#silentUntilMs = nowMs + this.#settings.intervalMs;
    if (++this.#successes < this.#settings.successes) return 'none';
    this.#enter('closed');
    this.#reopenings = 0;
    return 'closed';
  }

  counts(nowMs: number): { requests: number; failures: number } {
    const oldest = this.#bucketOf(nowMs) - BUCKETS + 1;
    const counted = this.#state === 'closed' ? this.#outcomes.filter(({ bucket }) => bucket >= oldest) : [];
    return { requests: counted.length, failures: counted.filter(({ good }) => !good).length };
  }

  #judge(nowMs: number, random: number): Event {
    const { requests, failures } = this.counts(nowMs);
    if (requests < this.#settings.minRequests || failures * 1000 < requests * this.#settings.thresholdMillis) return 'none';
    this.#reopenings = 0;
    this.#open(nowMs, random);
    return 'opened';
  }

  #open(nowMs: number, random: number): void {
    const { intervalMs, maxIntervalMs, jitterPercent } = this.#settings;
    const openMs = Math.min(intervalMs * 2 ** this.#reopenings, maxIntervalMs);
    const jitterMs = Number((BigInt(Math.floor((openMs * jitterPercent) / 100)) * BigInt(random)) >> 32n);
    this.#enter('open');
    this.#openUntilMs = nowMs + openMs + jitterMs;
  }

  #enter(state: State): void {
    this.#state = state;
    this.#period++;
    this.#outcomes = [];
  }

  #isOfNow(ticket: Ticket): boolean {
    return ticket.period === this.#period;
  }

  #bucketOf(nowMs: number): number {
    return Math.floor((nowMs * BUCKETS) / this.#settings.windowMs);
  }
}
