import type { HealthCheckConfig } from '../config/types-failover.ts';
import type { Clock } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import { failed, type Attempt, type Checker, type Result } from './check.ts';
import type { Gate } from './gate.ts';
import type { StallWatch } from './stall.ts';
import { judge, pauseMs, PENDING, type Health, type Verdict } from './verdict.ts';

/** Changes of an endpoint that are remembered. */
const HISTORY = 16;
/** What a check lost because this thread stood still, it gets back: until it has taken this many times its timeout. */
const MOST_STRETCHED = 10;
/** A timer that is due goes before the answers that have arrived meanwhile: they get one turn of the loop. */
const GRACE_MS = 1;
/** A connection that broke while this thread stood still for longer than this share of the timeout may have been given up by the other side. */
const MOST_STALLED = 0.1;

export interface CheckRecord {
  /** Milliseconds since the epoch, at its end. */
  atMs: number;
  kind: Result['kind'];
  tookMs: number;
  text: string;
}

export interface Change {
  atMs: number;
  to: Health;
  /** What the check said that decided. */
  text: string;
}

/** What is known of an endpoint; goes on when its checks are configured anew. */
export interface Findings {
  verdict: Verdict;
  /** Milliseconds since the epoch. */
  sinceMs: number;
  /** Of the check that decided; empty while nothing has. */
  evidence: string;
  last: CheckRecord | null;
  /** The newest one last. */
  history: Change[];
}

export interface ProbeContext {
  clock: Clock;
  /** In [0, 1). */
  random: () => number;
  gate: Gate;
  stalls: StallWatch;
}

export interface ProbeEvents {
  /** A check begins. */
  begins: () => void;
  /** After every check; `from` is the health before it. */
  result: (result: Result, from: Health) => void;
}

export function newFindings(nowMs: number, verdict = PENDING, evidence = ''): Findings {
  return { verdict, sinceMs: nowMs, evidence, last: null, history: [] };
}

/** Checks one endpoint again and again, one check at a time. */
export class Probe {
  readonly findings: Findings;
  readonly #config: HealthCheckConfig;
  readonly #checker: Checker;
  readonly #context: ProbeContext;
  readonly #events: ProbeEvents;
  #timer: NodeJS.Timeout | undefined;
  /** Breaks off what is under way: waiting for the gate, or the check itself. */
  #breakOff: (() => void) | null = null;
  #nextAtMs: number | null = null;
  #first = true;
  #closed = false;

  constructor(findings: Findings, config: HealthCheckConfig, checker: Checker, context: ProbeContext, events: ProbeEvents) {
    this.findings = findings;
    this.#config = config;
    this.#checker = checker;
    this.#context = context;
    this.#events = events;
  }

  /** When the next check begins, milliseconds since the epoch; null while one is under way. */
  get nextAtMs(): number | null {
    return this.#nextAtMs;
  }

  /** A check has come back that says something, since this was made. */
  get hasResult(): boolean {
    return !this.#first;
  }

  /** Checks at once. Call once. */
  start(): void {
    this.#nextAtMs = null;
    const { gate } = this.#context;
    const giveUp = gate.pass(() => this.#check());
    // Else the check is under way, and has said how to break it off.
    if (giveUp !== null) this.#breakOff = giveUp;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#breakOff?.();
    this.#breakOff = null;
    this.#checker.close();
  }

  #check(): void {
    const { clock, gate, stalls } = this.#context;
    const { timeoutMs } = this.#config;
    const beganMs = clock.monotonicMs();
    const watch = stalls.watch();
    const now = { inGate: true, over: false };
    const leaveGate = (): void => {
      if (now.inGate) gate.leave();
      now.inGate = false;
    };
    const end = (): void => {
      now.over = true;
      clearTimeout(this.#timer);
      this.#breakOff = null;
      leaveGate();
      watch.end();
    };
    this.#events.begins();
    const attempt: Attempt = {
      tookMs: () => clock.monotonicMs() - beganMs,
      connected: leaveGate,
      finish: (result) => {
        if (now.over) return;
        const lostMs = watch.lostMs();
        end();
        this.#settle(lostMs > timeoutMs * MOST_STALLED ? this.#forgive(result, lostMs) : result, beganMs);
      },
    };
    const cancel = this.#begin(attempt);
    // A checker may have ended before it returned, and the next check may even be planned.
    if (now.over) return;
    this.#breakOff = () => {
      end();
      cancel();
    };
    const arm = (pauseMs: number, isLast: boolean): void => {
      this.#timer = setTimeout(() => {
        const tookMs = clock.monotonicMs() - beganMs;
        const lostMs = watch.lostMs();
        const leftMs = Math.min(timeoutMs + lostMs, timeoutMs * MOST_STRETCHED) - tookMs;
        if (leftMs >= 1 || !isLast) {
          arm(Math.max(GRACE_MS, leftMs), leftMs < 1);
          return;
        }
        end();
        const text = `${cancel()} within ${formatDuration(timeoutMs)}`;
        const hadTime = tookMs - lostMs >= timeoutMs - 1;
        this.#settle(hadTime ? failed('timeout', text) : { kind: 'void', text: `${text}, of which this process stood still for most` }, beganMs);
      }, pauseMs).unref();
    };
    arm(timeoutMs, false);
  }

  /** What node refuses to send, although the configuration was checked, is seen as a failure with a reason. */
  #begin(attempt: Attempt): () => string {
    try {
      return this.#checker.begin(attempt);
    } catch (error) {
      attempt.finish(failed('protocol', `the check cannot be made: ${errorMessage(error)}`));
      return () => '';
    }
  }

  /** A failure that a thread which stood still may have made itself. Not twice in a row: then it would be seen while nothing stood still. */
  #forgive(result: Result, lostMs: number): Result {
    const isDoubtful = result.kind === 'failed' && (result.failure === 'closed' || result.failure === 'tls');
    if (!isDoubtful || this.findings.last?.kind === 'void') return result;
    return { kind: 'void', text: `${result.text}, while this process stood still for ${Math.round(lostMs)} ms` };
  }

  #settle(result: Result, beganMs: number): void {
    if (this.#closed) return;
    const { clock, random } = this.#context;
    const { findings } = this;
    const from = findings.verdict.health;
    const nowMs = clock.monotonicMs();
    const atMs = clock.wallMs();
    findings.last = { atMs, kind: result.kind, tookMs: nowMs - beganMs, text: result.text };
    let dueMs: number;
    if (result.kind === 'void') {
      dueMs = beganMs + this.#config.edgeIntervalMs;
    } else {
      findings.verdict = judge(findings.verdict, result.kind === 'passed', this.#config);
      const to = findings.verdict.health;
      if (to !== from) {
        findings.sinceMs = atMs;
        findings.evidence = result.text;
        findings.history.push({ atMs, to, text: result.text });
        if (findings.history.length > HISTORY) findings.history.shift();
      }
      dueMs = beganMs + pauseMs(findings.verdict, this.#config, random(), this.#first);
      this.#first = false;
    }
    const pause = Math.max(0, Math.ceil(dueMs - nowMs));
    this.#nextAtMs = atMs + pause;
    this.#timer = setTimeout(() => this.start(), pause).unref();
    this.#events.result(result, from);
  }
}
