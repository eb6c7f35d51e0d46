/** The charts: uPlot with the colours of the theme, one cursor for all of them, and always the last five minutes. */
// @ts-expect-error: served from the package
import uPlot from './uPlot.esm.js';
import { el, setAttribute } from './dom.js';
import { count, ms, rate } from './format.js';
import { SPAN_SECONDS } from './series.js';

const HEIGHT = 190;
/** The first minute is not squeezed into a corner. */
const LEAST_SPAN_SECONDS = 60;
const SYNC = 'millrace';

/** @typedef {{ column: import('./series.js').Column, label: string, color: string, fill?: boolean }} Line */
/** @typedef {{ title: string, unit: string, lines: Line[], value: (value: number | null | undefined) => string, log?: boolean }} Shown */

/** `color`: a custom property of style.css. @type {Record<string, Shown>} */
export const CHARTS = {
  requests: { title: 'Requests', unit: 'per second', value: rate, lines: [{ column: 'requests', label: 'requests/s', color: '--line-1', fill: true }] },
  errors: {
    title: 'Errors',
    unit: 'per second',
    value: rate,
    lines: [
      { column: '4xx', label: '4xx/s', color: '--line-4xx' },
      { column: '5xx', label: '5xx/s', color: '--line-5xx' },
      { column: 'none', label: 'no answer/s', color: '--line-none' },
    ],
  },
  latency: {
    title: 'Latency',
    unit: 'ms, logarithmic, over the last 10 s',
    value: ms,
    log: true,
    lines: [
      { column: 'p50', label: 'p50', color: '--line-p50' },
      { column: 'p90', label: 'p90', color: '--line-p90' },
      { column: 'p99', label: 'p99', color: '--line-p99' },
      { column: 'p999', label: 'p99.9', color: '--line-p999' },
    ],
  },
  active: {
    title: 'In flight',
    unit: 'requests',
    value: count,
    lines: [
      { column: 'active', label: 'requests', color: '--line-1', fill: true },
      { column: 'second', label: 'connections', color: '--line-2' },
    ],
  },
};

/** A colour of the theme as the canvas needs it: computed. @param {Element} probe @param {string} name */
function color(probe, name) {
  const element = /** @type {HTMLElement} */ (probe);
  element.style.color = `var(${name})`;
  return getComputedStyle(element).color;
}

/** From below the least to above the greatest, never less than a decade. @param {unknown} _u @param {number | null} min @param {number | null} max */
function logRange(_u, min, max) {
  if (min === null || max === null || !(max > 0)) return [0.1, 100];
  const low = Math.max(0.001, min) / 1.5;
  return [low, Math.max(max * 1.5, low * 10)];
}

/** @param {unknown} _u @param {number | null} min @param {number | null} max */
function timeRange(_u, min, max) {
  if (min === null || max === null) return [0, LEAST_SPAN_SECONDS];
  return [max - Math.min(SPAN_SECONDS, Math.max(LEAST_SPAN_SECONDS, max - min)), max];
}

/** Powers of ten; between few of them, twice and five times those, too. @param {unknown} _u @param {number} _axis @param {number} min @param {number} max */
function logSplits(_u, _axis, min, max) {
  const steps = max / min > 500 ? [1] : [1, 2, 5];
  const splits = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) splits.push(...steps.map((step) => step * 10 ** power));
  return splits.filter((split) => split >= min && split <= max);
}

/** @param {unknown} _u @param {number | null} _min @param {number | null} max */
const fromZero = (_u, _min, max) => [0, max === null || max <= 0 ? 1 : max * 1.12];

export class Chart {
  /** @type {HTMLElement} */
  element;
  #shown;
  #plotAt;
  #probe;
  /** @type {any} */
  #plot = null;
  #width = 0;
  /** @type {import('./series.js').Series | null} */
  #series = null;
  #second = '';

  /** @param {Shown} shown */
  constructor(shown) {
    this.#shown = shown;
    this.#probe = el('span', { hidden: true });
    this.#plotAt = el('div', { class: 'plot', role: 'img' });
    this.element = el('figure', { class: 'chart card' }, el('figcaption', {}, el('h3', {}, shown.title), ' ', el('span', { class: 'unit' }, shown.unit)), this.#plotAt, this.#probe);
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width === 0 || width === this.#width) return;
      this.#width = width;
      if (this.#plot === null) this.#build();
      else this.#plot.setSize({ width, height: HEIGHT });
    }).observe(this.#plotAt);
  }

  /** @param {import('./series.js').Series} series @param {string} second what the second line of the last chart counts */
  update(series, second) {
    this.#series = series;
    if (second !== this.#second) {
      this.#second = second;
      if (this.#shown.lines.some(({ column }) => column === 'second') && this.#plot !== null) this.#build();
    }
    this.#plot?.setData(this.#data());
    const last = this.#shown.lines.map(({ column, label }) => `${this.#label(column, label)} ${this.#shown.value(series.last(column))}`);
    setAttribute(this.#plotAt, 'aria-label', `${this.#shown.title}, ${this.#shown.unit}, now: ${last.join(', ')}`);
  }

  /** Colours are fixed when a plot is made. */
  themeChanged() {
    if (this.#plot !== null) this.#build();
  }

  #data() {
    return this.#series === null ? [[], ...this.#shown.lines.map(() => [])] : this.#series.data(this.#shown.lines.map(({ column }) => column));
  }

  /** @param {string} column @param {string} label */
  #label(column, label) {
    return column === 'second' && this.#second !== '' ? this.#second : label;
  }

  #build() {
    this.#plot?.destroy();
    const of = (/** @type {string} */ name) => color(this.#probe, name);
    const { lines, value, log } = this.#shown;
    const axis = { stroke: of('--muted'), grid: { stroke: of('--grid'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const format = (/** @type {unknown} */ _u, /** @type {(number | null)[]} */ splits) => splits.map((split) => (split === null ? '' : log ? ms(split).replace(/\.0+ |(\.\d*[1-9])0+ /, '$1 ') : value === count ? count(split) : rate(split)));
    const options = {
      width: this.#width,
      height: HEIGHT,
      padding: [8, 26, 0, 0],
      cursor: { sync: { key: SYNC }, y: false, points: { size: 6 }, drag: { x: false, y: false, setScale: false } },
      legend: { live: true },
      scales: {
        x: { time: true, range: timeRange },
        y: log ? { distr: 3, range: logRange } : { range: fromZero },
      },
      axes: [
        { ...axis, space: 70, size: 26, gap: 4, values: (/** @type {unknown} */ _u, /** @type {number[]} */ splits) => splits.map((at) => ((splits[1] ?? at) - (splits[0] ?? at) < 60 ? SECONDS : TIME).format(at * 1000)) },
        { ...axis, size: 56, gap: 6, space: log ? 1 : 34, values: format, ...(log ? { splits: logSplits, filter: (/** @type {unknown} */ _u, /** @type {number[]} */ splits) => splits } : {}) },
      ],
      series: [
        { label: 'at', value: (/** @type {unknown} */ _u, /** @type {number | null} */ at) => (at === null ? 'now' : SECONDS.format(at * 1000)) },
        ...lines.map(({ column, label, color: name, fill }) => ({
          label: this.#label(column, label),
          stroke: of(name),
          width: 1.5,
          points: { show: false },
          ...(fill ? { fill: of('--fill-1') } : {}),
          // Without a cursor the legend shows the newest value.
          value: (/** @type {any} */ _u, /** @type {number | null} */ at, /** @type {number} */ _i, /** @type {number | null} */ index) => value(index === null ? this.#series?.last(column) : at),
        })),
      ],
    };
    this.#plot = new uPlot(options, this.#data(), this.#plotAt);
  }
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
