/** The clients of the tests: load.mjs in a process of its own, and its account of every request. */
import { keep } from '../support/keep.ts';
import { eventually } from '../support/wait.ts';
import { Child } from './child.ts';

/** What became of a request; the same in load.mjs. */
export const OUTCOME = {
  /** One complete answer, and the right one. */
  answered: 0,
  /** One complete answer of 400 or more. */
  error: 1,
  /** The connection ended before the whole answer: the client knows that it has none. */
  cut: 2,
  /** Neither an answer nor an end of the connection. */
  lost: 3,
  /** An answer to something else, or more than one. */
  wrong: 4,
} as const;

export interface LoadOptions {
  port: number;
  connections?: number;
  /** Of each connection, from one request to the next; 0 = as fast as answers come. */
  paceMs?: number;
  /** Of answers, or of bodies for POST; taken in turn. */
  sizes?: number[];
  /** Share of POSTs. */
  posts?: number;
  /** A request without an end after this is lost. */
  limitMs?: number;
  /** Requests; 0 = until stopped. */
  total?: number;
  /** Begins the ids. */
  name?: string;
}

export interface Tally {
  sent: number;
  inFlight: number;
  answered: number;
  byOrigin: Record<string, number>;
  connected: number;
  connectErrors: number;
}

export interface Report {
  startedMs: Float64Array;
  endedMs: Float64Array;
  outcomes: Uint8Array;
  statuses: Uint16Array;
  origins: Uint8Array;
  originNames: string[];
  /** What went wrong, in words: the first few. */
  complaints: string[];
  /** Bytes that came although nothing was asked for. */
  extra: number;
  connectErrors: number;
}

interface Message {
  tally?: Tally;
  report?: Report;
}

/** As content.mjs has it. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export class Load {
  tally: Tally = { sent: 0, inFlight: 0, answered: 0, byOrigin: {}, connected: 0, connectErrors: 0 };
  readonly #child: Child<Message>;
  #report: Report | null = null;

  private constructor() {
    this.#child = new Child('load.mjs', [], ({ tally, report }) => {
      if (tally !== undefined) this.tally = tally;
      if (report !== undefined) this.#report = report;
    });
  }

  static start(options: LoadOptions): Load {
    const load = keep(new Load());
    load.#child.tell({ start: options });
    return load;
  }

  /** Waits until so many more requests have been sent, or all of the total. */
  async more(requests: number, limitMs = 60_000): Promise<void> {
    const from = this.tally.sent;
    await eventually(() => this.#alive() && (this.#report !== null || this.tally.sent >= from + requests), limitMs);
  }

  /** Waits until this endpoint has answered so many more requests. */
  async answersFrom(name: string, requests: number, limitMs = 30_000): Promise<void> {
    const from = this.tally.byOrigin[name] ?? 0;
    await eventually(() => this.#alive() && (this.tally.byOrigin[name] ?? 0) >= from + requests, limitMs);
  }

  /** Lets what is in flight end; the account of all. */
  async stop(limitMs = 60_000): Promise<Report> {
    this.#child.tell({ stop: true });
    return this.finished(limitMs);
  }

  /** When a total was given: until all of it is done. */
  async finished(limitMs = 60_000): Promise<Report> {
    await eventually(() => this.#alive() && this.#report !== null, limitMs);
    if (this.#report === null) throw new Error('no report');
    return this.#report;
  }

  close(): Promise<void> {
    return this.#child.kill();
  }

  #alive(): true {
    if (this.#report === null && this.#child.process.exitCode !== null) throw new Error('the load ended early');
    return true;
  }
}
