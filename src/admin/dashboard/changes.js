/** What GET /config/history and GET /audit say, in words. */
import { clock, valueText } from './format.js';

/** @typedef {{ path: string, from?: unknown, to?: unknown }} Difference */
/** @typedef {{ at: string, who: string, what: string, version: number | null, diff: Difference[], outcome: string }} Change */

/** @param {any} entry of the audit or the history @returns {Change} */
export function changeOf(entry) {
  return {
    at: clock(entry.at),
    who: String(entry.who ?? 'somebody'),
    what: String(entry.what ?? entry.operation ?? ''),
    version: typeof entry.version === 'number' ? entry.version : null,
    diff: Array.isArray(entry.diff) ? entry.diff : [],
    outcome: String(entry.outcome ?? entry.result ?? ''),
  };
}

/** @param {Difference} difference */
export const differenceText = ({ path, from, to }) => `${path}: ${valueText(from)} → ${valueText(to)}`;

/** @param {Change} change */
export function changeText({ what, diff, version }) {
  const shown = diff.slice(0, 3).map(differenceText).join(', ');
  const rest = diff.length > 3 ? ` and ${diff.length - 3} more` : '';
  return `${shown === '' ? what : `${shown}${rest}`}${version === null ? '' : ` (version ${version})`}`;
}

/** Newest first. @param {import('./api.js').Api} api @param {number | null} version @returns {Promise<Change[]>} */
export async function changesSince(api, version) {
  const changes = entriesOf(await api.get('/audit')).map(changeOf);
  return changes.filter((change) => change.version !== null && (version === null || change.version > version)).sort((a, b) => Number(b.version) - Number(a.version));
}

/** @param {any} answer @returns {any[]} */
export const entriesOf = (answer) => answer?.entries ?? answer?.audit ?? answer?.history ?? [];
