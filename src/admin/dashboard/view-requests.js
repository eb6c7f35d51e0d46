/** The last requests, or the last failed ones, and everything that is known about one of them. */
import { byId, el, setText, show } from './dom.js';
import { facts } from './facts.js';
import { clock, count, ms } from './format.js';
import { FLAGS } from './health.js';
import { ApiError } from './api.js';
import { RowTable, textCell } from './table.js';
import { segment } from './tuned.js';

const EVERY_MS = 2000;
const LIMIT = 100;
const FILTERS = ['route', 'cluster', 'status'];

export class RequestsView {
  #app;
  #table;
  #askedAt = -Infinity;
  #asking = false;

  /** @param {import('./tuned.js').App} app */
  constructor(app) {
    this.#app = app;
    this.#table = new RowTable({
      caption: 'Requests, newest first',
      columns: [
        { label: 'Ended', class: 'time', cell: textCell((row) => clock(row.at ?? row.endedAt ?? row.startedAt)) },
        { label: 'Status', class: 'status', cell: statusCell },
        { label: 'Flag', class: 'flag', cell: flagCell },
        { label: 'Request', class: 'target', cell: textCell(({ method, host, path, target }) => `${method ?? ''} ${host ?? ''}${target ?? path ?? ''}`.trim()) },
        { label: 'Route', class: 'goes', cell: textCell(({ route }) => route ?? '') },
        { label: 'Endpoint', class: 'goes', cell: textCell(({ cluster, endpoint }) => [cluster, endpoint].filter(Boolean).join(' / ')) },
        { label: 'Took', class: 'number', cell: textCell((row) => ms(row.durationMs ?? row.totalMs ?? row.tookMs)) },
        { label: 'Attempts', class: 'number', cell: textCell(({ attempts }) => count(Array.isArray(attempts) ? attempts.length : attempts)) },
      ],
      keyOf: ({ id }) => id,
      nameOf: ({ method, host, path, target }) => `${method} ${host}${target ?? path}`,
      empty: 'No such request is remembered.',
      detail: (row) => new RequestDetail(app.api, row.id),
    });
    byId('request-table').append(this.#table.element);
    byId('request-form').addEventListener('submit', (/** @type {Event} */ event) => event.preventDefault());
    byId('request-form').addEventListener('input', () => void this.#ask());
    byId('request-again').addEventListener('click', () => void this.#ask());
  }

  update() {
    if (byId('request-live').checked && performance.now() - this.#askedAt > EVERY_MS) void this.#ask();
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    this.#askedAt = performance.now();
    const query = new URLSearchParams({ limit: String(LIMIT) });
    if (byId('request-failed').checked) query.set('failed', '1');
    for (const name of FILTERS) {
      const value = byId(`request-${name}`).value.trim();
      if (value !== '') query.set(name, value);
    }
    try {
      const answer = await this.#app.api.get(`/requests/recent?${query}`);
      this.#table.update(answer.requests ?? answer.records ?? []);
      show(byId('request-error'), false);
    } catch (error) {
      show(byId('request-error'), true);
      setText(byId('request-error'), error instanceof ApiError ? error.lines.join(' ') : String(error));
    }
    this.#asking = false;
  }
}

/** @param {HTMLElement} cell */
function statusCell(cell) {
  const node = el('span', {}, '');
  cell.append(node);
  return (/** @type {any} */ { status }) => {
    setText(node, status ? String(status) : 'none');
    node.className = !status || status >= 500 ? 'status-5xx' : status >= 400 ? 'status-4xx' : '';
  };
}

/** @param {HTMLElement} cell */
function flagCell(cell) {
  const node = el('span', {}, '');
  cell.append(node);
  return (/** @type {any} */ row) => {
    const flag = row.flag ?? row.responseFlag ?? '';
    const text = flag === 'none' ? '' : flag;
    setText(node, text);
    node.title = FLAGS[text] ?? '';
  };
}

/** A record does not change: it is asked for once. */
class RequestDetail {
  element = el('div', { class: 'request-detail' }, '…');

  /** @param {import('./api.js').Api} api @param {string} id */
  constructor(api, id) {
    void api.get(`/requests/${segment(id)}`).then(
      (record) => this.element.replaceChildren(facts(record.request ?? record)),
      (error) => this.element.replaceChildren(el('p', { class: 'error-text' }, error instanceof ApiError ? error.lines.join(' ') : String(error))),
    );
  }

  update() {}
}
