/** What was changed, by whom, and the way back; the log level; what is tuned and not in the file. */
import { ApiError } from './api.js';
import { changeOf, differenceText } from './changes.js';
import { byId, el, show } from './dom.js';
import { clock, count, valueText, words } from './format.js';
import { choiceControl } from './inputs.js';
import { Note } from './note.js';

const EVERY_MS = 3000;
const SHOWN = 100;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export class ChangesView {
  #app;
  #askedAt = -Infinity;
  #asking = false;
  /** Of what is shown. @type {number | null} */
  #shownVersion = null;
  #shown = '';
  #note = new Note();
  /** @type {{ element: HTMLElement, update: (value: string) => void } | null} */
  #level = null;

  /** @param {import('./tuned.js').App} app */
  constructor(app) {
    this.#app = app;
    const { api } = app;
    show(byId('save-overrides'), api.can('POST /config/save'));
    show(byId('drop-overrides'), api.can('DELETE /config/overrides'));
    show(byId('overrides-part'), api.can('GET /config/overrides'));
    show(byId('history-part'), api.can('GET /config/history'));
    show(byId('audit-part'), api.can('GET /audit'));
    byId('change-note').append(this.#note.element);
    byId('save-overrides').addEventListener('click', () => void this.#do('POST', '/config/save', savedText));
    byId('drop-overrides').addEventListener('click', () => void this.#do('DELETE', '/config/overrides', () => 'Dropped: what the file says is in service.'));
  }

  update() {
    if (performance.now() - this.#askedAt > EVERY_MS) void this.ask();
  }

  async ask() {
    if (this.#asking) return;
    this.#asking = true;
    this.#askedAt = performance.now();
    const { api } = this.#app;
    const get = (/** @type {string} */ path) => (api.can(`GET ${path}`) ? api.get(path) : null);
    try {
      const [history, audit, overrides, log] = await Promise.all([get('/config/history'), get('/audit'), get('/config/overrides'), get('/log-level')]);
      if (log !== null) this.#showLevel(log.level);
      const text = JSON.stringify([history, audit, overrides]);
      if (text !== this.#shown) this.#show(history, audit, overrides);
      this.#shown = text;
    } catch (error) {
      this.#note.error(error);
    }
    this.#asking = false;
  }

  /** @param {string} level */
  #showLevel(level) {
    if (this.#level === null) {
      this.#level = choiceControl(this.#app, { path: '/log-level', method: 'PUT', label: 'Log level', choices: LEVELS, value: level, bodyOf: (value) => ({ level: value }) });
      byId('log-level').append(this.#level.element);
    }
    this.#level.update(level);
  }

  /** @param {any} history @param {any} audit @param {any} overrides */
  #show(history, audit, overrides) {
    const versions = history?.history ?? [];
    const running = history?.version ?? this.#app.model.stats.version;
    this.#shownVersion = running;
    byId('history').replaceChildren(...versions.slice(0, SHOWN).map((/** @type {any} */ entry) => this.#version(entry, running)));
    const changes = (audit?.audit ?? []).map(changeOf);
    byId('audit').replaceChildren(...changes.slice(0, SHOWN).map(auditItem));
    const tuned = overrides?.overrides ?? [];
    byId('overrides').replaceChildren(...tuned.map((/** @type {any} */ { path, value, was, who, at }) => el('li', {}, el('code', {}, path), `: ${valueText(value)}`, el('span', { class: 'muted' }, ` (file: ${valueText(was)}; ${who}, ${clock(at)})`))));
    show(byId('no-overrides'), tuned.length === 0);
    byId('save-overrides').disabled = tuned.length === 0;
    byId('drop-overrides').disabled = tuned.length === 0;
  }

  /** @param {any} entry @param {number} running */
  #version(entry, running) {
    const change = changeOf(entry);
    const isRunning = entry.version === running;
    const canGoBack = !isRunning && this.#app.api.can('POST /config/rollback');
    const back = canGoBack ? el('button', { type: 'button', onclick: () => void this.#do('POST', `/config/rollback?to=${encodeURIComponent(String(entry.version))}`, (answer) => `Back at what version ${entry.version} said${typeof answer?.version === 'number' ? `: now version ${answer.version}` : ''}.`) }, `Roll back to ${entry.version}`) : null;
    const tuned = entry.overrides > 0 ? `, ${count(entry.overrides)} tuned` : '';
    return el('li', {}, el('p', { class: 'who' }, el('strong', {}, `Version ${entry.version}`), isRunning ? el('span', { class: 'tag' }, 'in service') : null, ` ${change.at}, ${change.who}${tuned}`), el('p', {}, change.what), back);
  }

  /** @param {string} method @param {string} path @param {(answer: any) => string} done */
  async #do(method, path, done) {
    this.#note.busy();
    try {
      this.#note.ok(done(await this.#app.api.change(method, path, undefined, this.#shownVersion)));
    } catch (error) {
      this.#note.error(error instanceof ApiError ? error : String(error));
    }
    this.#app.changed();
    await this.ask();
  }
}

/** @param {import('./changes.js').Change} change */
function auditItem({ who, at, version, outcome, what, why, diff }) {
  return el('li', {}, el('p', { class: 'who' }, el('strong', {}, who), ` ${at}${version === null ? '' : `, version ${version}`}`, outcome === 'applied' ? '' : el('span', { class: outcome === 'confirmed' ? 'tag' : 'tag bad' }, words(outcome))), el('p', {}, what), why === '' ? '' : el('p', { class: 'muted' }, why), diffList(diff));
}

/** @param {any} answer of POST /config/save */
const savedText = ({ file, written, why }) => (written ? `Saved in ${file}.` : `Not written: ${why}. POST /config/save answers with the text.`);

/** @param {import('./changes.js').Difference[]} diff */
function diffList(diff) {
  if (diff.length === 0) return null;
  const shown = diff.slice(0, 20);
  return el('ul', { class: 'diff' }, ...shown.map((difference) => el('li', {}, differenceText(difference))), diff.length > shown.length ? el('li', { class: 'muted' }, `and ${diff.length - shown.length} more`) : null);
}
