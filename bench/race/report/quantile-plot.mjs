/**
 * Latency by percentile, HdrHistogram style: every step to the right is a tenth of the requests, and latency is logarithmic.
 * Of each round's quantiles the median is drawn, with the range over the rounds; where the rounds' merged histogram is there, the curve
 * is its. What too few requests speak for is dashed (fewer than 100 beyond it, or 10 in a round) or left out (fewer than 10, or 1).
 */
import { median, spread } from '../../stats.mjs';
import { clipped, duration } from './format.mjs';
import { html } from './html.mjs';
import { own, SHARES } from './metrics.mjs';
import { apart, logarithmic, nines, percent } from './scale.mjs';

const HEIGHT = 240;
const LABEL = 15;
const SOLID_BEYOND = 100;
const SHOWN_BEYOND = 10;
/** A round's own quantile needs a tenth of these. */
const ROUNDS = 10;
/** Left end: half of the requests. Right end: one in ten thousand. */
const [FIRST, LAST] = [nines(0.5), 4];
/** @type {[name: string, share: number, text: string][]} */
const QUANTILES = Object.entries({ p50: '50', p90: '90', p99: '99', p999: '99.9', p9999: '99.99' }).map(([name, text]) => [name, SHARES[name], text]);
const DIRECT = { title: 'direct, no proxy', kind: 'direct' };

/** @typedef {{ share: number, beyond: number, median: number }} Point `beyond`: how many requests took longer. */

const x = (share) => (100 * (nines(share) - FIRST)) / (LAST - FIRST);

/** The quantiles that enough requests speak for. @param {any[]} rounds @returns {(Point & { name: string, min: number, max: number, n: number })[]} */
function pointsOf(rounds) {
  const usable = rounds.filter((q) => q !== null);
  const counts = usable.map((q) => q.count);
  const requests = Math.min(counts.reduce((sum, n) => sum + n, 0), ROUNDS * median(counts));
  return QUANTILES.flatMap(([name, share]) => {
    const values = usable.map((q) => q[name]).filter((v) => typeof v === 'number' && v > 0);
    const beyond = requests * (1 - share);
    return values.length === 0 || beyond < SHOWN_BEYOND ? [] : [{ name, share, beyond, ...spread(values) }];
  });
}

/** The steps of a merged histogram from the median on. @param {[number, number][]} histogram @returns {Point[]} */
function curveOf(histogram) {
  const total = histogram.reduce((sum, [, n]) => sum + n, 0);
  const curve = [];
  let seen = 0;
  for (const [upper, n] of histogram) {
    seen += n;
    const beyond = total - seen;
    const share = Math.min(seen / total, 1 - 10 ** -LAST);
    if (share >= 0.5 && upper > 0 && beyond >= SHOWN_BEYOND) curve.push({ share, beyond, median: upper });
    if (share >= 1 - 10 ** -LAST) break;
  }
  return curve;
}

/** All lines of one load, `direct` last. @param {any[]} contenders @param {any} latency @param {string} load
 *  @returns {{ contender: any, index: number, points: ReturnType<typeof pointsOf>, curve: Point[], longest: number }[]} */
export function linesOf(contenders, latency, load) {
  const named = [...contenders.map((contender, index) => ({ contender, index, name: contender.name })), { contender: DIRECT, index: contenders.length, name: 'direct' }];
  return named.flatMap(({ contender, index, name }) => {
    const of = own(latency, name);
    const points = pointsOf((of && own(of, load)) ?? []);
    if (points.length === 0) return [];
    const histogram = of.histogram?.[load];
    const curve = histogram === undefined ? [] : curveOf(histogram);
    return [{ contender, index, points, curve: curve.length > 1 ? curve : points, longest: Math.max(...of[load].map((q) => q?.max ?? 0)) }];
  });
}

const path = (points, scale) => points.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(p.share).toFixed(2)} ${(100 - scale.at(p.median)).toFixed(2)}`).join('');

function drawLine({ index, points, curve }, scale) {
  const solid = curve.filter(({ beyond }) => beyond >= SOLID_BEYOND);
  const faint = curve.slice(Math.max(solid.length - 1, 0));
  const y = (value) => (HEIGHT * (100 - scale.at(value))) / 100;
  return html`<g class="c c${index}"><svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="${HEIGHT}">${solid.length > 1 && html`<path d="${path(solid, scale)}"/>`}${faint.length > 1 && html`<path class="few" d="${path(faint, scale)}"/>`}</svg>
${points.map((p) => html`<line class="range" x1="${percent(x(p.share))}" x2="${percent(x(p.share))}" y1="${y(p.min).toFixed(1)}" y2="${y(p.max).toFixed(1)}"/><circle cx="${percent(x(p.share))}" cy="${y(p.median).toFixed(1)}" r="2.4"/>`)}</g>`;
}

function labels(lines, scale) {
  const ends = lines.map(({ curve }) => (HEIGHT * (100 - scale.at(curve.at(-1).median))) / 100);
  const places = apart(ends, LABEL, 4, HEIGHT);
  return html`<svg class="ends" height="${HEIGHT}" aria-hidden="true">${lines.map(({ contender, index }, i) => html`<g class="c c${index}"><line x1="0" y1="${ends[i].toFixed(1)}" x2="9" y2="${places[i].toFixed(1)}"/><text x="12" y="${(places[i] + 4).toFixed(1)}">${clipped(contender.title)}</text></g>`)}</svg>`;
}

function table(lines) {
  const cell = (points, name) => points.find((p) => p.name === name);
  const one = ({ contender, index, points, longest }) =>
    html`<tr class="c c${index}"><th scope="row"><i class="swatch"></i>${contender.title}</th>${QUANTILES.map(([name]) => {
      const point = cell(points, name);
      return point === undefined ? html`<td class="muted">too few</td>` : html`<td title="${duration(point.min)} .. ${duration(point.max)} over ${point.n} rounds">${duration(point.median)}</td>`;
    })}<td>${duration(longest)}</td></tr>`;
  return html`<div class="scroll"><table><thead><tr><th scope="col">median of the rounds</th>${QUANTILES.map(([, , text]) => html`<th scope="col">p${text}</th>`)}<th scope="col">longest</th></tr></thead><tbody>${lines.map(one)}</tbody></table></div>`;
}

/** The loads of a scenario beside each other, on the same vertical scale. @param {any[]} contenders @param {any} scenario */
export function quantilePlots(contenders, scenario) {
  const latency = scenario.latency ?? {};
  const loads = [...new Set(Object.entries(latency).flatMap(([name, of]) => (name === 'rates' ? [] : Object.keys(of).filter((key) => key !== 'histogram'))))].sort((a, b) => Number(a) - Number(b));
  const panels = loads.map((load) => ({ load, lines: linesOf(contenders, latency, load) })).filter(({ lines }) => lines.length > 0);
  if (panels.length === 0) return null;
  const values = panels.flatMap(({ lines }) => lines.flatMap(({ points, curve }) => [...points.flatMap((p) => [p.min, p.max]), ...curve.map((p) => p.median)]));
  const scale = logarithmic(Math.min(...values), Math.max(...values));
  const y = (tick) => (HEIGHT * (100 - scale.at(tick))) / 100;
  return panels.map(({ load, lines }) => {
    const byTail = [...lines].sort((a, b) => (a.points.at(-1)?.median ?? 0) - (b.points.at(-1)?.median ?? 0));
    const rate = latency.rates?.[load];
    return html`<figure class="plot quantiles"><figcaption><b>Latency at ${load} % load</b> <span class="unit">${rate === undefined ? 'open loop, from the intended send time' : `${Math.round(rate).toLocaleString('en-US')} requests/s, Poisson, from the intended send time`}</span> <span class="better">less is better</span></figcaption>
<div class="field"><svg class="steps" height="${HEIGHT}" aria-hidden="true">${scale.ticks.map((tick) => html`<text x="100%" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${duration(tick)}</text>`)}</svg>
<svg class="curves" height="${HEIGHT}" role="img" aria-label="latency by percentile, as in the table below">${scale.ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}"/>`)}${QUANTILES.map(([, share]) => html`<line class="grid" x1="${percent(x(share))}" x2="${percent(x(share))}" y1="0" y2="${HEIGHT}"/>`)}${[...lines].reverse().map((line) => drawLine(line, scale))}</svg>${labels(lines, scale)}
<svg class="shares" height="18" aria-hidden="true">${QUANTILES.map(([, share, text], i) => html`<text x="${percent(x(share))}" y="13" text-anchor="${i === 0 ? 'start' : i === QUANTILES.length - 1 ? 'end' : 'middle'}">${text} %</text>`)}</svg></div>${table(byTail)}</figure>`;
  });
}
