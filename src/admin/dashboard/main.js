/** The page: polls GET /stats and gives it to the view that is looked at. */
import { Api, ApiError } from './api.js';
import { RunningConfig } from './config.js';
import { ClusterDetails } from './details.js';
import { byId, setAttribute, setClass, setText, show } from './dom.js';
import { age, count } from './format.js';
import { Model } from './model.js';
import { PendingBar } from './pending.js';
import { Poller } from './poll.js';
import { Tabs } from './tabs.js';
import { followTheme } from './theme-switch.js';
import { ChangesView } from './view-changes.js';
import { ClustersView } from './view-clusters.js';
import { ExplainView } from './view-explain.js';
import { ListenersView } from './view-listeners.js';
import { OverviewView } from './view-overview.js';
import { RequestsView } from './view-requests.js';
import { RoutesView } from './view-routes.js';

const api = new Api();
const model = new Model();
const poller = new Poller(poll, failed);
/** @type {import('./tuned.js').App} */
const app = { api, model, confirm: () => (byId('confirm-within').value === '' ? '' : `confirm=${byId('confirm-within').value}`), changed: () => poller.now() };
/** @type {Record<string, { update: () => void, themeChanged?: () => void }>} */
let views = {};
/** @type {PendingBar | null} */
let pending = null;
/** What a poll cost this page, in milliseconds of script. */
let lastTickMs = 0;

const tabs = new Tabs(() => {
  if (model.stats === null) return;
  update();
  // What this view needs may not have been asked for.
  poller.now();
});

/** What can be seen depends on what this proxy can do, so it is learned first. */
async function begin() {
  await api.learn();
  const details = new ClusterDetails(api);
  const config = new RunningConfig(api);
  views = { overview: new OverviewView(app, details), clusters: new ClustersView(app, details), routes: new RoutesView(app, config), listeners: new ListenersView(app) };
  if (api.can('GET /requests/recent')) views.requests = new RequestsView(app);
  if (api.can('POST /explain')) views.explain = new ExplainView(app);
  if (api.can('GET /config/history') || api.can('GET /audit') || api.can('PUT /log-level')) views.changes = new ChangesView(app);
  tabs.offer(Object.keys(views));
  show(byId('confirm-part'), api.can('POST /config/confirm'));
  pending = new PendingBar(app);
  followTheme(() => views.overview?.themeChanged?.());
}

async function poll() {
  if (Object.keys(views).length === 0) await begin();
  const query = new URLSearchParams();
  if (tabs.now !== 'routes') query.set('routes', '0');
  if (tabs.now !== 'clusters' && tabs.now !== 'overview') query.set('endpoints', '0');
  const stats = await api.get(`/stats?${query}`);
  const began = performance.now();
  model.take(stats);
  api.version = stats.version;
  update();
  lastTickMs = performance.now() - began;
  performance.measure('millrace tick', { start: began, end: began + lastTickMs });
  if (!poller.stopped) connected(null, 0);
}

function update() {
  const { stats } = model;
  setText(byId('version'), `version ${count(stats.version)}`);
  setText(byId('uptime'), `up ${age(stats.uptimeMs)}`);
  views[tabs.now]?.update();
  pending?.update();
}

/** @param {unknown} error @param {number} waitMs */
function failed(error, waitMs) {
  if (error instanceof ApiError && error.status === 401) {
    poller.stop();
    askForToken(error.message);
    return;
  }
  connected(error instanceof ApiError ? error.lines.join(' ') : `${error}`, waitMs);
}

/** @param {string | null} problem null: all is well @param {number} waitMs */
function connected(problem, waitMs) {
  const state = byId('connection');
  setClass(state, 'lost', problem !== null);
  setText(state, problem === null ? 'live' : 'no answer');
  show(byId('lost'), problem !== null);
  if (problem !== null) setText(byId('lost-why'), `${problem} Asked again in ${Math.round(waitMs / 1000)} s; what is shown is from ${model.stats === null ? 'nowhere yet' : age(Date.now() - Date.parse(model.stats.at)) + ' ago'}.`);
}

/** @param {string} message */
function askForToken(message) {
  show(byId('sign-in'), true);
  show(byId('page'), false);
  setText(byId('sign-in-why'), api.token === null ? 'This admin endpoint wants a token.' : message);
  byId('token').focus();
}

byId('sign-in-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  const { value } = byId('token');
  if (value.trim() === '') return;
  api.token = value.trim();
  byId('token').value = '';
  show(byId('sign-in'), false);
  show(byId('page'), true);
  poller.start();
});
byId('try-again').addEventListener('click', () => poller.now());
byId('pause').addEventListener('click', () => {
  if (poller.stopped) poller.start();
  else poller.stop();
  setAttribute(byId('pause'), 'aria-pressed', String(poller.stopped));
  setText(byId('pause'), poller.stopped ? 'Go on' : 'Pause');
  setText(byId('connection'), poller.stopped ? 'paused' : 'live');
  setClass(byId('connection'), 'lost', poller.stopped);
});

poller.start();
