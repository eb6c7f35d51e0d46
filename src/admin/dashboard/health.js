/** Health of endpoints in words. Colour is never the only sign: each state has a word, and a mark of its own shape. */
import { age, clock, words } from './format.js';

/** What the reasons of GET /stats mean. @type {Record<string, string>} */
export const REASONS = {
  unhealthy: 'its health checks fail',
  unchecked: 'no health check has come back yet',
  ejected: 'outlier detection took it out',
  open: 'its circuit breaker is open',
  halfOpen: 'its circuit breaker lets probes through',
  drained: 'it takes no new requests, as somebody said',
};

/** What response flags mean; README.md has the long form. @type {Record<string, string>} */
export const FLAGS = {
  NR: 'no route',
  NC: 'no cluster, or no endpoint',
  UF: 'no connection to the upstream',
  UC: 'the upstream closed its connection',
  UT: 'the upstream took too long',
  SI: 'nothing moved for too long',
  UO: 'queue of the cluster full',
  UPE: 'the upstream broke the protocol',
  DPE: 'the client broke the protocol',
  DC: 'the client went away',
  DI: 'answered by the route itself',
  BL: 'request body too large',
  UTLS: 'TLS with the upstream failed',
  OVL: 'this proxy is overloaded',
  RL: 'rate limited',
  UH: 'no healthy endpoint',
  UQ: 'waited too long for a free endpoint',
  CB: 'circuit breaker open',
  UCT: 'connecting took too long',
  UTT: 'TLS with the upstream took too long',
  UPT: 'an attempt took too long',
  DRT: 'the client sent its request too slowly',
  UMSDR: 'the exchange lasted too long',
  DLE: 'the deadline of the caller has passed',
  FI: 'fault injected',
  DF: 'delay injected',
};
/** Answered as configured: no failure. */
export const HARMLESS_FLAGS = new Set(['DI', 'DC']);

/** @typedef {'up' | 'probing' | 'draining' | 'down'} Standing */

/** Reasons beside that somebody drains it. @param {any} endpoint @returns {string[]} */
const troubles = ({ health }) => (health?.reasons ?? []).filter((/** @type {string} */ reason) => reason !== 'drained');

/** @param {any} endpoint of GET /stats @returns {Standing} */
export function standing(endpoint) {
  const { health, drain, weight } = endpoint;
  const isTroubled = troubles(endpoint).length > 0;
  if (health?.state === 'unavailable' && (isTroubled || !drain)) return 'down';
  if (drain || weight === 0) return 'draining';
  return isTroubled ? 'probing' : 'up';
}

/** @param {any} endpoint */
export function healthText(endpoint) {
  const { health, drain, weight } = endpoint;
  const reasons = [...troubles(endpoint).map(words), ...(drain ? ['draining'] : [])];
  if (reasons.length > 0) return reasons.join(', ');
  if (health?.state === 'unavailable') return 'unavailable';
  return weight === 0 ? 'weight 0' : 'available';
}

/** `for 40 s, until 12:03:10 (20 s)`. @param {any} health @param {number} nowMs */
export function sinceText(health, nowMs) {
  if (!health?.reasons?.length) return '';
  const since = health.since ? `for ${age(nowMs - Date.parse(health.since))}` : '';
  const until = health.until ? `until ${clock(health.until)} (${age(Date.parse(health.until) - nowMs)})` : '';
  return [since, until].filter((part) => part !== '').join(', ');
}
