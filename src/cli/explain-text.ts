/** An explanation for a terminal: what wins, why, and what nearly did. */
import type { ExplainedCandidate, ExplainedGate, ExplainedMatch, ExplainedRoute, ExplainedStation, ExplainedStep, Explanation } from '../control/explain/schema.ts';
import { formatDuration } from '../core/duration.ts';

/** What moves a cursor or turns text round; the request was written by anybody. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const visible = (line: string): string => line.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

const LABEL = 10;
/** Endpoints, and routes of each kind, that are listed. */
const MOST_ROWS = 20;

export function explanationText(explanation: Explanation): string {
  const { outcome, listener, request, match, route, clusters } = explanation;
  const scheme = listener.tls ? 'https' : 'http';
  const host = request.headers.find(([name]) => name === 'host')?.[1] ?? '';
  const status = outcome.status === null ? '' : `${outcome.status} `;
  const flag = outcome.flag === null ? '' : ` [${outcome.flag}]`;
  const lines = [
    `${request.method} ${scheme}://${host}${request.target}`,
    `=> ${status}${outcome.text}${flag}`,
    '',
    ...row('listener', [`${listener.name}, ${listener.address}${listener.tls ? ', TLS' : ''}, route table ${listener.routes}`, ...gateLines(listener.rateLimits)]),
    ...(request.refused === null ? [] : row('refused', [`${request.refused.status} ${request.refused.reason}: ${request.refused.text}`])),
    ...(request.refused === null ? row('request', requestLines(explanation)) : []),
    ...(match === null ? [] : [...row('host', hostLines(match)), ...row('routes', routeLines(match))]),
    ...(route === null ? [] : routeRows(route)),
    ...clusters.flatMap(({ share, chain }) => chain.flatMap((station, hop) => row(hop === 0 ? 'cluster' : 'fallback', stationLines(station, clusters.length > 1 && hop === 0 ? share : null)))),
    ...(explanation.live ? [] : ['', 'Nobody runs this configuration here: endpoints count as available, limits as unused. --admin asks a running proxy.']),
  ];
  return lines.map(visible).join('\n');
}

function row(label: string, texts: readonly string[]): string[] {
  return texts.map((text, i) => `${(i === 0 ? label : '').padEnd(LABEL)} ${text}`.trimEnd());
}

function requestLines({ request }: Explanation): string[] {
  const path = request.rawPath === request.path ? '' : ` (from ${request.rawPath ?? ''})`;
  const client = request.client === request.peer ? '' : `, behind ${request.peer ?? ''}`;
  return [`path ${request.path ?? ''}${path}, client ${request.client ?? 'unknown'}${client}${request.trusted ? ', trusted' : ''}`];
}

function hostLines({ probes, virtualHost }: ExplainedMatch): string[] {
  const looked = probes.map(({ host, virtualHost: found }) => `${host} ${found === null ? 'no' : 'yes'}`).join(', ');
  return [virtualHost === null ? `no virtual host (looked for: ${looked})` : `${virtualHost.name} (${virtualHost.hosts.slice(0, 4).join(', ')}${virtualHost.hosts.length > 4 ? ', ...' : ''}); looked for: ${looked}`];
}

function routeLines({ tried, notReached, notReachedMore, route }: ExplainedMatch): string[] {
  const shown = [...tried.map((step) => ({ step, mark: step.failed === null ? '*' : 'x', text: step.failed?.text ?? '' })), ...notReached.map((step) => ({ step, mark: '-', text: step.text }))];
  const width = Math.max(0, ...shown.map(({ step }) => step.route.length));
  const paths = Math.max(0, ...shown.map(({ step }) => pathText(step).length));
  const lines = shown.slice(0, MOST_ROWS).map(({ step, mark, text }) => `${mark} ${step.route.padEnd(width)}  ${pathText(step).padEnd(paths)}  ${text}`);
  const more = notReachedMore + Math.max(0, shown.length - MOST_ROWS);
  return [...lines, ...(more > 0 ? [`${more} more`] : []), ...(route === null ? ['no route matches'] : [])];
}

function pathText({ path }: ExplainedStep): string {
  return `${path.kind === 'exact' ? '=' : path.kind === 'regex' ? '~' : '^'} ${path.value}`;
}

function routeRows(route: ExplainedRoute): string[] {
  const { timeouts, retry, hedge, deadline, webSocket, fault } = route;
  const times = Object.entries(timeouts).flatMap(([name, ms]) => (ms === 0 ? [] : [`${name.slice(0, -2)} ${durationText(ms)}`]));
  const tries = retry === null ? [] : [`up to ${retry.attempts} on ${[...retry.on, ...retry.statuses].join(', ')}${retry.repeatable ? '' : ', but nothing that an upstream may have acted on'}`];
  const hedges = hedge === null ? [] : [`a second attempt ${!hedge.applies ? 'not for this request' : hedge.delayMs === null ? 'once enough is known of the route' : `after ${durationText(hedge.delayMs)}`}, for at most ${hedge.budgetPercent} % of the requests`];
  const faults = [
    ...(fault?.abort == null ? [] : [`${fault.abort.percent} % aborted with ${fault.abort.status}`]),
    ...(fault?.delay == null ? [] : [`${fault.delay.percent} % delayed by ${durationText(fault.delay.ms)}`]),
  ];
  return [
    ...row('route', [`${route.name} (${route.virtualHost}): ${route.action}`]),
    ...row('limits', gateLines(route.rateLimits)),
    ...(route.body.tooLarge ? row('body', [`too large: at most ${route.body.maxBytes ?? 0} bytes`]) : []),
    ...(webSocket === null ? [] : row('upgrade', [webSocket.refused !== null ? `refused: ${webSocket.refused.text}` : webSocket.proxied ? 'WebSocket' : 'not proxied: an ordinary request'])),
    ...row('fault', faults.length === 0 ? [] : [faults.join(', ')]),
    ...row('answer', route.answer === null ? [] : headLines(route.answer)),
    ...row('upstream', route.upstream === null ? [] : headLines(route.upstream)),
    ...(deadline === null ? [] : row('deadline', [`${deadline.header}: asked ${deadline.askedMs ?? 'none'}${deadline.askedMs !== null && !deadline.believed ? ' (not believed)' : ''}, sent ${deadline.sentMs ?? 'none'}`])),
    ...row('time', route.upstream === null || times.length === 0 ? [] : [times.join(', ')]),
    ...row('retries', route.upstream === null ? [] : tries),
    ...row('hedging', hedges),
  ];
}

function headLines({ line, headers }: { line: string; headers: [string, string][] }): string[] {
  return [line, ...headers.map(([name, value]) => `${name}: ${value}`)];
}

function gateLines(gate: ExplainedGate | null): string[] {
  return (gate?.limits ?? []).map((limit) => {
    const key = limit.key.map(({ kind, name, value }) => `${kind}${name === '' ? '' : ` ${name}`} ${value ?? '(missing)'}`).join(', ');
    const rate = `${limit.name}: ${limit.requests} per ${formatDuration(limit.windowMs)}${key === '' ? '' : ` for ${key}`}`;
    if (!limit.counts) return `${rate}: not counted, as a part of the key is missing`;
    const state = limit.refuses ? `reached${limit.shadow ? ' (shadow: let through)' : ''}, again in ${durationText(limit.retryAfterMs ?? 0)}` : `${limit.left ?? 0} left`;
    return `${rate}: ${state}${limit.resetMs === null || limit.resetMs === 0 ? '' : `, as new in ${durationText(limit.resetMs)}`}${limit.shared ? ' (shared: the table is full)' : ''}`;
  });
}

function stationLines(station: ExplainedStation, share: number | null): string[] {
  const { breaker, hash, retryBudget, limits, groups } = station;
  const bounds = Object.entries(limits).flatMap(([name, { now, limit }]) => (limit === 0 || (name === 'queue' && now === 0) ? [] : [`${name} ${now} of ${limit}`]));
  return [
    `${station.cluster}${station.subset === null ? '' : ` {${station.subset}}`}${share === null ? '' : ` (${percentText(share)})`}: ${station.text}`,
    ...(breaker === null ? [] : [`circuit breaker ${breaker.state}: ${breaker.failures} of ${breaker.requests} failed, opens at ${percentText(breaker.threshold)} of ${breaker.minRequests}${breaker.leftMs === 0 ? '' : `, probes in ${durationText(breaker.leftMs)}`}`]),
    ...(bounds.length === 0 ? [] : [bounds.join(', ')]),
    ...(retryBudget === null ? [] : [`retry budget: ${retryBudget.left} left of ${retryBudget.allowed}`]),
    ...(hash === null ? [] : hashLines(hash)),
    `${station.policy}: ${station.scoring}`,
    ...(groups.length < 2 && groups[0]?.panicking !== true ? [] : groups.map(({ priority, share: part, part: which, panicking, endpoints }) => `priority ${priority}${which === 'all' ? '' : `, ${which} zone`}: ${percentText(part)} for ${endpoints} endpoints${panicking ? ', in panic' : ''}`)),
    ...candidateLines(station),
    ...(station.fallback === null ? [] : [`fallback: ${station.fallback}`]),
  ];
}

function hashLines({ present, madeUp, value, sources, owner, bound }: NonNullable<ExplainedStation['hash']>): string[] {
  const from = sources.map(({ kind, name, value: given }) => `${kind}${name === '' ? '' : ` ${name}`} ${given === null ? '(missing)' : JSON.stringify(given)}`).join(', ');
  const result = madeUp ? 'a new cookie: drawn' : !present ? 'none: drawn by weight' : `${value ?? ''}, owned by ${owner ?? 'nobody'}`;
  const load = bound === null ? '' : `; bounded load: ${bound.ownerActive} active of at most ${bound.ownerMost}`;
  return [`hash of ${from}: ${result}${load}`];
}

function candidateLines({ candidates, candidatesMore }: ExplainedStation): string[] {
  const cells = candidates.slice(0, MOST_ROWS).map((one) => [one.share === null ? '?' : percentText(one.share), one.endpoint, `weight ${one.weight}`, `${one.active} active`, one.latencyMs === null ? '' : durationText(one.latencyMs), scoreText(one), notesOf(one)]);
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(0, ...cells.map((row) => row[column]?.length ?? 0)));
  const more = candidatesMore + Math.max(0, candidates.length - MOST_ROWS);
  return [...cells.map((row) => `  ${row.map((cell, i) => (i === 0 ? cell.padStart(widths[0] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ')}`.trimEnd()), ...(more > 0 ? [`  ${more} more`] : [])];
}

function scoreText({ score }: ExplainedCandidate): string {
  return score === null ? '' : `score ${Math.round(score * 100) / 100}`;
}

function notesOf({ why, evidence, until }: ExplainedCandidate): string {
  return [why, evidence, until === null ? null : `until ${until}`].filter((text) => text !== null && text !== '').join('; ');
}

function percentText(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
