/** The addresses that are listened on, and what comes in there. */
import { byId } from './dom.js';
import { bytes, count, ms, rate } from './format.js';
import { CLASSES, keyOf } from './model.js';
import { RowTable, textCell } from './table.js';

export class ListenersView {
  #app;
  #table;
  /** @type {Map<string, { host: string, port: number, tls: boolean }>} */
  #addresses = new Map();
  /** @type {number | null} */
  #version = null;

  /** @param {import('./tuned.js').App} app */
  constructor(app) {
    this.#app = app;
    const rates = (/** @type {any} */ listener) => app.model.rates(keyOf.listener(listener));
    const latency = (/** @type {any} */ { latencyMs }, /** @type {string} */ name) => latencyMs?.['10s']?.[name] ?? null;
    this.#table = new RowTable({
      caption: 'Listeners',
      columns: [
        { label: 'Listener', class: 'name', cell: textCell(({ name }) => name), sort: ({ name }) => name },
        { label: 'Address', class: 'match', cell: textCell(({ name }) => this.#address(name)) },
        { label: 'Requests/s', class: 'number', cell: textCell((row) => rate(rates(row).requests)), sort: (row) => rates(row).requests, descending: true },
        { label: 'In flight', class: 'number', cell: textCell(({ active }) => count(active)), sort: ({ active }) => active, descending: true },
        ...CLASSES.filter((name) => name !== '1xx').map((name) => ({ label: name === 'none' ? 'No answer/s' : `${name}/s`, class: 'number', cell: textCell((/** @type {any} */ row) => rate(rates(row).class(name))) })),
        { label: 'Received', class: 'number', cell: textCell((row) => `${bytes(rates(row).bytesReceived)}/s`) },
        { label: 'Sent', class: 'number', cell: textCell((row) => `${bytes(rates(row).bytesSent)}/s`) },
        { label: 'p50', title: 'over the last 10 s', class: 'number', cell: textCell((row) => ms(latency(row, 'p50'))) },
        { label: 'p99', title: 'over the last 10 s', class: 'number', cell: textCell((row) => ms(latency(row, 'p99'))) },
      ],
      keyOf: ({ name }) => name,
      empty: 'Nothing is listened on.',
    });
    byId('listener-table').append(this.#table.element);
  }

  update() {
    const { stats } = this.#app.model;
    if (stats.version !== this.#version) {
      this.#version = stats.version;
      void this.#ask();
    }
    this.#table.update(stats.listeners);
  }

  async #ask() {
    try {
      const { listeners } = await this.#app.api.get('/listeners');
      this.#addresses = new Map(listeners.map((/** @type {any} */ listener) => [listener.name, listener]));
    } catch {
      this.#version = null;
    }
  }

  /** @param {string} name */
  #address(name) {
    const found = this.#addresses.get(name);
    if (found === undefined) return '';
    return `${found.tls ? 'https' : 'http'}://${found.host.includes(':') ? `[${found.host}]` : found.host}:${found.port}`;
  }
}
