/** The headline: how many goals were met, lost and left undecided, and for every goal how far from it the measured interval is. */
import { between, ratio } from './format.mjs';
import { html } from './html.mjs';
import { beyond, tally } from './judge.mjs';
import { metricOf, roundsOf, summary } from './metrics.mjs';
import { percent } from './scale.mjs';

const HEIGHT = 26;
/** Half and twice of the goal fill the plot; what is farther out is an arrow at its edge. */
const REACH = Math.log(2);
const MARKS = [[0.5, '½'], [0.8, '0.8'], [1, 'goal'], [1.25, '1.25'], [2, 'twice']];
const SIGN = { met: '✓', lost: '✗', undecided: '?' };
const WORD = { met: 'met', lost: 'lost', undecided: 'undecided' };

export const badge = (verdict) => html`<span class="badge ${verdict}"><span aria-hidden="true">${SIGN[verdict]}</span> ${WORD[verdict]}</span>`;

const at = (score) => 50 + (48 * Math.max(-REACH, Math.min(REACH, score))) / REACH;

/** Everything on one scale: to the right is better than the goal, whether it asks for more or for less. */
function interval({ goal, strongest, verdict }) {
  if (strongest === undefined || goal.limit !== undefined) return null;
  const { low, high, value } = strongest.interval;
  const [left, right] = [beyond(low, goal), beyond(high, goal)].sort((a, b) => a - b);
  const middle = beyond(value, goal);
  const outside = Math.abs(middle) > REACH;
  const edge = percent(at(middle));
  const mark = outside
    ? html`<text class="beyond" x="${edge}" y="${HEIGHT / 2 + 5}" text-anchor="${middle > 0 ? 'end' : 'start'}">${middle > 0 ? '▶' : '◀'}</text>`
    : html`<line class="bar" x1="${percent(at(left))}" x2="${percent(at(right))}" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}"/><circle cx="${edge}" cy="${HEIGHT / 2}" r="5"/>`;
  const even = beyond(1, goal);
  const parity = Math.abs(even) > 0.01 && Math.abs(even) < REACH && html`<line class="parity" x1="${percent(at(even))}" x2="${percent(at(even))}" y1="7" y2="${HEIGHT - 7}"><title>as good as the other</title></line>`;
  return html`<g class="${verdict}">${parity}${mark}</g>`;
}

const frame = MARKS.map(([times]) => html`<line class="${times === 1 ? 'goal' : 'grid'}" x1="${percent(at(Math.log(times)))}" x2="${percent(at(Math.log(times)))}" y1="0" y2="${HEIGHT}"/>`);
const axis = html`<div class="goal-row axis" aria-hidden="true"><span></span><span></span><svg height="16">${MARKS.map(([times, text]) => html`<text x="${percent(at(Math.log(times)))}" y="12" text-anchor="middle">${text}</text>`)}</svg><span></span></div>`;

/** Goals are written in ASCII. @param {string} text */
export const written = (text) => text.replaceAll('>=', '≥').replaceAll('<=', '≤').replace(/(\d)x\b/g, '$1×');

function figure(result, { goal, scenario, contender, strongest }) {
  if (strongest === undefined) return html`<span class="muted">not measured</span>`;
  const metric = metricOf(goal.metric, scenario);
  if (goal.limit !== undefined) return html`<b>${metric.show(summary(metric, roundsOf(scenario, contender.name, goal.metric)))}</b><small>${metric.title.toLowerCase()}</small>`;
  const other = goal.againstScenario === undefined ? result.contenders.find(({ name }) => name === strongest.name)?.title : `its own “${goal.againstScenario}”`;
  return html`<b>${ratio(strongest.interval.value)}</b> ${strongest.interval.enough && between(strongest.interval)}<small>to ${other ?? strongest.name}</small>`;
}

function others(result, judged) {
  const { compared, strongest, goal } = judged;
  if (compared.length < 2) return null;
  const titles = compared.filter((c) => c !== strongest).map((c) => `${result.contenders.find(({ name }) => name === c.name)?.title ?? c.name} ${ratio(c.interval.value)} ${WORD[c.verdict]}`);
  return html`<small class="others">${goal.against === undefined ? '' : 'also '}${titles.join(', ')}</small>`;
}

function goalRow(result, judged) {
  const { scenario, goal, contender, verdict, why } = judged;
  const place = result.scenarios.indexOf(scenario);
  return html`<div class="goal-row c c${result.contenders.indexOf(contender)}">${badge(verdict)}<div class="goal-text"><a href="#s${place}">${scenario.title}</a> ${written(goal.text)}${others(result, judged)}${why !== '' && html`<small class="why">${why}</small>`}</div><svg height="${HEIGHT}" role="img" aria-label="${WORD[verdict]}">${frame}${interval(judged)}</svg><div class="goal-figure">${figure(result, judged)}</div></div>`;
}

const plural = (n) => (n === 1 ? 'goal' : 'goals');

export function tiles(judged) {
  const counts = tally(judged);
  return html`<div class="tiles">${Object.entries(counts).map(([word, n]) => html`<div class="tile ${word}"><span class="number">${n}</span><span>${plural(n)} ${WORD[word]}</span></div>`)}</div>`;
}

/** The headline's goals, explained. @param {any} result @param {import('./judge.mjs').Judged[]} judged */
export function goalPlot(result, judged) {
  if (judged.length === 0) return null;
  return html`<section class="card goals" id="goals"><h2>The goals</h2><p class="lead">The dot is the median ratio over the rounds, its bar the 95 % interval; to the right of the middle line is better than the goal. The short line is where both would be equal.</p>${axis}${judged.map((one) => goalRow(result, one))}${axis}</section>`;
}

/** The same goals for a contender that is ours too, but not the headline. */
export function goalsBeside(result, judged) {
  const contenders = [...new Set(judged.map(({ contender }) => contender))];
  return contenders.map((contender) => {
    const list = judged.filter((j) => j.contender === contender);
    const { met, lost, undecided } = tally(list);
    return html`<section class="card goals"><h2>The same goals for ${contender.title}</h2><p class="lead">${met} met, ${lost} lost, ${undecided} undecided; not counted above.</p>${axis}${list.map((one) => goalRow(result, one))}${axis}</section>`;
  });
}
