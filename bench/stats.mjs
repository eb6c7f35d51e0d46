/**
 * Statistics of interleaved measurements: round i of one contender was taken right before round i of the other, so
 * ratios are taken round by round and a drift of the machine's speed cancels out. Medians everywhere, since a stall of
 * the machine is an outlier and not a property of the contender. No clock and no unseeded randomness: same figures,
 * same answer.
 */

/** Of a set of rounds: how many, and how they spread. @typedef {{ n: number, min: number, q1: number, median: number, q3: number, max: number }} Spread */
/** A figure and the interval that holds its true value with 95 % confidence. `enough`: false when so few rounds cannot give that confidence.
 *  @typedef {{ n: number, value: number, low: number, high: number, enough: boolean }} Interval */
/** @typedef {'met' | 'lost' | 'undecided'} Verdict */

/** The range of 5 values misses the median with 2 * 0.5^5 = 6 %, that of 6 with 3 %: with fewer nothing distribution-free reaches 95 %. */
export const MIN_ROUNDS = 6;
const RESAMPLES = 4000;
const SEED = 20;

const ascending = (list) => Float64Array.from(list).sort();

/** @param {ArrayLike<number>} order ascending, not empty; @param {number} share 0 to 1; linear between neighbours. */
function quantileOf(order, share) {
  const place = (order.length - 1) * share;
  const below = Math.floor(place);
  return order[below] + (place - below) * ((order[below + 1] ?? order[below]) - order[below]);
}

/** @param {readonly number[]} list @param {number} share 0 to 1 @returns {number} NaN of nothing */
export const quantile = (list, share) => (list.length === 0 ? NaN : quantileOf(ascending(list), share));

/** @param {readonly number[]} list */
export const median = (list) => quantile(list, 0.5);

/** @param {readonly number[]} list @returns {Spread} */
export function spread(list) {
  const order = ascending(list);
  const at = (share) => (order.length === 0 ? NaN : quantileOf(order, share));
  return { n: order.length, min: at(0), q1: at(0.25), median: at(0.5), q3: at(0.75), max: at(1) };
}

/** Numbers in [0, 1), the same for the same seed (mulberry32: 32 bits of state, plenty for some million draws). @param {number} seed */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Below which share of a normal distribution x lies (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normalShare(x) {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return x > 0 ? 1 - tail : tail;
}

/** 97.5 % quantile of Student's t (Cornish-Fisher around the normal one; within 0.003 from 5 degrees of freedom on). */
export function studentQuantile(freedom) {
  const z = 1.959963985;
  const terms = [(z ** 3 + z) / 4, (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96, (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384];
  return terms.reduce((sum, term, i) => sum + term / freedom ** (i + 1), z);
}

/**
 * The median with its interval, by the percentile bootstrap. That is too narrow for small samples (92 % instead of 95 %
 * with 10 rounds), so the percentiles are pushed outwards as Hesterberg does (2015, "expanded percentile interval");
 * test/unit/bench/stats.test.ts simulates what it covers. O(resamples * n).
 * @param {readonly number[]} list @param {{ seed?: number, resamples?: number }} [options] @returns {Interval}
 */
export function medianInterval(list, { seed = SEED, resamples = RESAMPLES } = {}) {
  const n = list.length;
  const value = median(list);
  if (n < MIN_ROUNDS) {
    const { min, max } = spread(list);
    return { n, value, low: min, high: max, enough: false };
  }
  const random = randomOf(seed);
  const medians = new Float64Array(resamples);
  const draw = new Float64Array(n);
  for (let round = 0; round < resamples; round++) {
    for (let i = 0; i < n; i++) draw[i] = list[Math.floor(random() * n)];
    medians[round] = quantileOf(draw.sort(), 0.5);
  }
  medians.sort();
  const tail = normalShare(-Math.sqrt(n / (n - 1)) * studentQuantile(n - 1));
  return { n, value, low: quantileOf(medians, tail), high: quantileOf(medians, 1 - tail), enough: true };
}

/**
 * How many times `ours` is `theirs`, round by round; a round that either lacks (null, NaN, not positive) is left out.
 * Taken on logarithms, so that exchanging the two gives exactly the inverse.
 * @param {readonly (number | null | undefined)[]} ours @param {readonly (number | null | undefined)[]} theirs
 * @param {{ seed?: number, resamples?: number }} [options]
 * @returns {Interval & { ratios: number[] }}
 */
export function pairedRatio(ours, theirs, options) {
  const usable = (x) => typeof x === 'number' && x > 0 && Number.isFinite(x);
  const logs = [];
  for (let i = 0; i < Math.min(ours.length, theirs.length); i++) {
    if (usable(ours[i]) && usable(theirs[i])) logs.push(Math.log(ours[i] / theirs[i]));
  }
  const { n, value, low, high, enough } = medianInterval(logs, options);
  return { n, value: Math.exp(value), low: Math.exp(low), high: Math.exp(high), enough, ratios: logs.map(Math.exp) };
}

/**
 * Whether a goal is reached: only when the whole interval is on its good side; lost when the whole interval is on the
 * bad side; else the rounds do not decide it.
 * @param {Pick<Interval, 'low' | 'high' | 'enough'>} interval @param {{ ratio: number, direction: 'atLeast' | 'atMost' }} goal @returns {Verdict}
 */
export function verdict({ low, high, enough }, { ratio, direction }) {
  if (!enough || Number.isNaN(low) || Number.isNaN(high)) return 'undecided';
  const [met, lost] = direction === 'atLeast' ? [low >= ratio, high < ratio] : [high <= ratio, low > ratio];
  return met ? 'met' : lost ? 'lost' : 'undecided';
}

/** The verdict of a goal that must hold against each of several peers. @param {readonly Verdict[]} verdicts @returns {Verdict} */
export function worst(verdicts) {
  if (verdicts.length === 0 || verdicts.includes('undecided')) return verdicts.includes('lost') ? 'lost' : 'undecided';
  return verdicts.includes('lost') ? 'lost' : 'met';
}
