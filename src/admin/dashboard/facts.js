/** Any JSON as lists and tables of text: for answers whose every field is worth reading. */
import { el } from './dom.js';
import { NONE, words } from './format.js';

const MOST_ROWS = 200;

/** @param {unknown} value @param {number} [depth] @returns {Node} */
export function facts(value, depth = 0) {
  if (value === null || value === undefined || value === '') return document.createTextNode(NONE);
  if (Array.isArray(value)) return list(value, depth);
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    if (entries.length === 0) return document.createTextNode('nothing');
    return el('dl', { class: depth === 0 ? 'facts-list' : 'facts-list inner' }, ...entries.map(([name, item]) => el('div', {}, el('dt', {}, label(name)), el('dd', {}, facts(item, depth + 1)))));
  }
  return document.createTextNode(typeof value === 'boolean' ? (value ? 'yes' : 'no') : typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : String(value));
}

/** `queueMs` as `queue, ms`. @param {string} name */
function label(name) {
  const unit = /^(.+?)(Ms|Us|Bytes)$/.exec(name);
  return unit === null ? words(name) : `${words(unit[1] ?? '')}, ${/** @type {any} */ ({ Ms: 'ms', Us: 'µs', Bytes: 'bytes' })[unit[2] ?? '']}`;
}

/** @param {unknown[]} items @param {number} depth */
function list(items, depth) {
  if (items.length === 0) return document.createTextNode('none');
  const shown = items.slice(0, MOST_ROWS);
  const rest = items.length > shown.length ? el('p', { class: 'muted' }, `and ${items.length - shown.length} more`) : null;
  const isTable = shown.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item));
  if (!isTable) {
    const plain = shown.every((item) => typeof item !== 'object' || item === null);
    return plain && shown.length < 12 ? document.createTextNode(`${shown.join(', ')}`) : el('ul', {}, ...shown.map((item) => el('li', {}, facts(item, depth + 1))), rest);
  }
  const columns = [...new Set(shown.flatMap((item) => Object.keys(/** @type {object} */ (item))))];
  return el(
    'div',
    { class: 'scroll' },
    el(
      'table',
      { class: 'plain' },
      el('thead', {}, el('tr', {}, ...columns.map((name) => el('th', { scope: 'col' }, label(name))))),
      el('tbody', {}, ...shown.map((item) => el('tr', {}, ...columns.map((name) => el('td', {}, facts(/** @type {any} */ (item)[name], depth + 1)))))),
    ),
    rest,
  );
}
