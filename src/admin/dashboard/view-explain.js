/** What would happen to a request: POST /explain with what the form says, and its answer in full. */
import { ApiError } from './api.js';
import { byId, el } from './dom.js';
import { explained } from './explained.js';

export class ExplainView {
  #app;
  #listeners = '';

  /** @param {import('./tuned.js').App} app */
  constructor(app) {
    this.#app = app;
    byId('explain-form').addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#explain();
    });
  }

  update() {
    const names = this.#app.model.stats.listeners.map((/** @type {any} */ { name }) => name);
    const text = JSON.stringify(names);
    if (text === this.#listeners) return;
    this.#listeners = text;
    const select = byId('explain-listener');
    const { value } = select;
    select.replaceChildren(...names.map((/** @type {string} */ name) => el('option', { value: name }, name)));
    if (names.includes(value)) select.value = value;
  }

  async #explain() {
    const result = byId('explain-result');
    const value = (/** @type {string} */ id) => byId(`explain-${id}`).value.trim();
    result.setAttribute('aria-busy', 'true');
    try {
      const body = {
        method: value('method') || 'GET',
        ...given('listener', value('listener')),
        ...given('host', value('host')),
        path: value('path') || '/',
        headers: headersOf(value('headers')),
        ...given('clientIp', value('client')),
      };
      result.replaceChildren(...explained(await this.#app.api.change('POST', '/explain', body)));
    } catch (error) {
      const lines = error instanceof ApiError ? error.lines : [error instanceof Error ? error.message : String(error)];
      result.replaceChildren(el('div', { class: 'error-text', role: 'alert' }, ...lines.map((line) => el('p', {}, line))));
    }
    result.removeAttribute('aria-busy');
  }
}

/** @param {string} name @param {string} value */
const given = (name, value) => (value === '' ? {} : { [name]: value });

/** `name: value` in lines; a name may come twice. @param {string} text */
function headersOf(text) {
  /** @type {[string, string][]} */
  const headers = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`a header is "name: value", not "${line.trim()}"`);
    headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return headers;
}
