/** Five minutes of one thing, one sample a second, as columns for uPlot. */

export const SPAN_SECONDS = 300;
/** A longer silence (a hidden tab, an endpoint that did not answer) is a gap in the line, not a slope. */
const GAP_SECONDS = 5;

const COLUMNS = /** @type {const} */ (['at', 'requests', '4xx', '5xx', 'none', 'p50', 'p90', 'p99', 'p999', 'active', 'second']);
/** @typedef {typeof COLUMNS[number]} Column */

export class Series {
  /** @type {Record<Column, (number | null)[]>} */
  #columns = /** @type {any} */ (Object.fromEntries(COLUMNS.map((name) => [name, []])));

  /**
   * @param {number} at seconds since the epoch
   * @param {{ requests: number | null, class: (name: string) => number | null }} rates
   * @param {any} latency quantiles in milliseconds, or null
   * @param {number | null} active
   * @param {number | null} second connections, or requests that wait
   */
  add(at, rates, latency, active, second) {
    const last = this.#columns.at.at(-1);
    if (last !== undefined && last !== null && at - last > GAP_SECONDS) this.#push([last + 1]);
    const q = (/** @type {string} */ name) => latency?.[name] ?? null;
    this.#push([at, rates.requests, rates.class('4xx'), rates.class('5xx'), rates.class('none'), q('p50'), q('p90'), q('p99'), q('p999'), active, second]);
    while ((this.#columns.at[0] ?? at) < at - SPAN_SECONDS - 1) for (const name of COLUMNS) this.#columns[name].shift();
  }

  /** As uPlot takes them. @param {readonly Column[]} names @returns {(number | null)[][]} */
  data(names) {
    return [this.#columns.at, ...names.map((name) => this.#columns[name])];
  }

  /** @param {Column} name @returns {number | null} */
  last(name) {
    return this.#columns[name].at(-1) ?? null;
  }

  /** @param {(number | null)[]} values */
  #push(values) {
    COLUMNS.forEach((name, i) => this.#columns[name].push(values[i] ?? null));
  }
}
