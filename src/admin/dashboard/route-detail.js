/** What an opened row of a route shows: its settings that can be tuned. */
import { el, setText } from './dom.js';
import { count, percent, rate } from './format.js';
import { switchControl, textControl, weightInputs } from './inputs.js';
import { Tuned, segment } from './tuned.js';

/** A duration as the configuration writes it. @param {number | null | undefined} value milliseconds */
export function durationText(value) {
  if (value === null || value === undefined) return '';
  if (value === 0) return '0s';
  if (value % 60_000 === 0) return `${value / 60_000}m`;
  return value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`;
}

export class RouteDetail {
  element = el('div', { class: 'route-detail' });
  #app;
  #controls = el('div', { class: 'route-controls' });
  #facts = el('p', { class: 'muted' });
  /** @type {((route: any) => void)[]} */
  #updates = [];
  #isBuilt = false;

  /** @param {import('./tuned.js').App} app @param {import('./view-routes.js').RouteRow} row */
  constructor(app, row) {
    this.#app = app;
    this.element.append(this.#controls, this.#facts);
    this.update(row);
  }

  /** @param {import('./view-routes.js').RouteRow} row */
  update({ key, name, table, route, stats }) {
    if (!this.#isBuilt && route !== null) this.#build(name, table, route);
    if (route !== null) for (const update of this.#updates) update(route);
    const rates = this.#app.model.rates(key);
    const failed = (stats?.responses?.['5xx'] ?? 0) + (stats?.responses?.none ?? 0);
    setText(this.#facts, stats === null ? 'It has not taken a request yet.' : `Since the start: ${count(stats.requests)} requests, ${percent(stats.requests === 0 ? null : failed / stats.requests)} failed, ${count(stats.retries)} retries (${rate(rates.retries)}/s), ${count(stats.timeouts)} timeouts, ${count(stats.rateLimited)} rate limited.`);
  }

  /** @param {string} name @param {string} table @param {any} route */
  #build(name, table, route) {
    this.#isBuilt = true;
    const app = this.#app;
    const path = `/routes/${segment(name)}?table=${encodeURIComponent(table)}`;
    if (!app.api.can('PATCH /routes/{}')) return;
    const timeout = textControl(app, { path, label: 'Timeout', value: durationText(route.timeoutMs), hint: '15s', bodyOf: (text) => ({ timeout: text }) });
    this.#controls.append(timeout.element);
    this.#updates.push(({ timeoutMs }) => timeout.update(durationText(timeoutMs)));
    if (route.fault !== undefined) this.#fault(path, route);
    if (route.action?.kind === 'weightedClusters') this.#split(path, name, route.action.clusters);
  }

  /** On and off for a fault that is configured; percentages and status for one that is made here. @param {string} path @param {any} route */
  #fault(path, route) {
    const app = this.#app;
    const isOn = (/** @type {any} */ { fault }) => fault !== null && fault !== undefined && fault.enabled !== false;
    const percentOf = () => Number(share.value) || 0;
    const share = el('input', { type: 'number', min: 0, max: 100, step: 'any', value: '10', 'aria-label': 'Percent of the requests' });
    const status = el('input', { type: 'number', min: 200, max: 599, value: '503', 'aria-label': 'Status of the fault' });
    // Only a route without a fault of its own needs to be told which.
    const make = el('span', { class: 'fault-make' }, 'answer ', share, ' % with ', status);
    const facts = el('span', { class: 'muted' });
    let has = route.fault !== null;
    const control = switchControl(app, { path, label: 'Fault injection', on: isOn(route), bodyOf: (on) => ({ fault: !on ? { enabled: false } : has ? { enabled: true } : { enabled: true, abort: { status: Number(status.value), percent: percentOf() } } }) });
    this.#controls.append(el('div', { class: 'fault' }, el('span', { class: 'label' }, 'Faults'), control.element, make, facts));
    this.#updates.push((now) => {
      has = now.fault !== null;
      make.hidden = has;
      setText(facts, faultText(now.fault));
      control.update(isOn(now));
    });
  }

  /** @param {string} path @param {string} name @param {{ cluster: string, weight: number }[]} clusters */
  #split(path, name, clusters) {
    let now = clusters;
    const revert = () => parts.forEach((part, index) => part.set(now[index]?.weight ?? 0));
    const tuned = new Tuned(this.#app, { path, bodyOf: (weightedClusters) => ({ weightedClusters }), revert });
    const wanted = () => now.map(({ cluster }, index) => ({ cluster, weight: parts[index]?.number.valueAsNumber ?? 0 }));
    const parts = clusters.map(({ cluster, weight }) => {
      const inputs = weightInputs(`Share of ${cluster} in ${name}`, (_, atOnce) => tuned.want(wanted(), atOnce));
      inputs.slider.max = '100';
      inputs.set(weight);
      return { ...inputs, share: el('span', { class: 'number' }) };
    });
    this.#controls.append(el('div', { class: 'split' }, el('span', { class: 'label' }, 'Split'), el('div', {}, ...parts.map(({ element, share }, index) => el('div', { class: 'part' }, el('span', { class: 'address' }, clusters[index]?.cluster ?? ''), element, share))), tuned.note.element));
    this.#updates.push(({ action }) => {
      now = action?.clusters ?? now;
      if (!tuned.busy) parts.forEach((part, index) => {
        if (!part.isTyping()) part.set(now[index]?.weight ?? 0);
      });
      const sum = now.reduce((all, { weight }) => all + weight, 0);
      parts.forEach(({ share }, index) => setText(share, percent(sum === 0 ? null : (now[index]?.weight ?? 0) / sum)));
    });
  }
}

/** @param {any} fault of the configuration */
function faultText(fault) {
  if (!fault) return '';
  const { abort, delay } = fault;
  const aborts = abort ? `${abort.percent ?? (abort.percentMillis ?? 0) / 1000} % get ${abort.status}` : '';
  const delays = delay ? `${delay.percent ?? (delay.percentMillis ?? 0) / 1000} % wait ${durationText(delay.timeMs) || (delay.time ?? '')}` : '';
  return [aborts, delays].filter(Boolean).join(', ');
}
