/** What an opened row of an endpoint shows: why it is in this state, what was seen, and what happened before. */
import { el, setText } from './dom.js';
import { age, clock, count, ms, words } from './format.js';
import { REASONS } from './health.js';

export class EndpointDetail {
  #details;
  #cluster;
  #facts = el('dl', { class: 'detail-facts' });
  #history = el('ol', { class: 'history' });
  element = el('div', { class: 'endpoint-detail' }, this.#facts, el('div', {}, el('h4', {}, 'What happened to it'), this.#history));
  #shown = '';

  /** @param {import('./details.js').ClusterDetails} details @param {string} cluster @param {any} _endpoint */
  constructor(details, cluster, _endpoint) {
    this.#details = details;
    this.#cluster = cluster;
  }

  /** @param {any} endpoint of GET /stats */
  update(endpoint) {
    const detail = this.#details.now(`${this.#cluster} ${endpoint.address}`)?.endpoint(this.#cluster, endpoint.address);
    if (!detail) return;
    const { health } = detail;
    const facts = [
      ['State', health.reasons.length === 0 ? 'available' : health.reasons.map((/** @type {string} */ reason) => `${words(reason)}: ${REASONS[reason] ?? ''}`).join('; ')],
      ['Since', health.since === null ? 'as long as anybody remembers' : `${clock(health.since)}, ${age(Date.now() - Date.parse(health.since))} ago`],
      ['Seen', health.evidence],
      ['Ends', health.until === null ? null : `${clock(health.until)}, in ${age(Date.parse(health.until) - Date.now())}`],
      ['Last check', health.lastCheck === null ? null : `${health.lastCheck.ok === null ? 'said nothing' : health.lastCheck.ok ? 'passed' : 'failed'} ${age(Date.now() - Date.parse(health.lastCheck.at))} ago in ${ms(health.lastCheck.tookMs)}: ${health.lastCheck.text}`],
      ['Next check', health.nextCheck === null ? null : `in ${age(Date.parse(health.nextCheck) - Date.now())}`],
      ['Ejections', detail.ejections === undefined ? null : count(detail.ejections)],
      ['Breaker opened', detail.breakerOpened ? `${count(detail.breakerOpened)} times` : null],
      ['At most', detail.maxRequests ? `${count(detail.maxRequests)} requests at once` : null],
      ...Object.entries(detail.metadata ?? {}).map(([name, value]) => [name, String(value)]),
    ].filter(([, text]) => text !== null && text !== undefined && text !== '');
    const names = facts.map(([name]) => name).join('\n');
    if (names !== this.#shown) {
      this.#shown = names;
      this.#facts.replaceChildren(...facts.map(([name]) => el('div', {}, el('dt', {}, name), el('dd'))));
    }
    facts.forEach(([, text], index) => setText(this.#facts.children[index].lastElementChild, String(text)));
    this.#updateHistory(health.history ?? []);
  }

  /** Newest first. @param {any[]} history */
  #updateHistory(history) {
    const lines = history.toReversed().map(({ at, what, text }) => `${clock(at)}  ${words(what)}${text === '' ? '' : `: ${text}`}`);
    if (lines.length === 0) lines.push('Nothing that anybody remembers.');
    if (this.#history.children.length !== lines.length) this.#history.replaceChildren(...lines.map(() => el('li')));
    lines.forEach((line, index) => setText(this.#history.children[index], line));
  }
}
