/** What GET /config/history and GET /audit say, in words. */
import { clock, valueText } from './format.js';

/** @typedef {{ path: string, from?: unknown, to?: unknown }} Difference */
/** @typedef {{ at: string, who: string, what: string, version: number | null, diff: Difference[], outcome: string, why: string }} Change */

/** @param {any} entry of the audit or the history @returns {Change} */
export function changeOf({ at, who, what, version, diff = [], outcome = 'applied', why }) {
  return { at: clock(at), who, what, version, diff, outcome, why: why ?? '' };
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
  const { audit } = await api.get('/audit');
  return audit.map(changeOf).filter((/** @type {Change} */ change) => change.version !== null && change.outcome !== 'refused' && (version === null || change.version > version));
}
