/** One cluster: what it does in one line, its policy, and the table of its endpoints. */
import { el, setAttribute, setText, show } from './dom.js';
import { endpointColumns } from './endpoint-columns.js';
import { EndpointDetail } from './endpoint-detail.js';
import { count, ms, percent, rate, words } from './format.js';
import { standing } from './health.js';
import { choiceControl } from './inputs.js';
import { keyOf } from './model.js';
import { RowTable } from './table.js';
import { segment } from './tuned.js';

/** Those that need no more than their name; the hash policies want to know what to hash. */
export const POLICIES = ['roundRobin', 'leastRequest', 'random', 'peakEwma', 'leastTime', 'ringHash', 'maglev', 'rendezvous', 'prequal'];
const FACTS = ['Requests', 'Failed', 'p50', 'p99', 'In flight', 'Waiting', 'Retries', 'Hedges'];

export class ClusterSection {
  element;
  #app;
  #details;
  #name;
  #standing = el('span', { class: 'standing' });
  #breaker = el('span', { class: 'tag', hidden: true });
  #facts = new Map(FACTS.map((name) => [name, el('dd')]));
  #policy;
  #holder = el('div');
  /** @type {RowTable<any> | null} */
  #table = null;
  /** @type {any} */
  #cluster;
  /** What columns of endpoints compare with. */
  #context;

  /** @param {import('./tuned.js').App} app @param {import('./details.js').ClusterDetails} details @param {any} cluster @param {boolean} open */
  constructor(app, details, cluster, open) {
    this.#app = app;
    this.#details = details;
    this.#name = cluster.name;
    this.#cluster = cluster;
    this.#context = { app, cluster: cluster.name, mostWeight: 1, requests: /** @type {number | null} */ (null) };
    const policy = app.api.can('PATCH /clusters/{}')
      ? choiceControl(app, { path: `/clusters/${segment(cluster.name)}`, label: 'Policy', choices: POLICIES, value: cluster.policy, bodyOf: (name) => ({ balancer: { policy: name } }) })
      : null;
    this.#policy = policy;
    this.element = el(
      'details',
      { class: 'cluster card', open, ontoggle: () => this.update(this.#cluster, this.#rows) },
      el('summary', {}, el('h3', {}, cluster.name), this.#standing, this.#breaker, el('dl', { class: 'facts' }, ...[...this.#facts].map(([name, dd]) => el('div', {}, el('dt', {}, name), dd)))),
      el('div', { class: 'cluster-controls' }, policy?.element ?? el('span', {}, `Policy ${cluster.policy}`)),
      this.#holder,
    );
  }

  /** @type {any[]} */
  #rows = [];

  /** @param {any} cluster @param {any[]} rows its endpoints that are shown */
  update(cluster, rows) {
    this.#cluster = cluster;
    this.#rows = rows;
    const { model } = this.#app;
    const rates = model.rates(keyOf.cluster(cluster));
    const endpoints = cluster.endpoints ?? [];
    const of = (/** @type {string[]} */ ...kinds) => endpoints.filter((/** @type {any} */ endpoint) => kinds.includes(standing(endpoint))).length;
    const [available, down, draining] = [of('up', 'probing'), of('down'), of('draining')];
    setAttribute(this.#standing, 'class', `standing ${available === 0 && endpoints.length > 0 ? 'down' : down > 0 ? 'probing' : 'up'}`);
    setText(this.#standing, `${available} of ${endpoints.length} available${draining > 0 ? `, ${draining} draining` : ''}`);
    show(this.#breaker, cluster.breaker !== null && cluster.breaker !== undefined);
    setAttribute(this.#breaker, 'class', `tag ${cluster.breaker === 'closed' ? '' : 'bad'}`);
    setText(this.#breaker, `breaker ${words(cluster.breaker ?? '')}`);
    const failures = rates.class('5xx') === null ? null : (rates.class('5xx') ?? 0) + (rates.class('none') ?? 0);
    const latency = cluster.latencyMs?.['10s'];
    this.#fact('Requests', `${rate(rates.requests)}/s`);
    this.#fact('Failed', failures === null || !rates.requests ? '–' : percent(failures / rates.requests));
    this.#fact('p50', ms(latency?.p50));
    this.#fact('p99', ms(latency?.p99));
    this.#fact('In flight', count(cluster.active));
    this.#fact('Waiting', count(cluster.pending));
    this.#fact('Retries', `${rate(rates.retries)}/s`);
    this.#fact('Hedges', `${rate(rates.hedges)}/s`);
    this.#policy?.update(cluster.policy);
    if (!this.element.open) return;
    this.#context.mostWeight = endpoints.reduce((/** @type {number} */ most, /** @type {any} */ { weight }) => Math.max(most, weight), 1);
    this.#context.requests = endpoints.reduce((/** @type {number} */ sum, /** @type {any} */ endpoint) => sum + (model.rates(keyOf.endpoint(this.#name, endpoint)).requests ?? 0), 0);
    this.#tableOf().update(rows);
  }

  #tableOf() {
    if (this.#table !== null) return this.#table;
    this.#table = new RowTable({
      caption: `Endpoints of ${this.#name}`,
      columns: endpointColumns(this.#context),
      keyOf: (endpoint) => endpoint.address,
      empty: 'This cluster has no endpoints.',
      detail: (endpoint) => new EndpointDetail(this.#details, this.#name, endpoint),
    });
    this.#holder.append(this.#table.element);
    return this.#table;
  }

  /** @param {string} name @param {string} text */
  #fact(name, text) {
    setText(this.#facts.get(name), text);
  }
}
