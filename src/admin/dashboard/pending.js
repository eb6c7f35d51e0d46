/** A change that waits for its confirmation: a bar with the time that is left, on every page, for everybody who looks. */
import { byId, setText, show } from './dom.js';
import { percent } from './format.js';
import { Note } from './note.js';

const ASK_EVERY_MS = 2000;

export class PendingBar {
  #app;
  #note = new Note();
  /** @type {{ untilMs: number, guard: any, version: number, what: string, who: string } | null} */
  #pending = null;
  /** Clock of the proxy minus ours. */
  #skewMs = 0;
  #askedAt = -Infinity;

  /** @param {import('./tuned.js').App} app */
  constructor(app) {
    this.#app = app;
    byId('pending-note').append(this.#note.element);
    byId('confirm-now').addEventListener('click', () => void this.#end('/config/confirm', 'Confirmed.'));
    byId('roll-back-now').addEventListener('click', () => void this.#end('/config/rollback', 'Rolled back.'));
    setInterval(() => this.#show(), 250);
  }

  /** On each poll. */
  update() {
    const { api, model } = this.#app;
    this.#skewMs = Date.parse(model.stats.at) - Date.now();
    if (!api.can('POST /config/confirm') || performance.now() - this.#askedAt < ASK_EVERY_MS) return;
    void this.ask();
  }

  async ask() {
    this.#askedAt = performance.now();
    try {
      this.#pending = (await this.#app.api.get('/config/history')).pending;
    } catch {
      // the next poll says what is wrong
    }
    this.#show();
  }

  #show() {
    const left = this.#pending === null ? 0 : this.#pending.untilMs - (Date.now() + this.#skewMs);
    const isPending = this.#pending !== null && left > -2000;
    show(byId('pending'), isPending);
    if (!isPending) return;
    setText(byId('pending-left'), `${Math.max(0, Math.ceil(left / 1000))} s`);
    setText(byId('pending-what'), `${this.#pending?.what ?? ''} by ${this.#pending?.who ?? ''}`);
    setText(byId('pending-guard'), guardText(this.#pending?.guard));
  }

  /** @param {string} path @param {string} text */
  async #end(path, text) {
    this.#note.busy();
    try {
      await this.#app.api.change('POST', path, undefined, this.#app.model.stats.version);
      this.#note.ok(text);
    } catch (error) {
      this.#note.error(error);
    }
    this.#app.changed();
    await this.ask();
  }
}

/** @param {any} guard */
function guardText(guard) {
  if (!guard || guard.watched.length === 0) return '';
  return `Earlier when, of ${guard.watched.map((/** @type {any} */ { name }) => name).join(', ')}, ${percent(guard.maxErrorRate)} more requests fail or p99 grows by more than a factor of ${guard.maxP99}.`;
}
