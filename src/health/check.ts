/** What the kinds of check have in common. */

/** Where a failed check failed: labels of a metric. */
export const FAILURES = ['connect', 'tls', 'timeout', 'closed', 'protocol', 'status', 'body', 'serving'] as const;
export type Failure = (typeof FAILURES)[number];

export type Result =
  | { kind: 'passed'; text: string }
  /** serving: a gRPC server says that its service does not serve. */
  | { kind: 'failed'; failure: Failure; text: string }
  /** It says nothing about the endpoint: this process had no descriptor or port left, or no time. */
  | { kind: 'void'; text: string };

/** One check under way, as its kind sees it. */
export interface Attempt {
  /** Milliseconds since it began. */
  tookMs(): number;
  /** The connection stands, TLS included; or one is used again. */
  connected(): void;
  /** The first call counts, later ones are nothing. */
  finish(result: Result): void;
}

/** How one endpoint is checked. Nothing here throws, whatever the endpoint answers. */
export interface Checker {
  /** Begins a check; the last one has ended. The function returned breaks it off, and says what it was waiting for. */
  begin(attempt: Attempt): () => string;
  /** Drops the connection that was kept. Called when no check is under way, and for good. */
  close(): void;
}

/** Most bytes of an answer that are looked at. */
export const MAX_ANSWER_BYTES = 64 * 1024;

export const passed = (text: string): Result => ({ kind: 'passed', text });
export const failed = (failure: Failure, text: string): Result => ({ kind: 'failed', failure, text });

/** "in 4 ms", as it ends a sentence. */
export const took = (attempt: Attempt): string => `in ${Math.round(attempt.tookMs())} ms`;
