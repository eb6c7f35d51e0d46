/** What is better read than seen: the overview, system calls, memory, and the rounds as numbers. */
import { median, pairedRatio } from '../../stats.mjs';
import { count, digits3, memory, ratio } from './format.mjs';
import { html } from './html.mjs';
import { metricOf, own, present, roundsOf, summary } from './metrics.mjs';

const SHOWN_CALLS = 9;
const LEAST_CALLS = 0.005;

/** Whether ours is better than another by more than the noise: the interval of the ratio does not hold 1. */
function standing(times, more) {
  if (!times.enough) return 'open';
  if ((times.low <= 1 && times.high >= 1)) return 'even';
  return times.low > 1 === more ? 'ahead' : 'behind';
}
const GLYPH = { ahead: '▲', behind: '▼', even: '≈', open: '' };
const SAID = { ahead: 'better than', behind: 'worse than', even: 'no difference found to', open: 'compared in too few rounds with' };

function overviewCell(scenario, contender, ours) {
  const rounds = roundsOf(scenario, contender.name, scenario.primary);
  const metric = metricOf(scenario.primary, scenario);
  if (present(rounds).length === 0) {
    const why = own(scenario.skipped, contender.name);
    return html`<td class="muted" title="${why ?? 'not measured'}">${why === undefined ? '–' : 'skipped'}</td>`;
  }
  const figure = metric.show(summary(metric, rounds));
  if (ours === undefined || contender === ours) return html`<td class="ours">${figure}</td>`;
  const times = pairedRatio(roundsOf(scenario, ours.name, scenario.primary), rounds);
  if (metric.counted || times.n === 0) return html`<td>${figure}</td>`;
  const how = standing(times, metric.more);
  return html`<td class="${how}" title="${ours.title} is ${SAID[how]} ${contender.title}">${figure}<small><i>${GLYPH[how]}</i> ${ratio(times.value)}</small></td>`;
}

/** Variants that take part in one row of many are in that row's figures only. */
export function columnsOf(result) {
  const rows = ({ name }) => result.scenarios.filter((s) => own(s.runs, name) !== undefined).length;
  return result.contenders.map((contender, index) => ({ contender, index })).filter(({ contender }) => rows(contender) >= Math.min(2, result.scenarios.length) && rows(contender) > 0);
}

/** Every scenario's main figure for every contender. */
export function overview(result) {
  const ours = result.contenders.find(({ kind }) => kind === 'self');
  const columns = columnsOf(result);
  const head = columns.map(({ contender, index }) => html`<th scope="col" class="c c${index}"><i class="swatch"></i>${contender.title}</th>`);
  const rows = result.scenarios.map((scenario, i) => {
    const metric = metricOf(scenario.primary, scenario);
    return html`<tr><th scope="row"><a href="#s${i}">${scenario.title}</a><small>${metric.title}, ${metric.unit}</small></th>${columns.map(({ contender }) => overviewCell(scenario, contender, ours))}</tr>`;
  });
  return html`<section class="card" id="overview"><h2>At a glance</h2><p class="lead">Medians of all rounds; below each, how many times ${ours?.title ?? 'ours'}’s figure is that one. <span class="ahead">▲</span> ${ours?.title ?? 'ours'} is better, <span class="behind">▼</span> worse, <span class="even">≈</span> the rounds show no difference.</p><div class="scroll"><table class="overview"><thead><tr><th></th>${head}</tr></thead><tbody>${rows}</tbody></table></div></section>`;
}

/** System calls per request of a scenario, the most frequent ones by name. */
export function systemCallTable(contenders, scenario) {
  const counted = scenario.systemCalls ?? {};
  const rows = contenders.map((contender, index) => ({ contender, index, calls: own(counted, contender.name) })).filter(({ calls }) => calls !== undefined);
  if (rows.length === 0) return null;
  const total = (calls) => Object.values(calls).reduce((sum, n) => sum + n, 0);
  const most = new Map();
  for (const { calls } of rows) for (const [name, n] of Object.entries(calls)) most.set(name, Math.max(most.get(name) ?? 0, n));
  const names = [...most].sort((a, b) => b[1] - a[1]).filter(([, n]) => n >= LEAST_CALLS).slice(0, SHOWN_CALLS).map(([name]) => name);
  const rest = (calls) => total(calls) - names.reduce((sum, name) => sum + (own(calls, name) ?? 0), 0);
  const cell = (n) => html`<td${n === undefined || n < LEAST_CALLS ? html` class="muted"` : null}>${n === undefined ? '·' : n < LEAST_CALLS ? '~0' : n.toFixed(2)}</td>`;
  const body = rows
    .sort((a, b) => total(a.calls) - total(b.calls))
    .map(({ contender, index, calls }) => html`<tr class="c c${index}"><th scope="row"><i class="swatch"></i>${contender.title}</th><td class="sum">${total(calls).toFixed(2)}</td>${names.map((name) => cell(own(calls, name)))}${cell(rest(calls))}</tr>`);
  return html`<figure class="wide"><figcaption><b>System calls per request</b> <span class="unit">counted in a separate run, which they slow down</span></figcaption><div class="scroll"><table><thead><tr><th></th><th scope="col">all</th>${names.map((name) => html`<th scope="col"><code>${name}</code></th>`)}<th scope="col">others</th></tr></thead><tbody>${body}</tbody></table></div></figure>`;
}

/** Instructions per request, which a busy machine does not change as it changes times. */
export function instructionTable(contenders, scenario) {
  const counted = scenario.instructions ?? {};
  const sum = ({ user, system }) => user + system;
  const rows = contenders.map((contender, index) => ({ contender, index, of: own(counted, contender.name) })).filter(({ of }) => of !== undefined);
  if (rows.length === 0) return null;
  const most = Math.max(...rows.map(({ of }) => sum(of)));
  const ours = rows.find(({ contender }) => contender === contenders.find(({ kind }) => kind === 'self'));
  const row = ({ contender, index, of }) =>
    html`<tr class="c c${index}"><th scope="row"><i class="swatch"></i>${contender.title}</th><td>${count(of.user)}</td><td>${count(of.system)}</td><td class="sum"><span class="level" style="--part:${(sum(of) / most).toFixed(3)}">${count(sum(of))}</span></td><td>${ours !== undefined && ratio(sum(ours.of) / sum(of))}</td></tr>`;
  return html`<figure><figcaption><b>Instructions per request</b> <span class="unit">counted in a separate run</span></figcaption><div class="scroll"><table><thead><tr><th></th><th scope="col">user</th><th scope="col">system</th><th scope="col">both</th><th scope="col">${ours !== undefined && `${ours.contender.title} to it`}</th></tr></thead><tbody>${rows.sort((a, b) => sum(a.of) - sum(b.of)).map(row)}</tbody></table></div></figure>`;
}

/** The resident memory at the end of every scenario. */
export function memoryTable(result) {
  const measured = (scenario, { name }) => present(roundsOf(scenario, name, 'rssKiB'));
  const scenarios = result.scenarios.filter((s) => result.contenders.some((c) => measured(s, c).length > 0));
  if (scenarios.length === 0) return null;
  const shared = (scenario, { name }) => present(roundsOf(scenario, name, 'pssKiB'));
  const rows = columnsOf(result).map(({ contender, index }) => ({ index, contender, of: scenarios.map((s) => measured(s, contender)), once: scenarios.map((s) => shared(s, contender)) })).filter(({ of }) => of.some((list) => list.length > 0));
  const most = Math.max(...rows.flatMap(({ of }) => of.filter((list) => list.length > 0).map(median)));
  const cell = (list, once) => (list.length === 0 ? html`<td class="muted">–</td>` : html`<td><span class="level" style="--part:${(median(list) / most).toFixed(3)}">${memory(median(list))}</span>${once.length > 0 && html`<small>${memory(median(once))}</small>`}</td>`);
  return html`<section class="card" id="memory"><h2>Memory</h2><p class="lead">Resident memory of all processes of a contender (median of the rounds); the bars share one scale from zero.${rows.some(({ once }) => once.some((list) => list.length > 0)) && ' Below it, with pages that processes share counted once.'}</p><div class="scroll"><table class="memory"><thead><tr><th></th>${rows.map(({ contender, index }) => html`<th scope="col" class="c c${index}"><i class="swatch"></i>${contender.title}</th>`)}</tr></thead><tbody>${scenarios.map((s, i) => html`<tr><th scope="row">${s.title}</th>${rows.map(({ of, once }) => cell(of[i], once[i]))}</tr>`)}</tbody></table></div></section>`;
}

/** Every round of every contender, for whoever wants to check the statistics. */
export function roundsTable(contenders, scenario) {
  const names = [...new Set([scenario.primary, 'rate', 'cpuUs', 'rssKiB', 'errors', 'failed', 'contextSwitches'])];
  const metrics = names.filter((name) => contenders.some((c) => roundsOf(scenario, c.name, name).some((x) => x !== null && (name !== 'errors' || x > 0))));
  const columns = contenders.map((contender, index) => ({ contender, index })).filter(({ contender }) => own(scenario.runs, contender.name) !== undefined);
  const blocks = metrics.map((name) => {
    const metric = name === 'errors' ? { title: 'Errors', unit: 'per round', show: digits3 } : metricOf(name, scenario);
    const of = columns.map(({ contender }) => roundsOf(scenario, contender.name, name));
    const rounds = Math.max(...of.map((list) => list.length));
    const row = (i) => html`<tr><th scope="row">${i + 1}</th>${of.map((list) => html`<td>${list[i] === null || list[i] === undefined ? '–' : metric.show(list[i])}</td>`)}</tr>`;
    return html`<table class="rounds"><caption>${metric.title}, ${metric.unit}</caption><thead><tr><th scope="col">round</th>${columns.map(({ contender, index }) => html`<th scope="col" class="c c${index}">${contender.title}</th>`)}</tr></thead><tbody>${Array.from({ length: rounds }, (_, i) => row(i))}</tbody></table>`;
  });
  return blocks.length > 0 && html`<details class="wide"><summary>Every round in numbers</summary><div class="scroll">${blocks}</div></details>`;
}
