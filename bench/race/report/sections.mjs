/** The parts of the page that are neither headline nor overview: scenarios, machine, what is missing, how to read it. */
import { dateTime, span } from './format.mjs';
import { badge, written } from './goals.mjs';
import { html } from './html.mjs';
import { quantilePlots } from './quantile-plot.mjs';
import { cpuPlot, dotPlot } from './row-plots.mjs';
import { instructionTable, roundsTable, systemCallTable } from './tables.mjs';

const titleOf = (result, name) => result.contenders.find((c) => c.name === name)?.title ?? result.absent.find((a) => a.name === name)?.title ?? name;

function leftOut(result, scenario) {
  const skipped = Object.entries(scenario.skipped).map(([name, why]) => html`<li><b>${titleOf(result, name)}</b> skipped: ${why}</li>`);
  const voided = scenario.void.map(({ contender, round, why }) => html`<li><b>${titleOf(result, contender)}</b>${round !== undefined && ` round ${round + 1}`} void: ${why}</li>`);
  return skipped.length + voided.length > 0 && html`<ul class="left-out">${skipped}${voided}</ul>`;
}

/** @param {any} result @param {any} scenario @param {import('./judge.mjs').Judged[]} judged of this scenario */
export function scenarioSection(result, scenario, judged) {
  const { contenders } = result;
  const place = result.scenarios.indexOf(scenario);
  const metrics = [scenario.primary, 'rate', 'gbps'].filter((name, i, all) => all.indexOf(name) === i && name !== 'cpuUs');
  // Throughput in both units says the same twice.
  const dots = metrics.filter((name) => !(name === 'rate' && scenario.primary === 'gbps') && !(name === 'gbps' && scenario.primary === 'rate')).map((name) => dotPlot(contenders, scenario, name));
  const figures = [...dots, cpuPlot(contenders, scenario)];
  const goals = judged.filter(({ contender }) => contender === contenders.find(({ kind }) => kind === 'self')).map(({ goal, verdict }) => html`<li>${badge(verdict)} ${written(goal.text)}</li>`);
  return html`<section class="card scenario" id="s${place}"><h2>${scenario.title}</h2><p class="lead">${scenario.what.slice(0, 1).toUpperCase()}${scenario.what.slice(1)}</p>${goals.length > 0 && html`<ul class="verdicts">${goals}</ul>`}${leftOut(result, scenario)}<div class="figures">${figures}${quantilePlots(contenders, scenario)}${instructionTable(contenders, scenario)}${systemCallTable(contenders, scenario)}</div>${roundsTable(contenders, scenario)}</section>`;
}

const said = (value) => (Array.isArray(value) ? value.map(said).join(', ') : value !== null && typeof value === 'object' ? Object.entries(value).map(([key, inner]) => `${key}: ${said(inner)}`).join(' · ') : String(value));
/** A kernel lists every weakness that it knows; of interest are those that this processor has. */
function weaknesses(of) {
  const entries = Object.entries(of);
  const has = entries.filter(([, state]) => state !== 'Not affected');
  return has.length === entries.length ? of : { ...Object.fromEntries(has), 'the other known ones': 'not affected' };
}

const WORDS = { cpu: 'processor', memoryGiB: 'memory, GiB', loadBefore: 'load before', loadAfter: 'load after' };
const spaced = (key) => WORDS[key] ?? key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const facts = (of) => html`<dl class="facts">${Object.entries(of).map(([key, value]) => html`<div><dt>${spaced(key)}</dt><dd>${said(key === 'mitigations' && value !== null && typeof value === 'object' ? weaknesses(value) : value)}</dd></div>`)}</dl>`;

export function machineSection(result) {
  const versions = result.contenders.map((c, index) => html`<tr class="c c${index}"><th scope="row"><i class="swatch"></i>${c.title}</th><td>${c.version}</td><td>${c.kind}</td><td><code>${c.config}</code></td><td class="text">${[c.features && `with everything on: ${c.features}`, c.note].filter(Boolean).join('; ')}${Array.isArray(c.check?.headers) && html`<small>the origin sees: ${said(c.check.headers)}</small>`}</td></tr>`);
  const absent = result.absent.map(({ name, why }) => html`<li><b>${name}</b>: ${why}</li>`);
  return html`<section class="card" id="machine"><h2>Machine, versions, options</h2><div class="halves"><div><h3>Machine</h3>${facts(result.machine)}</div><div><h3>Options</h3>${facts(result.options)}</div></div>
<h3>Contenders</h3><div class="scroll"><table class="versions"><thead><tr><th></th><th scope="col">version</th><th scope="col">kind</th><th scope="col">configuration</th><th scope="col" class="text">note</th></tr></thead><tbody>${versions}</tbody></table></div>
<h3>Absent</h3>${absent.length > 0 ? html`<ul class="left-out">${absent}</ul>` : html`<p>Nobody: every contender that the race knows was there.</p>`}
${missing(result)}</section>`;
}

/** One list of everything that was skipped or void, so that nothing is found only by scrolling. */
function missing(result) {
  const rows = result.scenarios.flatMap((s, i) => [
    ...Object.entries(s.skipped).map(([name, why]) => html`<tr><th scope="row"><a href="#s${i}">${s.title}</a></th><td class="text">${titleOf(result, name)}</td><td class="text">skipped: ${why}</td></tr>`),
    ...s.void.map(({ contender, round, why }) => html`<tr><th scope="row"><a href="#s${i}">${s.title}</a></th><td class="text">${titleOf(result, contender)}</td><td class="text">${round === undefined ? 'void' : `round ${round + 1} void`}: ${why}</td></tr>`),
  ]);
  return html`<h3>Skipped and void</h3>${rows.length > 0 ? html`<div class="scroll"><table class="missing"><tbody>${rows}</tbody></table></div>` : html`<p>Nothing.</p>`}`;
}

export function readingSection(result) {
  return html`<section class="card reading" id="reading"><h2>How to read this</h2><div class="halves"><div><ul>
<li><b>Every round is a dot.</b> All contenders run in turns (A B C A B C), and the rounds of a row go from top to bottom: a slant that all rows share is the machine, not the contender. The upright line is the median, the band behind it its 95 % interval.</li>
<li><b>Ratios</b> (1.17×: ours is that many times the other’s figure) <b>are taken round by round</b>, so a drift of the machine cancels out, and are given as median and 95 % interval (bootstrap over the rounds, percentiles widened for small samples, fixed seed: the same file always gives the same report).</li>
<li><b>A goal is met</b> only when the whole interval is on its good side, <b>lost</b> when the whole interval is on the other, and <b>undecided</b> in between or with fewer than six rounds. Against the best of several peers means against each of them. With twenty goals, an interval that just misses the truth somewhere is to be expected.</li>
<li><b>CPU per request</b> is what the kernel accounts to all threads of all processes of a contender, divided by the requests; it says more than throughput where the load generator shares the machine. The split into user and system is by clock ticks and coarser than the sum.</li></ul></div><div><ul>
<li><b>Latency</b> is from an open loop: requests leave on a Poisson schedule whether or not earlier ones were answered, and count from the intended time. Every contender gets the same rate, a share of the slowest peer’s capacity. Whiskers are the range over the rounds; dashed means that fewer than 100 requests were beyond that percentile (or 10 in a round), left out fewer than 10 (or one).</li>
<li><b>System calls</b> come from a run of their own under strace: only their number per request means something.</li>
<li><b>What this cannot say:</b> loopback charges the receiver’s TCP work to the sender, a virtual machine is not a server, and one core is not many. Absolute figures are good for this machine and this hour; ratios travel better.</li></ul></div></div>
<h2>How to contradict it</h2><ul>
<li>Run it: <code>npm run bench:race</code> writes such a report of your machine. Every peer’s configuration is in <code>bench/race/configs/</code> with a reason per line; change what you find unfair and run it again.</li>
<li>Check the statistics: every round is in this page (“Every round in numbers”) and in the JSON beside it; <code>node bench/race/report/main.mjs RESULT.json</code> draws this page from it, and <code>bench/stats.mjs</code> is all of the arithmetic.</li>
<li>A round with any error is void, and left out of every comparison that needs it; look at what was void before believing the rest.</li></ul>
<p class="muted">Made from a result of ${dateTime(result.date)}${result.seconds !== undefined && `, after ${span(result.seconds)} of measuring`}. This file is complete in itself: it asks nobody for anything and runs no script.</p></section>`;
}
