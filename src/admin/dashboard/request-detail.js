/** Everything about one request: what became of it in a sentence, its attempts on a line of time, and every field. */
import { ApiError } from './api.js';
import { el } from './dom.js';
import { facts } from './facts.js';
import { ms } from './format.js';
import { segment } from './tuned.js';

/** Parts of an attempt in their order: name of the moment that ends it, and what it was. */
const PARTS = [['connecting', 'waits'], ['connected', 'connects'], ['sent', 'sends'], ['firstByte', 'waits for the answer'], ['ended', 'takes the answer']];

/** A record does not change: it is asked for once. */
export class RequestDetail {
  element = el('div', { class: 'request-detail' }, '…');

  /** @param {import('./api.js').Api} api @param {any} row of GET /requests/recent */
  constructor(api, { id }) {
    void api.get(`/requests/${segment(id)}`).then(
      (record) => this.element.replaceChildren(...this.#content(record)),
      (error) => this.element.replaceChildren(el('p', { class: 'error-text' }, error instanceof ApiError ? error.lines.join(' ') : String(error))),
    );
  }

  update() {}

  /** @param {any} record @returns {Node[]} */
  #content({ outcome, attempts = [], ms: phases, ...rest }) {
    return [
      el('p', { class: 'summary' }, outcome ?? ''),
      ...(attempts.length === 0 ? [] : [el('ol', { class: 'attempts' }, ...attempts.map((/** @type {any} */ attempt) => attemptLine(attempt, phases.total)))]),
      facts({ phases: Object.fromEntries(Object.entries(phases ?? {}).filter(([, value]) => value !== null).map(([name, value]) => [name, ms(/** @type {number} */ (value))])), ...withoutEmpty(rest) }),
    ];
  }
}

/** @param {Record<string, any>} record */
function withoutEmpty(record) {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null && value !== false && !(Array.isArray(value) && value.length === 0)));
}

/** @param {any} attempt @param {number} totalMs of the whole request */
function attemptLine(attempt, totalMs) {
  const { chosen, ...moments } = attempt.ms;
  const line = el('div', { class: 'timeline', 'aria-hidden': 'true' });
  const parts = [];
  let from = chosen ?? 0;
  for (const [moment = '', what = ''] of PARTS) {
    const at = moments[moment];
    if (at === null || at === undefined) continue;
    const piece = el('span', { class: `piece ${moment}` });
    piece.style.left = percentOf(from, totalMs);
    piece.style.width = `max(1px, ${percentOf(at - from, totalMs)})`;
    line.append(piece);
    if (at > from) parts.push(`${moment === 'ended' && moments.firstByte === null ? 'fails after' : what} ${ms(at - from)}`);
    from = at;
  }
  const flag = attempt.flag === null ? '' : `, ${attempt.flag.name}: ${attempt.flag.text}`;
  return el('li', {}, el('p', {}, el('span', { class: 'address' }, `${attempt.cluster} / ${attempt.endpoint}`), ` ${attempt.status ?? 'no answer'}, ${attempt.ended}${flag}`, attempt.hedge ? el('span', { class: 'tag' }, 'second attempt') : '', attempt.reused ? el('span', { class: 'tag' }, 'pooled connection') : ''), line, el('p', { class: 'muted' }, `at ${ms(chosen)}: ${parts.join(', ')}`));
}

/** @param {number} part @param {number} all */
const percentOf = (part, all) => `${all > 0 ? Math.min(100, Math.max(0, (part / all) * 100)) : 0}%`;
