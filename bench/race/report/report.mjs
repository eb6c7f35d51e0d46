/** A race's result as one HTML file that needs nothing else: no script, no font, no image from anywhere. */
import { writeFileSync } from 'node:fs';
import { checked } from './check.mjs';
import { dateTime, span } from './format.mjs';
import { goalPlot, goalsBeside, tiles } from './goals.mjs';
import { html } from './html.mjs';
import { judge } from './judge.mjs';
import { machineSection, readingSection, scenarioSection } from './sections.mjs';
import { colours, style } from './style.mjs';
import { columnsOf, memoryTable, overview } from './tables.mjs';

export { BadResult } from './check.mjs';

/** Refuses whatever the page does not contain itself; even a script that got in would not run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const radio = (group, value, text, checked = false) => html`<label><input type="radio" name="${group}" id="${group}-${value}"${checked && html` checked`}>${text}</label>`;

function controls(contenders) {
  return html`<div class="controls"><fieldset class="lift"><legend>Bring out</legend>${radio('lift', 'all', 'all', true)}${contenders.map((c, i) => html`<label class="c c${i}"><input type="radio" name="lift" id="lift-${i}"><i class="swatch"></i><span>${c.title}</span></label>`)}</fieldset></div>`;
}

const theme = html`<fieldset class="theme"><legend>Theme</legend>${radio('theme', 'auto', 'as the system', true)}${radio('theme', 'light', 'light')}${radio('theme', 'dark', 'dark')}</fieldset>`;

function header(result, first, judged) {
  const { machine } = result;
  const facts = [machine.cpu, machine.cores !== undefined && `${machine.cores} cores`, machine.virtual === true && 'virtual', machine.kernel !== undefined && `Linux ${machine.kernel}`, machine.node !== undefined && `Node ${machine.node}`];
  return html`<header><div class="top"><p class="kicker">Millrace race${result.label !== '' && ` · ${result.label}`}</p>${theme}</div><h1>${first?.title ?? 'Millrace'} against ${columnsOf(result).filter(({ contender }) => contender.kind !== 'self').length} proxies in ${result.scenarios.length} scenarios</h1>
<p class="when">${dateTime(result.date)}${result.seconds !== undefined && ` · ${span(result.seconds)}`} · ${facts.filter(Boolean).join(' · ')}</p>${judged.length > 0 && tiles(judged)}</header>`;
}

function contents(result) {
  return html`<nav aria-label="Contents"><a href="#goals">Goals</a><a href="#overview">At a glance</a>${result.scenarios.map((s, i) => html`<a href="#s${i}">${s.title}</a>`)}<a href="#memory">Memory</a><a href="#machine">Machine</a><a href="#reading">How to read</a></nav>`;
}

/** @param {unknown} value a result as the race writes it @returns {string} throws BadResult */
export function renderReport(value) {
  const result = checked(value);
  const first = result.contenders.find(({ kind }) => kind === 'self');
  const judged = judge(result);
  const [headline, besides] = [judged.filter((j) => j.contender === first), judged.filter((j) => j.contender !== first)];
  const body = html`${header(result, first, headline)}${contents(result)}${controls(result.contenders)}<main>
${goalPlot(result, headline)}${overview(result)}${goalsBeside(result, besides)}
${result.scenarios.map((scenario) => scenarioSection(result, scenario, judged.filter((j) => j.scenario === scenario)))}
${memoryTable(result)}${machineSection(result)}${readingSection(result)}</main>`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>Millrace race, ${result.date.slice(0, 10)}</title><link rel="icon" href="data:,"><style>${style}${colours(result.contenders)}</style></head>
<body>${body}</body></html>
`;
  return page.text;
}

/** @param {unknown} value @param {string} file */
export function writeReport(value, file) {
  writeFileSync(file, renderReport(value));
}
