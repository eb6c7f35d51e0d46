/** The columns of the table of endpoints. */
import { el, setAttribute, setText } from './dom.js';
import { configuredAddress, count, ms, percent, rate } from './format.js';
import { healthText, sinceText, standing } from './health.js';
import { switchControl, weightControl } from './inputs.js';
import { keyOf } from './model.js';
import { textCell } from './table.js';
import { segment } from './tuned.js';

/** Worst first. */
const RANK = { down: 0, probing: 1, draining: 2, up: 3 };

/**
 * @param {{ app: import('./tuned.js').App, cluster: string, mostWeight: number, requests: number | null }} context kept up to date by the cluster
 * @returns {import('./table.js').TableColumn<any>[]}
 */
export function endpointColumns(context) {
  const { app, cluster } = context;
  const rates = (/** @type {any} */ endpoint) => app.model.rates(keyOf.endpoint(cluster, endpoint));
  const latency = (/** @type {any} */ endpoint, /** @type {string} */ name) => endpoint.latencyMs?.['10s']?.[name] ?? null;
  const share = (/** @type {any} */ endpoint) => {
    const { requests } = rates(endpoint);
    return requests === null || !context.requests ? null : requests / context.requests;
  };
  const path = (/** @type {any} */ { address }) => `/clusters/${segment(cluster)}/endpoints/${segment(configuredAddress(address))}`;
  const canTune = app.api.can('PATCH /clusters/{}/endpoints/{}');
  return [
    { label: 'Endpoint', class: 'name', cell: nameCell, sort: ({ address }) => address },
    { label: 'Health', class: 'health', cell: healthCell(app), sort: (endpoint) => RANK[standing(endpoint)] },
    {
      label: 'Weight', class: 'weigh', sort: ({ weight }) => weight, descending: true,
      cell: canTune ? (cell, endpoint) => {
        const control = weightControl(app, { path: path(endpoint), label: `Weight of ${endpoint.address}`, value: endpoint.weight });
        cell.append(control.element);
        return ({ weight }) => control.update(weight, context.mostWeight);
      } : textCell(({ weight }) => String(weight)),
    },
    { label: 'Share', title: 'of the requests of this cluster, now', class: 'share', cell: shareCell(share), sort: share, descending: true },
    { label: 'Requests/s', class: 'number', cell: textCell((endpoint) => rate(rates(endpoint).requests)), sort: (endpoint) => rates(endpoint).requests, descending: true },
    { label: 'In flight', class: 'number', cell: textCell(({ active }) => count(active)), sort: ({ active }) => active, descending: true },
    { label: 'Failed/s', title: 'attempts that got no answer', class: 'number', cell: textCell((endpoint) => rate(rates(endpoint).failures)), sort: (endpoint) => rates(endpoint).failures, descending: true },
    { label: 'p50', title: 'over the last 10 s', class: 'number', cell: textCell((endpoint) => ms(latency(endpoint, 'p50'))), sort: (endpoint) => latency(endpoint, 'p50'), descending: true },
    { label: 'p99', title: 'over the last 10 s', class: 'number', cell: textCell((endpoint) => ms(latency(endpoint, 'p99'))), sort: (endpoint) => latency(endpoint, 'p99'), descending: true },
    ...(canTune ? [{
      label: 'Drain', title: 'takes no new requests; what is in flight ends', class: 'drain',
      cell: (/** @type {HTMLElement} */ cell, /** @type {any} */ endpoint) => {
        const control = switchControl(app, { path: path(endpoint), label: `Drain ${endpoint.address}`, on: endpoint.drain === true, bodyOf: (drain) => ({ drain }) });
        cell.append(control.element);
        return (/** @type {any} */ { drain }) => control.update(drain === true);
      },
    }] : []),
  ];
}

/** @param {HTMLElement} cell @param {any} endpoint */
function nameCell(cell, endpoint) {
  const mark = el('span', { class: 'mark', 'aria-hidden': 'true' });
  const tags = el('span', { class: 'tags' });
  cell.append(mark, el('span', { class: 'address' }, endpoint.address), tags);
  return (/** @type {any} */ row) => {
    setAttribute(mark, 'class', `mark ${standing(row)}`);
    setText(tags, [row.backup ? 'backup' : '', row.priority > 0 ? `priority ${row.priority}` : '', row.zone ? `zone ${row.zone}` : ''].filter(Boolean).join(' · '));
  };
}

/** @param {import('./tuned.js').App} app */
function healthCell(app) {
  return (/** @type {HTMLElement} */ cell) => {
    const what = el('span', { class: 'what' });
    const since = el('span', { class: 'since' });
    cell.append(what, ' ', since);
    return (/** @type {any} */ endpoint) => {
      setAttribute(cell, 'data-standing', standing(endpoint));
      setText(what, healthText(endpoint));
      setText(since, sinceText(endpoint.health, Date.parse(app.model.stats.at)));
    };
  };
}

/** A bar beside the number. @param {(endpoint: any) => number | null} share */
function shareCell(share) {
  return (/** @type {HTMLElement} */ cell) => {
    const fill = el('span', { class: 'fill' });
    const text = el('span', { class: 'number' });
    cell.append(el('span', { class: 'bar', 'aria-hidden': 'true' }, fill), text);
    let width = -1;
    return (/** @type {any} */ endpoint) => {
      const now = share(endpoint);
      const percents = Math.round((now ?? 0) * 100);
      if (percents !== width) fill.style.transform = `scaleX(${percents / 100})`;
      width = percents;
      setText(text, percent(now));
    };
  };
}
