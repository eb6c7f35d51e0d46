/** An answer of POST /explain: the outcome in a sentence, each decision in the order in which it is made, and the rest in full below. */
import { el } from './dom.js';
import { facts } from './facts.js';
import { ms, percent, words } from './format.js';

/** @param {any} answer @returns {Node[]} */
export function explained(answer) {
  const { outcome, request, match, route, clusters = [], ...rest } = answer;
  return [
    el('p', { class: `card outcome ${outcome.routed ? '' : 'bad'}` }, el('strong', {}, outcome.text), outcome.status === null ? '' : el('span', { class: 'tag' }, `status ${outcome.status}`), outcome.flag === null ? '' : el('span', { class: 'tag bad' }, outcome.flag), outcome.certain ? '' : el('span', { class: 'muted' }, ' A draw decides; another request may fare otherwise.')),
    part('Request', facts({ host: request.host, path: request.path, query: request.query, client: request.client, 'forwarded headers': request.trusted ? 'believed' : 'not believed', ...(request.refused === null ? {} : { refused: request.refused.text }) })),
    ...(match === null ? [] : [part('Routes', routesTable(match))]),
    ...clusters.flatMap((/** @type {any} */ choice) => choice.chain.map((/** @type {any} */ station, /** @type {number} */ index) => stationPart(station, index === 0 ? choice.share : null))),
    ...(route === null ? [] : [part(`Route ${route.name}`, routeFacts(route))]),
    el('details', { class: 'card' }, el('summary', {}, 'Everything'), facts({ ...rest, match, route, clusters })),
  ];
}

/** @param {string} title @param {Node[]} content */
const part = (title, ...content) => el('section', { class: 'card' }, el('h3', {}, title), ...content);

/** @param {string[]} titles @param {(string | Node)[][]} rows @param {string} [kind] */
function table(titles, rows, kind = '') {
  return el('div', { class: 'scroll' }, el('table', { class: `plain ${kind}` }, el('thead', {}, el('tr', {}, ...titles.map((title) => el('th', { scope: 'col' }, title)))), el('tbody', {}, ...rows.map((cells) => el('tr', {}, ...cells.map((cell) => el('td', {}, cell)))))));
}

/** @param {any} path */
const pathText = ({ kind, value }) => (kind === 'exact' ? value : kind === 'prefix' ? `${value}…` : `~ ${value}`);

/** @param {any} match */
function routesTable({ tried, notReached, notReachedMore, virtualHost, probes, route }) {
  const rows = [
    ...tried.map((/** @type {any} */ step) => [step.route, pathText(step.path), step.failed === null ? el('strong', { class: 'good' }, 'taken') : step.failed.text]),
    ...notReached.map((/** @type {any} */ step) => [step.route, pathText(step.path), step.text]),
  ];
  const host = virtualHost === null ? `No virtual host has this name; looked up: ${probes.map((/** @type {any} */ probe) => probe.host).join(', ')}.` : `Virtual host ${virtualHost.name} (${virtualHost.hosts.join(', ')}).`;
  return el('div', {}, el('p', {}, host), rows.length === 0 ? el('p', {}, 'The path of no route fits.') : table(['Route', 'Path', 'What became of it'], rows), route === null ? el('p', { class: 'error-text' }, 'No route takes it.') : '', notReachedMore > 0 ? el('p', { class: 'muted' }, `and ${notReachedMore} more that come later`) : '');
}

/** @param {any} station @param {number | null} share null: a fallback */
function stationPart(station, share) {
  const { cluster, text, policy, scoring, pick, candidates, candidatesMore } = station;
  const rows = candidates.map((/** @type {any} */ candidate) => [
    el('span', {}, el('span', { class: `mark ${candidate.given ? 'up' : 'down'}`, 'aria-hidden': 'true' }), el('span', { class: 'address' }, candidate.endpoint), candidate.endpoint === pick.endpoint ? el('span', { class: 'tag' }, 'the next one') : ''),
    candidate.share === null ? '–' : percent(candidate.share),
    candidate.score === null ? '–' : String(Math.round(candidate.score * 1000) / 1000),
    `${candidate.weight}${candidate.effectiveWeight !== null && candidate.effectiveWeight !== candidate.weight ? ` (now ${candidate.effectiveWeight})` : ''}`,
    String(candidate.active),
    ms(candidate.latencyMs),
    [candidate.health.map(words).join(', '), candidate.why, candidate.evidence ?? ''].filter(Boolean).join('; '),
  ]);
  const title = share === null ? `Fallback ${cluster}` : share === 1 ? `Cluster ${cluster}` : `Cluster ${cluster}, ${percent(share)}`;
  return part(title, el('p', {}, text), el('p', { class: 'muted' }, `${policy}: ${scoring}`), table(['Endpoint', 'Share', 'Score', 'Weight', 'In flight', 'Latency', 'Why'], rows), candidatesMore > 0 ? el('p', { class: 'muted' }, `and ${candidatesMore} more`) : document.createTextNode(''));
}

/** @param {any} route */
function routeFacts({ timeouts, retry, hedge, rateLimits, fault, upstream, answer }) {
  const head = upstream ?? answer;
  return el(
    'div',
    {},
    facts({ timeouts, retry, ...(hedge === null ? {} : { hedge }), ...(rateLimits === null ? {} : { rateLimits }), ...(fault === null ? {} : { fault }) }),
    head === null ? '' : el('pre', { class: 'head' }, [head.line, ...head.headers.map((/** @type {[string, string]} */ [name, value]) => `${name}: ${value}`)].join('\n')),
  );
}
