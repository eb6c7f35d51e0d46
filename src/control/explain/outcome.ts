/** What the client would be answered: the first step that ends the request decides, in the order of the engine. */
import { DOWNSTREAM_ERROR } from '../../binding/abi.ts';
import type { NativeExplanation, NativeStation } from '../../binding/explain.ts';
import type { RouteConfig } from '../../config/types.ts';
import { takes } from './cluster.ts';
import { at, type Places } from './places.ts';
import type { Outcome } from './schema.ts';

export function outcomeOf(places: Places, native: NativeExplanation): Outcome {
  const { request, listenerLimits, match } = native;
  if (request.error !== undefined) return refused(request.error.status, 'DPE', `${DOWNSTREAM_ERROR[request.error.reason] ?? 'refused'}: ${request.error.text}`);
  if (listenerLimits?.allowed === false) return limited(places, listenerLimits.refusedBy, listenerLimits.status);
  if (request.lastHop) return refused(request.method === 'TRACE' ? 200 : 204, 'DI', `${request.method} with Max-Forwards: 0 is answered by the proxy itself`);
  if (match === undefined || match.route === null) return { ...refused(404, 'NR', noRouteText(native)), kind: 'noRoute' };
  const { route } = at(places.routes, match.route);
  const early = endedByRoute(places, native, route);
  if (early !== null) return early;
  const chances = chancesOf(route);
  if (route.action.kind === 'redirect') {
    const [line = ''] = (native.answer ?? '').split('\r\n', 1);
    return { kind: 'redirect', routed: true, certain: chances === '', status: Number.parseInt(line, 10), flag: 'DI', text: `redirected by the route ${route.name}${chances}` };
  }
  if (route.action.kind === 'respond')
    return { kind: 'respond', routed: true, certain: chances === '', status: route.action.respond.status, flag: 'DI', text: `answered directly by the route ${route.name}${chances}` };
  if (native.deadline?.expired === true) return refused(504, 'DLE', 'the deadline of the request has passed');
  return ofTargets(places, native.targets ?? [], chances);
}

function endedByRoute(places: Places, native: NativeExplanation, route: RouteConfig): Outcome | null {
  const { routeLimits, upgrade } = native;
  if (native.bodyTooLarge === true) return refused(413, 'BL', `the body is longer than the ${route.maxRequestBodyBytes} bytes that the route ${route.name} takes`);
  if (routeLimits?.allowed === false) return limited(places, routeLimits.refusedBy, routeLimits.status);
  if (route.fault?.abort?.perMillion === 1_000_000) return refused(route.fault.abort.status, 'FI', `aborted by fault injection of the route ${route.name}`);
  if (upgrade?.reason !== undefined) return refused(upgrade.status ?? 400, 'DPE', `${DOWNSTREAM_ERROR[upgrade.reason] ?? 'refused'}: ${upgrade.text ?? ''}`);
  return null;
}

function refused(status: number, flag: string, text: string): Outcome {
  return { kind: 'refused', routed: false, certain: true, status, flag, text };
}

function limited(places: Places, row: number | undefined, status = 429): Outcome {
  return refused(status, 'RL', `the rate limit ${row === undefined ? '' : at(places.limits, row).name} is reached`);
}

function chancesOf({ fault }: RouteConfig): string {
  return fault === null || fault.abort === null || fault.abort.perMillion === 0 ? '' : `; in ${fault.abort.perMillion / 10_000} % of the cases aborted with ${fault.abort.status} by fault injection`;
}

function noRouteText({ match }: NativeExplanation): string {
  if (match === undefined || match.vhost === null) return 'no virtual host takes this host';
  return match.tried.length === 0 ? 'no route of the virtual host has this path' : 'no route matches: the path does, but not the other conditions';
}

function ofTargets(places: Places, targets: NonNullable<NativeExplanation['targets']>, chances: string): Outcome {
  const ends = targets.filter(({ weight }) => weight > 0).map(({ chain }) => endOf(places, chain));
  const [first] = ends;
  if (first === undefined) return refused(503, 'NC', 'the route has no cluster');
  if (ends.every(({ kind, status }) => kind === first.kind && status === first.status)) {
    const text = ends.length === 1 ? first.text : first.kind === 'forward' ? `goes to one of ${ends.length} clusters` : first.text;
    return { ...first, certain: chances === '' && first.certain, text: `${text}${chances}` };
  }
  return { kind: 'mixed', routed: ends.some(({ routed }) => routed), certain: false, status: null, flag: null, text: `it depends on the cluster that is drawn${chances}` };
}

function endOf(places: Places, chain: readonly NativeStation[]): Outcome {
  const last = chain.at(-1);
  if (last === undefined) throw new Error('the engine names no cluster');
  const { name, cluster } = at(places.clusters, last.cluster);
  if (last.handsOn && cluster.fallback?.kind === 'respond')
    return { kind: 'respond', routed: true, certain: true, status: cluster.fallback.respond.status, flag: last.permitted ? 'UH' : 'CB', text: `answered by the fallback of ${name}` };
  if (takes(last)) {
    const waits = last.pick.result === 'full';
    const instead = chain.length > 1 ? `, which stands in for ${at(places.clusters, chain[0]?.cluster ?? 0).name}` : '';
    return { kind: 'forward', routed: true, certain: true, status: null, flag: null, text: `${waits ? 'waits for an endpoint of' : 'goes to'} ${name}${instead}` };
  }
  if (!last.permitted) return refused(503, 'CB', `the circuit breaker of ${name} is open`);
  if (last.crowded) return refused(503, 'UO', `${name} is at its limit of requests`);
  if (last.pick.result === 'full') return refused(503, 'UO', `every endpoint of ${name} is at its limit of requests, and the queue is full`);
  return last.candidates.length === 0 ? refused(503, 'NC', `${name} has no endpoint to choose from`) : refused(503, 'UH', `no endpoint of ${name} is available`);
}
