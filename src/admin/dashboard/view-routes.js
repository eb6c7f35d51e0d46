/** All routes: what the configuration has, with the numbers of those that have taken requests. */
import { matchText, actionText, routeKey } from './config.js';
import { byId, el, setText, show } from './dom.js';
import { count, ms, rate } from './format.js';
import { RouteDetail } from './route-detail.js';
import { RowTable, textCell } from './table.js';

/** @typedef {{ key: string, table: string, host: string, hosts: string, name: string, stats: any, route: any }} RouteRow */

export class RoutesView {
  #app;
  #config;
  #table;
  /** @type {Map<string, import('./config.js').ConfiguredRoute> | null} */
  #madeOf = null;
  /** @type {Map<string, RouteRow>} */
  #byKey = new Map();

  /** @param {import('./tuned.js').App} app @param {import('./config.js').RunningConfig} config */
  constructor(app, config) {
    this.#app = app;
    this.#config = config;
    const rates = (/** @type {RouteRow} */ { key }) => app.model.rates(key);
    const latency = (/** @type {RouteRow} */ { stats }, /** @type {string} */ name) => stats?.latencyMs?.['10s']?.[name] ?? null;
    const errors = (/** @type {RouteRow} */ row) => {
      const { class: of } = rates(row);
      return of('5xx') === null && of('none') === null ? null : (of('5xx') ?? 0) + (of('none') ?? 0);
    };
    /** @type {import('./table.js').TableColumn<RouteRow>[]} */
    const columns = [
      { label: 'Route', class: 'name', cell: nameCell, sort: ({ name }) => name },
      { label: 'Takes', class: 'match', cell: textCell(({ hosts, route }) => [hosts, route === null ? '' : matchText(route)].filter(Boolean).join(' ')), sort: ({ hosts, route }) => `${hosts} ${route === null ? '' : matchText(route)}` },
      { label: 'Goes to', class: 'goes', cell: textCell(({ route }) => (route === null ? '' : actionText(route))), sort: ({ route }) => (route === null ? '' : actionText(route)) },
      { label: 'Requests/s', class: 'number', cell: textCell((row) => rate(rates(row).requests)), sort: (row) => rates(row).requests, descending: true },
      { label: '4xx/s', class: 'number', cell: textCell((row) => rate(rates(row).class('4xx'))), sort: (row) => rates(row).class('4xx'), descending: true },
      { label: 'Failed/s', title: '5xx, or no answer', class: 'number', cell: textCell((row) => rate(errors(row))), sort: errors, descending: true },
      { label: 'p50', title: 'over the last 10 s', class: 'number', cell: textCell((row) => ms(latency(row, 'p50'))), sort: (row) => latency(row, 'p50'), descending: true },
      { label: 'p99', title: 'over the last 10 s', class: 'number', cell: textCell((row) => ms(latency(row, 'p99'))), sort: (row) => latency(row, 'p99'), descending: true },
      { label: 'Requests', title: 'since the start', class: 'number', cell: textCell(({ stats }) => count(stats?.requests ?? 0)), sort: ({ stats }) => stats?.requests ?? 0, descending: true },
    ];
    this.#table = new RowTable({ caption: 'Routes', columns, keyOf: ({ key }) => key, nameOf: ({ name }) => name, empty: 'No route fits.', sortBy: -1, detail: (row) => new RouteDetail(app, row) });
    byId('route-table').append(this.#table.element);
    byId('route-filter').addEventListener('input', () => this.update());
  }

  update() {
    const { stats } = this.#app.model;
    this.#config.need(stats.version, () => this.update());
    const rows = this.#rows(stats.routes ?? []);
    const filter = byId('route-filter').value.trim().toLowerCase();
    const shown = filter === '' ? rows : rows.filter((row) => [row.name, row.hosts, row.table, row.route === null ? '' : `${matchText(row.route)} ${actionText(row.route)}`].some((text) => text.toLowerCase().includes(filter)));
    setText(byId('route-count'), filter === '' ? count(rows.length) : `${count(shown.length)} of ${count(rows.length)}`);
    show(byId('route-count'), true);
    this.#table.update(shown);
  }

  /** Made anew with each configuration only; the numbers are put in. @param {any[]} used @returns {RouteRow[]} */
  #rows(used) {
    if (this.#madeOf !== this.#config.routes) {
      this.#madeOf = this.#config.routes;
      this.#byKey = new Map([...this.#madeOf.values()].map(({ key, table, host, hosts, name, route }) => [key, { key, table, host, hosts: hosts.join(' '), name, route, stats: null }]));
    }
    for (const stats of used) {
      const key = routeKey(stats.table, stats.host, stats.name);
      const row = this.#byKey.get(key);
      if (row !== undefined) row.stats = stats;
      // Of a configuration that is not here yet.
      else this.#byKey.set(key, { key, table: stats.table, host: stats.host, hosts: '', name: stats.name, route: null, stats });
    }
    return [...this.#byKey.values()];
  }
}

/** @param {HTMLElement} cell @param {RouteRow} row */
function nameCell(cell, { name, table }) {
  const fault = el('span', { class: 'tag bad', hidden: true }, 'fault');
  cell.append(el('span', { class: 'address' }, name), fault, el('span', { class: 'tags' }, table));
  return (/** @type {RouteRow} */ { route }) => show(fault, isFaulty(route));
}

/** @param {any} route */
const isFaulty = (route) => route?.fault !== null && route?.fault !== undefined && route.fault.enabled !== false;
