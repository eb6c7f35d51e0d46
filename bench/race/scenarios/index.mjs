/**
 * All scenarios, in the order in which they are run. A scenario is data; bench/race/rounds.mjs runs it:
 *
 *   id, title, what, unit, primary, goals     as in the result
 *   features     { tls, everything, reload, balance, large }: what contenders are configured with
 *   load         options of bench/load, without url, core and times
 *   endpoints    [{ delay: ms }]: origins of their own; else the common one
 *   bytes        { direction: 'in' | 'out', each }: count requests by the bytes that moved
 *   latency      { of: 'all' | 'fast', weight, rounds }: open loop as well, at 50 and 80 % of what the slowest of these can do
 *   systemCalls  count them, in a run of its own
 *   weight       times the seconds of a run; warmup: at least so many seconds before; maxRounds: at most so many
 *   fastOnly, plainBeside, freshEachRound, sample (memory during the run), allowErrors, prepare(), around()
 */
import { bodies } from './bodies.mjs';
import { idleConnections, slowClients } from './crowds.mjs';
import { everything } from './everything.mjs';
import { browser, latency, perConnection, plain } from './plain.mjs';
import { reload } from './reload.mjs';
import { slowEndpoint } from './slow-endpoint.mjs';
import { tlsFull, tlsKeepAlive, tlsResumed } from './tls.mjs';

export const scenarios = [plain, latency, browser, perConnection, tlsKeepAlive, tlsFull, tlsResumed, ...bodies, everything, slowClients, idleConnections, reload, slowEndpoint];
