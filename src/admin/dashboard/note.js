/** What became of a change, beside the control that asked for it. Screen readers hear it: an error at once, a success when they are done. */
import { ApiError } from './api.js';
import { el } from './dom.js';

const OK_FOR_MS = 6000;

export class Note {
  element = el('span', { class: 'note', role: 'status' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  clear() {
    this.#show('', []);
  }

  busy() {
    this.#show('busy', ['sending …']);
  }

  /** @param {string} text */
  ok(text) {
    this.#show('ok', [text]);
    this.#timer = setTimeout(() => this.clear(), OK_FOR_MS);
  }

  /** Stays until the next try. @param {unknown} error @param {string[]} [more] */
  error(error, more = []) {
    const lines = error instanceof ApiError ? error.lines : [String(error)];
    this.#show('error', [...lines, ...more]);
  }

  /** @param {string} kind @param {string[]} lines */
  #show(kind, lines) {
    clearTimeout(this.#timer);
    this.element.className = `note ${kind}`;
    this.element.setAttribute('role', kind === 'error' ? 'alert' : 'status');
    this.element.replaceChildren(...lines.map((line) => el('span', {}, line)));
    if (kind === 'error') this.element.append(el('button', { type: 'button', class: 'dismiss', 'aria-label': 'Dismiss', onclick: () => this.clear() }, '×'));
  }
}
