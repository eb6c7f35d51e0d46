/**
 * The only place outside tests that reads a clock. Code that depends on time takes a `Clock`, so that a test can
 * hold it still.
 */
export interface Clock {
  /** Milliseconds since the epoch: for people and for other machines; may jump. */
  wallMs(): number;
  /** Milliseconds since some fixed moment: for measuring; never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
