/** The last requests, or the last failed ones, and everything that is known about one of them. */
import { byId, el, setText, show } from './dom.js';
import { clock, count, ms } from './format.js';
import { RequestDetail } from './request-detail.js';
import { ApiError } from './api.js';
import { RowTable, textCell } from './table.js';

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
        { label: 'Ended', class: 'time', cell: textCell((row) => clock(row.endedAt)) },
        { label: 'Status', class: 'status', cell: statusCell },
        { label: 'Flag', class: 'flag', cell: flagCell },
        { label: 'Request', class: 'target', cell: textCell(requestText) },
        { label: 'Route', class: 'goes', cell: textCell(({ route }) => route ?? '') },
        { label: 'Endpoint', class: 'goes', cell: textCell(({ cluster, endpoint }) => [cluster, endpoint].filter(Boolean).join(' / ')) },
        { label: 'Took', class: 'number', cell: textCell((row) => ms(row.ms.total)) },
        { label: 'Attempts', class: 'number', cell: textCell(({ attemptCount }) => count(attemptCount)) },
      ],
      keyOf: ({ id }) => id,
      nameOf: requestText,
      empty: 'No such request is remembered.',
      detail: (row) => new RequestDetail(app.api, row),
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
      this.#table.update(answer.requests);
      show(byId('request-error'), false);
    } catch (error) {
      show(byId('request-error'), true);
      setText(byId('request-error'), error instanceof ApiError ? error.lines.join(' ') : String(error));
    }
    this.#asking = false;
  }
}

/** @param {any} row */
const requestText = ({ method, authority, target }) => `${method} ${authority}${target}`;

/** @param {HTMLElement} cell */
function statusCell(cell) {
  const node = el('span', {}, '');
  cell.append(node);
  return (/** @type {any} */ { status }) => {
    setText(node, status === null ? 'none' : String(status));
    node.className = status === null || status >= 500 ? 'status-5xx' : status >= 400 ? 'status-4xx' : '';
  };
}

/** @param {HTMLElement} cell */
function flagCell(cell) {
  const node = el('span', {}, '');
  cell.append(node);
  return (/** @type {any} */ { flag }) => {
    setText(node, flag?.name ?? '');
    node.title = flag?.text ?? '';
  };
}
