/** The first page: is it well, how much, how fast, and what is wrong. */
import { CHARTS, Chart } from './charts.js';
import { byId, el, setAttribute, setClass, setText, show } from './dom.js';
import { bytes, count, ms, percent, rate } from './format.js';
import { FLAGS, HARMLESS_FLAGS } from './health.js';
import { keyOf } from './model.js';
import { problemsOf } from './problems.js';

const PROBLEMS_SHOWN = 12;

export class OverviewView {
  #app;
  #details;
  #charts = Object.fromEntries(Object.entries(CHARTS).map(([name, shown]) => [name, new Chart(shown)]));
  /** @type {Map<string, any>} */
  #tiles = new Map();
  #scope = 'all';
  #scopes = '';

  /** @param {import('./tuned.js').App} app @param {import('./details.js').ClusterDetails} details */
  constructor(app, details) {
    this.#app = app;
    this.#details = details;
    byId('charts').append(...Object.values(this.#charts).map(({ element }) => element));
    byId('scope').addEventListener('change', () => {
      this.#scope = byId('scope').value;
      this.update();
    });
  }

  themeChanged() {
    for (const chart of Object.values(this.#charts)) chart.themeChanged();
  }

  update() {
    const { model } = this.#app;
    this.#updateScopes();
    this.#updateTiles();
    const series = model.series(this.#scope);
    const second = this.#scope === 'all' ? 'connections' : this.#scope.startsWith('cluster ') ? 'waiting' : '';
    for (const chart of Object.values(this.#charts)) chart.update(series, second);
    this.#updateProblems();
    this.#updateFlags();
  }

  /** What the charts can show; changes only with the configuration. */
  #updateScopes() {
    const { listeners, clusters } = this.#app.model.stats;
    const scopes = [...listeners.map((/** @type {any} */ listener) => [keyOf.listener(listener), `listener ${listener.name}`]), ...clusters.map((/** @type {any} */ cluster) => [keyOf.cluster(cluster), `cluster ${cluster.name}`])];
    const text = JSON.stringify(scopes);
    if (text === this.#scopes) return;
    this.#scopes = text;
    const select = byId('scope');
    select.replaceChildren(el('option', { value: 'all' }, listeners.length > 1 ? 'everything (latency: the slowest listener)' : 'everything'), ...scopes.map(([value, label]) => el('option', { value }, label)));
    if (!scopes.some(([value]) => value === this.#scope)) this.#scope = 'all';
    select.value = this.#scope;
  }

  #updateTiles() {
    const { model } = this.#app;
    const { all, stats } = model;
    const { process, workers } = stats;
    const failures = plus(all.class('5xx'), all.class('none'));
    const share = failures === null || !all.requests ? null : failures / all.requests;
    const io = model.rates('process');
    const serving = workers.filter((/** @type {any} */ { state }) => state === 'running').length;
    this.#tile('Requests', `${rate(all.requests)}/s`, `${count(process.requests)} in all`);
    this.#tile('Failed', share === null ? '–' : percent(share), `${rate(failures)}/s of 5xx or no answer`, share === null || share < 0.01 ? '' : 'bad');
    this.#tile('p50', ms(all.latency?.p50), 'over the last 10 s');
    this.#tile('p99', ms(all.latency?.p99), `p99.9 ${ms(all.latency?.p999)}`);
    this.#tile('In flight', count(all.active), 'requests');
    this.#tile('Connections', count(process.connections), `${count(process.webSockets)} WebSockets`);
    this.#tile('Traffic', `${bytes(io.bytesSent)}/s`, `${bytes(io.bytesReceived)}/s received`);
    this.#tile('Workers', `${serving} of ${workers.length}`, `${model.cpus === null ? '–' : model.cpus.toFixed(2)} CPUs, ${bytes(process.rssBytes)}`, serving < workers.length ? 'bad' : '');
  }

  /** @param {string} name @param {string} value @param {string} more @param {string} [kind] */
  #tile(name, value, more, kind = '') {
    let tile = this.#tiles.get(name);
    if (tile === undefined) {
      tile = { value: el('dd', { class: 'value' }), more: el('dd', { class: 'sub' }) };
      tile.element = el('div', { class: 'tile card' }, el('dt', {}, name), tile.value, tile.more);
      this.#tiles.set(name, tile);
      byId('tiles').append(tile.element);
    }
    setText(tile.value, value);
    setText(tile.more, more);
    setClass(tile.element, 'bad', kind === 'bad');
  }

  #updateProblems() {
    const { model } = this.#app;
    const problems = problemsOf(model.stats, this.#details.now(problemsKey(model.stats)), Date.parse(model.stats.at));
    const shown = problems.slice(0, PROBLEMS_SHOWN);
    const list = byId('problems');
    while (list.children.length > shown.length) list.lastElementChild.remove();
    shown.forEach((problem, index) => {
      const item = list.children[index] ?? list.appendChild(el('li', {}, el('span', { class: 'mark', 'aria-hidden': 'true' }), el('strong', {}), el('span', { class: 'what' }), el('span', { class: 'why' })));
      const [mark, name, what, why] = item.children;
      setAttribute(mark, 'class', `mark ${problem.kind}`);
      setText(name, problem.name);
      setText(what, problem.what);
      setText(why, problem.why);
    });
    show(byId('no-problems'), problems.length === 0);
    show(byId('more-problems'), problems.length > shown.length);
    setText(byId('more-problems'), `and ${problems.length - shown.length} more, see Clusters`);
    setText(byId('problem-count'), problems.length === 0 ? '' : String(problems.length));
  }

  #updateFlags() {
    const { flags } = this.#app.model;
    const list = byId('flags');
    const shown = flags.slice(0, PROBLEMS_SHOWN);
    while (list.children.length > shown.length) list.lastElementChild.remove();
    shown.forEach(({ flag, total, perSecond }, index) => {
      const row = list.children[index] ?? list.appendChild(el('li', {}, el('code', {}), el('span', { class: 'what' }), el('span', { class: 'number' }), el('span', { class: 'number muted' })));
      const [code, what, now, sum] = row.children;
      setText(code, flag);
      setText(what, FLAGS[flag] ?? '');
      setText(now, `${rate(perSecond)}/s`);
      setText(sum, `${count(total)} in all`);
      setClass(row, 'live', (perSecond ?? 0) > 0 && !HARMLESS_FLAGS.has(flag));
    });
    show(byId('no-flags'), flags.length === 0);
  }
}

const plus = (/** @type {number | null} */ a, /** @type {number | null} */ b) => (a === null && b === null ? null : (a ?? 0) + (b ?? 0));

/** Changes when anything that is wrong changes: then the reasons are asked for again. @param {any} stats */
function problemsKey(stats) {
  const parts = [];
  for (const { name, breaker, endpoints = [] } of stats.clusters) {
    if (breaker !== null && breaker !== 'closed') parts.push(`${name} ${breaker}`);
    for (const { address, health } of endpoints) if (health?.reasons?.length > 0) parts.push(`${name} ${address} ${health.reasons.join()} ${health.since}`);
  }
  return parts.join('\n');
}

