/**
 * One client under one rate limit, in the plainest form: exact fractions on BigInts, everything remembered, no packing.
 * What the native table says has to be equal, decision by decision and number by number.
 */
export interface Answer {
  allowed: boolean;
  /** Requests that would be admitted now, one after the other. */
  remaining: number;
  /** Milliseconds, rounded up, until the counter is as new. */
  resetMs: number;
  /** Milliseconds, rounded up, until one more request is admitted; 0 = now. */
  retryAfterMs: number;
}

export interface Limiter {
  check(nowNs: bigint): Answer;
}

export interface LimiterSettings {
  limit: number;
  windowMs: number;
  burst: number;
}

const NS_PER_US = 1000n;
const US_PER_MS = 1000n;
const TICKS_PER_NS = 16n;

const ceilDiv = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Every admitted request is remembered; a request is admitted when fewer than `limit` lie in (now - window, now]. */
export class SlidingLog implements Limiter {
  readonly #limit: number;
  readonly #windowUs: bigint;
  #times: bigint[] = [];

  constructor({ limit, windowMs }: LimiterSettings) {
    this.#limit = limit;
    this.#windowUs = BigInt(windowMs) * US_PER_MS;
  }

  check(nowNs: bigint): Answer {
    // A clock that went back counts as standing still.
    const nowUs = nowNs / NS_PER_US;
    const time = max(nowUs, this.#times.at(-1) ?? 0n);
    const live = this.#times.filter((t) => t > time - this.#windowUs);
    const allowed = live.length < this.#limit;
    if (allowed) {
      live.push(time);
      this.#times = live;
    }
    const newest = this.#times.at(-1);
    const free = this.#limit - live.length;
    return {
      allowed,
      remaining: free,
      resetMs: newest === undefined ? 0 : untilMs(newest + this.#windowUs, nowUs),
      retryAfterMs: free > 0 ? 0 : untilMs((live[live.length - this.#limit] ?? 0n) + this.#windowUs, nowUs),
    };
  }
}

const untilMs = (timeUs: bigint, nowUs: bigint): number => Number(max(0n, ceilDiv(timeUs - nowUs, US_PER_MS)));

/** The two-bucket counter: previous * (rest of the window) / window + current, by whole windows since time 0. */
export class SlidingWindow implements Limiter {
  readonly #limit: bigint;
  readonly #window: bigint;
  #number = 0n;
  #previous = 0n;
  #current = 0n;

  constructor({ limit, windowMs }: LimiterSettings) {
    this.#limit = BigInt(limit);
    this.#window = BigInt(windowMs) * US_PER_MS;
  }

  check(nowNs: bigint): Answer {
    const before = [this.#number, this.#previous, this.#current] as const;
    const nowUs = nowNs / NS_PER_US;
    const number = nowUs / this.#window;
    let elapsed = nowUs % this.#window;
    if (this.#previous + this.#current === 0n || number > this.#number + 1n) {
      this.#previous = 0n;
      this.#current = 0n;
      this.#number = number;
    } else if (number === this.#number + 1n) {
      this.#previous = this.#current;
      this.#current = 0n;
      this.#number = number;
    } else if (number < this.#number) {
      // A clock that went back: the window of the last request has just begun.
      elapsed = 0n;
    }
    const allowed = this.#admits(elapsed, 1n);
    if (allowed) this.#current += 1n;
    const used = this.#previous * (this.#window - elapsed) + this.#current * this.#window;
    const all = this.#limit * this.#window;
    const rest = this.#window - elapsed;
    const idle = this.#current > 0n ? rest + this.#window : this.#previous > 0n ? rest : 0n;
    const answer = {
      allowed,
      remaining: used < all ? Number((all - used) / this.#window) : 0,
      resetMs: Number(ceilDiv(idle, US_PER_MS)),
      retryAfterMs: Number(ceilDiv(this.#wait(elapsed), US_PER_MS)),
    };
    // A refusal leaves nothing behind: should the clock go back, it goes back to what the last admitted request left.
    if (!allowed) [this.#number, this.#previous, this.#current] = before;
    return answer;
  }

  /** Whether so many more requests fit at this point of the window. */
  #admits(elapsed: bigint, more: bigint): boolean {
    return this.#previous * (this.#window - elapsed) + (this.#current + more) * this.#window <= this.#limit * this.#window;
  }

  /** The first microsecond from now at which one more fits: the rule itself, asked by halving, in this window and then in the next. */
  #wait(elapsed: bigint): bigint {
    const rest = this.#window - elapsed;
    const first = (admits: (at: bigint) => boolean, from: bigint, to: bigint): bigint | undefined => {
      if (!admits(to)) return undefined;
      let [low, high] = [from, to];
      while (low < high) {
        const middle = (low + high) / 2n;
        if (admits(middle)) high = middle;
        else low = middle + 1n;
      }
      return low;
    };
    const inThis = first((at) => this.#admits(at, 1n), elapsed, this.#window - 1n);
    if (inThis !== undefined) return inThis - elapsed;
    const next = (at: bigint): boolean => this.#current * (this.#window - at) + this.#window <= this.#limit * this.#window;
    return rest + (first(next, 0n, this.#window) ?? this.#window);
  }
}

/** A bucket of `burst` tokens that earns one every window / limit, as a theoretical arrival time. */
export class Gcra implements Limiter {
  readonly #interval: bigint;
  readonly #burst: bigint;
  #arrival = 0n;

  constructor({ limit, windowMs, burst }: LimiterSettings) {
    this.#interval = ceilDiv(BigInt(windowMs) * 1_000_000n * TICKS_PER_NS, BigInt(limit));
    this.#burst = BigInt(Math.max(burst, 1));
  }

  check(nowNs: bigint): Answer {
    const now = nowNs * TICKS_PER_NS;
    const tolerance = (this.#burst - 1n) * this.#interval;
    const allowed = this.#arrival - now <= tolerance;
    if (allowed) this.#arrival = max(this.#arrival, now) + this.#interval;
    const ahead = max(0n, this.#arrival - now);
    const toMs = (ticks: bigint): number => Number(ceilDiv(max(0n, ticks), TICKS_PER_NS * 1_000_000n));
    let remaining = 0;
    for (let arrival = max(this.#arrival, now); arrival - now <= tolerance; arrival += this.#interval) remaining++;
    return { allowed, remaining, resetMs: toMs(ahead), retryAfterMs: toMs(ahead - tolerance) };
  }
}
