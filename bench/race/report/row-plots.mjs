/** Figures with one row per contender and a common axis: every round as a dot, or the user and system part of the CPU as a bar. */
import { median, medianInterval, pairedRatio } from '../../stats.mjs';
import { between, clipped, digits3, ratio } from './format.mjs';
import { html } from './html.mjs';
import { metricOf, present, roundsOf, summary } from './metrics.mjs';
import { fromZero, percent } from './scale.mjs';

const HEIGHT = 30;
const MARGIN = 4;
/** A row this many times the median row is cut. */
const CUT_ABOVE = 3;
/** Below this the load generator or the origin was the limit, and throughput says less than CPU. */
const BUSY = 0.95;

/** @typedef {{ index: number, contender: any, rounds: (number | null)[], interval: import('../../stats.mjs').Interval }} Row */

/** The contenders that have rounds of this metric, best first. @returns {Row[]} */
export function rowsOf(contenders, scenario, name) {
  const rows = contenders.map((contender, index) => {
    const rounds = roundsOf(scenario, contender.name, name);
    return { index, contender, rounds, interval: medianInterval(present(rounds)) };
  });
  const sign = metricOf(name, scenario).more ? -1 : 1;
  return rows.filter(({ interval }) => interval.n > 0).sort((a, b) => sign * (a.interval.value - b.interval.value) || a.index - b.index);
}

/** The first of ours is what the others are compared with. @param {any[]} contenders @param {Row[]} rows */
const reference = (contenders, rows) => rows.find(({ contender }) => contender === contenders.find(({ kind }) => kind === 'self'));

function comparison(row, ours) {
  if (ours === undefined || row === ours) return null;
  const times = pairedRatio(ours.rounds, row.rounds);
  return times.n > 0 && html`<small title="${ours.contender.title} divided by ${row.contender.title}, round by round"><b>${ratio(times.value)}</b> ${times.enough && between(times)}</small>`;
}

/** Rounds go from the top of the row to its bottom, so a drift of the machine shows as the same slant in every row. */
function dots({ rounds, interval }, scale, metric) {
  const y = (i) => (rounds.length < 2 ? HEIGHT / 2 : MARGIN + ((HEIGHT - 2 * MARGIN) * i) / (rounds.length - 1));
  const width = Math.max(scale.at(interval.high) - scale.at(interval.low), 0.2);
  return html`${interval.enough && html`<rect class="interval" x="${percent(scale.at(interval.low))}" width="${percent(width)}" y="0" height="${HEIGHT}"/>`}
${rounds.map((value, i) => value !== null && html`<circle cx="${percent(scale.at(value))}" cy="${y(i).toFixed(1)}" r="2.4"><title>round ${i + 1}: ${metric.show(value)}</title></circle>`)}
<line class="median" x1="${percent(scale.at(interval.value))}" x2="${percent(scale.at(interval.value))}" y1="0" y2="${HEIGHT}"/>`;
}

const grid = (scale) => scale.ticks.map((tick) => html`<line class="grid" x1="${percent(scale.at(tick))}" x2="${percent(scale.at(tick))}" y1="-5" y2="${HEIGHT + 5}"/>`);

function axis(scale, show, ours) {
  const anchor = (i) => (i === 0 ? 'start' : i === scale.ticks.length - 1 ? 'end' : 'middle');
  return html`<div class="row axis" aria-hidden="true"><span class="name"></span><svg height="16">${scale.ticks.map((tick, i) => html`<text x="${percent(scale.at(tick))}" y="12" text-anchor="${anchor(i)}">${show(tick)}</text>`)}</svg><span class="value">${ours !== undefined && html`<small>×: ${clipped(ours.contender.title)} to this</small>`}</span></div>`;
}

const short = (x) => (x >= 10_000 ? `${digits3(x / 1000).replace(/\.0+$/, '')}k` : digits3(x).replace(/\.0+$/, ''));

const row = (one, drawing, value, note) =>
  html`<div class="row c c${one.index}"><span class="name">${one.contender.title}</span><svg height="${HEIGHT}" role="img" aria-label="${one.contender.title}: ${value}">${drawing}</svg><span class="value">${value}${note}</span></div>`;

const caption = (metric, note) => html`<figcaption><b>${metric.title}</b> <span class="unit">${metric.unit}</span> <span class="better">${metric.more ? 'more is better' : 'less is better'}</span>${note && html`<span class="note">${note}</span>`}</figcaption>`;

/**
 * From zero to the largest round. Where a few contenders need many times what the usual one does, the axis ends behind the
 * others, and those few are cut (and say so): else nobody could see any difference between the rest.
 * @param {Row[]} rows @param {import('./metrics.mjs').Metric} metric
 */
function scaleOf(rows, metric) {
  const all = (list) => list.flatMap(({ rounds }) => present(rounds));
  const usual = median(rows.map(({ interval }) => interval.value));
  const inside = metric.more || metric.counted ? rows : rows.filter(({ interval }) => interval.value <= CUT_ABOVE * usual);
  return fromZero(Math.max(...all(inside)), metric.counted ? { least: 1 } : {});
}

/** What share of its core a contender used, where it left so much that something else was the limit. */
function idle(scenario, { contender }) {
  const busy = median(present(roundsOf(scenario, contender.name, 'busy')));
  return busy < BUSY && html`<small class="why">core ${Math.round(busy * 100)} % busy</small>`;
}

/** Past the right end. */
const isCut = (scale, { interval }) => scale.at(interval.value) > 100.001;
const cutMark = html`<text class="cut" x="100%" y="${HEIGHT / 2 + 4}" text-anchor="end">beyond the scale ▸</text>`;

/** Every round of a metric. @param {any[]} contenders @param {any} scenario @param {string} name */
export function dotPlot(contenders, scenario, name) {
  const metric = metricOf(name, scenario);
  const rows = rowsOf(contenders, scenario, name);
  if (rows.length === 0) return null;
  const scale = scaleOf(rows, metric);
  const ours = reference(contenders, rows);
  const axisText = name === 'rate' || metric.show === digits3 ? short : metric.show;
  const shown = rows.map((one) => row(one, html`${grid(scale)}${isCut(scale, one) ? cutMark : dots(one, scale, metric)}`, metric.counted ? html`${metric.show(summary(metric, one.rounds))}<small>in all rounds</small>` : metric.show(one.interval.value), metric.counted ? null : html`${comparison(one, ours)}${metric.more && idle(scenario, one)}`));
  const direct = name === 'rate' && scenario.direct?.rate;
  return html`<figure class="plot">${caption(metric, direct && html`straight to the origin: ${metric.show(direct)}`)}${shown}${axis(scale, axisText, metric.counted ? undefined : ours)}</figure>`;
}

/** The median CPU time of a request, the part in user mode and the part in the kernel, and all rounds of their sum. */
export function cpuPlot(contenders, scenario) {
  const rows = rowsOf(contenders, scenario, 'cpuUs');
  if (rows.length === 0) return null;
  const metric = metricOf('cpuUs');
  const scale = scaleOf(rows, metric);
  const ours = reference(contenders, rows);
  const shown = rows.map((one) => {
    const user = medianInterval(present(roundsOf(scenario, one.contender.name, 'userUs'))).value;
    // The medians of both parts need not add up to the median of the sum, which is what the bar is about.
    const system = one.interval.value - user;
    const bar = isCut(scale, one)
      ? html`<rect class="user" x="0" width="${percent(100 * (user / one.interval.value || 0))}" y="7" height="16"/><rect class="system" x="${percent(100 * (user / one.interval.value || 0))}" width="${percent(100 * (1 - (user / one.interval.value || 0)))}" y="7" height="16"/>${cutMark}`
      : Number.isNaN(user)
      ? html`<rect class="system" x="0" width="${percent(scale.at(one.interval.value))}" y="7" height="16"/>`
      : html`<rect class="user" x="0" width="${percent(scale.at(user))}" y="7" height="16"><title>user ${metric.show(user)} µs</title></rect><rect class="system" x="${percent(scale.at(user))}" width="${percent(Math.max(scale.at(system), 0))}" y="7" height="16"><title>system ${metric.show(system)} µs</title></rect>`;
    const parts = Number.isNaN(user) ? null : html`<small title="user + system">${metric.show(user)} + ${metric.show(system)}</small>`;
    return row(one, html`${grid(scale)}${bar}${!isCut(scale, one) && dots(one, scale, metric)}`, metric.show(one.interval.value), html`${parts}${comparison(one, ours)}`);
  });
  return html`<figure class="plot cpu">${caption(metric, html`<span class="key user"></span>user <span class="key system"></span>system`)}${shown}${axis(scale, short, ours)}</figure>`;
}
