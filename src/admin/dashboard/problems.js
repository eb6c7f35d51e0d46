/** What is wrong now, worst first, with what is known about why. */
import { words } from './format.js';
import { REASONS, healthText, sinceText, standing } from './health.js';

/** @typedef {{ kind: 'down' | 'probing', name: string, what: string, why: string, rank: number }} Problem */

/**
 * @param {any} stats of GET /stats
 * @param {import('./details.js').Details | null} details of GET /clusters, if they are here already
 * @param {number} nowMs
 * @returns {Problem[]}
 */
export function problemsOf(stats, details, nowMs) {
  /** @type {Problem[]} */
  const problems = [];
  for (const cluster of stats.clusters) {
    const { name, breaker, endpoints = [] } = cluster;
    if (endpoints.length > 0 && endpoints.every((/** @type {any} */ endpoint) => ['down', 'draining'].includes(standing(endpoint)))) problems.push({ kind: 'down', name, what: 'no endpoint is available', why: '', rank: 0 });
    if (breaker === 'open' || breaker === 'halfOpen') {
      const detail = details?.cluster(name)?.breaker;
      problems.push({ kind: breaker === 'open' ? 'down' : 'probing', name, what: `circuit breaker ${words(breaker)}`, why: [sinceText({ reasons: [breaker], since: detail?.since, until: detail?.until }, nowMs), detail?.evidence ?? ''].filter(Boolean).join(': '), rank: 1 });
    }
    for (const endpoint of endpoints) {
      const kind = standing(endpoint);
      const { address, health } = endpoint;
      if (kind !== 'down' && kind !== 'probing') continue;
      const evidence = details?.endpoint(name, address)?.health?.evidence ?? health.reasons.map((/** @type {string} */ reason) => REASONS[reason] ?? '').join('; ');
      problems.push({ kind, name: `${name} / ${address}`, what: `${healthText(endpoint)} ${sinceText(health, nowMs)}`, why: evidence, rank: kind === 'down' ? 2 : 3 });
    }
  }
  return problems.sort((a, b) => a.rank - b.rank);
}
