/** All clusters, each with its endpoints. */
import { byId, setText, show } from './dom.js';
import { ClusterSection } from './cluster-section.js';
import { standing } from './health.js';

/** So many endpoints are shown opened at first. */
const OPEN_AT_FIRST = 300;

export class ClustersView {
  #app;
  #details;
  /** @type {Map<string, ClusterSection>} */
  #sections = new Map();

  /** @param {import('./tuned.js').App} app @param {import('./details.js').ClusterDetails} details */
  constructor(app, details) {
    this.#app = app;
    this.#details = details;
    byId('cluster-filter').addEventListener('input', () => this.update());
    byId('cluster-problems').addEventListener('change', () => this.update());
  }

  update() {
    const { clusters } = this.#app.model.stats;
    const list = byId('cluster-list');
    const names = new Set(clusters.map((/** @type {any} */ { name }) => name));
    for (const [name, section] of this.#sections) {
      if (names.has(name)) continue;
      section.element.remove();
      this.#sections.delete(name);
    }
    const filter = byId('cluster-filter').value.trim().toLowerCase();
    const onlyProblems = byId('cluster-problems').checked;
    let endpoints = 0;
    let at = list.firstElementChild;
    let shown = 0;
    for (const cluster of clusters) {
      let section = this.#sections.get(cluster.name);
      if (section === undefined) {
        section = new ClusterSection(this.#app, this.#details, cluster, endpoints < OPEN_AT_FIRST);
        this.#sections.set(cluster.name, section);
      }
      endpoints += cluster.endpoints?.length ?? 0;
      const rows = this.#filtered(cluster, filter, onlyProblems);
      const isShown = rows.length > 0 || (filter === '' && !onlyProblems);
      show(section.element, isShown);
      if (isShown) {
        shown++;
        section.update(cluster, rows);
      }
      if (section.element === at) at = at.nextElementSibling;
      else list.insertBefore(section.element, at);
    }
    show(byId('no-clusters'), shown === 0);
    setText(byId('no-clusters'), clusters.length === 0 ? 'No clusters are configured.' : onlyProblems && filter === '' ? 'Every endpoint is available.' : 'Nothing fits the filter.');
  }

  /** The endpoints that are shown; all of a cluster whose name fits. @param {any} cluster @param {string} filter @param {boolean} onlyProblems */
  #filtered({ name, endpoints = [] }, filter, onlyProblems) {
    const all = filter === '' || name.toLowerCase().includes(filter);
    return endpoints.filter((/** @type {any} */ endpoint) => (all || endpoint.address.toLowerCase().includes(filter)) && (!onlyProblems || standing(endpoint) !== 'up'));
  }
}

