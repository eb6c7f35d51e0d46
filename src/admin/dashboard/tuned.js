/**
 * A value that is tuned from the page: shown as wanted at once, sent when the hand rests, corrected by the answer. A change carries the
 * version that was shown when it began, so that it cannot undo what somebody else did meanwhile without anybody having seen it.
 */
import { ApiError } from './api.js';
import { changeText, changesSince } from './changes.js';
import { Note } from './note.js';

const DEBOUNCE_MS = 250;

/** @typedef {{ api: import('./api.js').Api, model: import('./model.js').Model, confirm: () => string, changed: () => void }} App */

/** Where a name stands in a path. @param {string} name */
export const segment = (name) => encodeURIComponent(name);

export class Tuned {
  note = new Note();
  #app;
  #path;
  #bodyOf;
  #revert;
  #method;
  /** @type {number | null} */
  #version = null;
  /** The configuration that the last answer made: older ones say nothing about this value. */
  #madeVersion = 0;
  /** @type {unknown} */
  #wanted;
  #hasWanted = false;
  #sending = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {App} app
   * @param {{ path: string, method?: string, bodyOf: (value: any) => unknown, revert: () => void }} options
   *   `revert`: shows again what the last answer of GET /stats or GET /config says
   */
  constructor(app, { path, method = 'PATCH', bodyOf, revert }) {
    this.#app = app;
    this.#path = path;
    this.#method = method;
    this.#bodyOf = bodyOf;
    this.#revert = revert;
  }

  /** Whether what polls say must not be shown now. */
  get busy() {
    return this.#hasWanted || this.#sending || (this.#app.model.stats?.version ?? Infinity) < this.#madeVersion;
  }

  /** @param {unknown} value @param {boolean} [atOnce] */
  want(value, atOnce = false) {
    if (!this.busy) this.#version = this.#app.model.stats?.version ?? this.#app.api.version;
    this.#wanted = value;
    this.#hasWanted = true;
    clearTimeout(this.#timer);
    if (atOnce) void this.#send();
    else this.#timer = setTimeout(() => void this.#send(), DEBOUNCE_MS);
  }

  async #send() {
    // The answer under way sends the newest value when it is here.
    if (this.#sending || !this.#hasWanted) return;
    const value = this.#wanted;
    const { api, confirm, changed } = this.#app;
    this.#hasWanted = false;
    this.#sending = true;
    this.note.busy();
    const shown = this.#version;
    try {
      // Only what is tuned can be confirmed, or rolled back.
      const answer = await api.change(this.#method, this.#method === 'PATCH' ? withQuery(this.#path, confirm()) : this.#path, this.#bodyOf(value), shown);
      if (typeof answer?.version === 'number') this.#version = this.#madeVersion = answer.version;
      const warnings = Array.isArray(answer?.warnings) ? answer.warnings.map(warningText) : [];
      this.note.ok([savedText(answer), ...warnings].join(' '));
    } catch (error) {
      this.#hasWanted = false;
      clearTimeout(this.#timer);
      this.note.error(error, error instanceof ApiError && error.status === 412 ? await whatChanged(api, shown) : []);
    }
    this.#sending = false;
    if (this.#hasWanted) void this.#send();
    else if (!this.busy) this.#revert();
    changed();
  }
}

/** @param {string} path @param {string} query without "?"; empty: none */
const withQuery = (path, query) => (query === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${query}`);

/** @param {any} answer */
function savedText(answer) {
  if (Array.isArray(answer?.diff) && answer.diff.length === 0) return 'No change.';
  const version = typeof answer?.version === 'number' ? ` (version ${answer.version})` : '';
  return answer?.confirm ? `In service${version}, to be confirmed.` : `In service${version}.`;
}

/** @param {unknown} warning */
const warningText = (warning) => (typeof warning === 'string' ? warning : String(/** @type {any} */ (warning)?.message ?? JSON.stringify(warning)));

/** Who did what since a version. @param {import('./api.js').Api} api @param {number | null} version */
export async function whatChanged(api, version) {
  try {
    const changes = (await changesSince(api, version)).map((change) => `${change.who} at ${change.at}: ${changeText(change)}`);
    if (changes.length > 0) return ['Changed meanwhile:', ...changes.slice(0, 3), 'What is shown now is in service; try again.'];
  } catch {
    // without the list the sentence below still holds
  }
  return ['The configuration changed since this was shown. What is shown now is in service; try again.'];
}
