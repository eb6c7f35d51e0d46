/** What would happen to a request: asks the engine, and puts names to what it says. */
import type { NativeExplanation } from '../../binding/explain.ts';
import { DOWNSTREAM_ERROR } from '../../binding/abi.ts';
import type { Config, Metadata, RouteConfig } from '../../config/types.ts';
import type { Engine } from '../engine.ts';
import { explainStation, type FindEvidence } from './cluster.ts';
import { explainGate } from './gate.ts';
import { isBadQuestion, questionOf, type BadQuestion, type BoundAddress, type ExplainInput, type Question } from './input.ts';
import { explainMatch } from './match.ts';
import { outcomeOf } from './outcome.ts';
import { at, placesOf, type Places } from './places.ts';
import { explainRoute } from './route.ts';
import type { Explanation } from './schema.ts';

/** Whose behaviour is explained. */
export interface Explained {
  config: Config;
  /** Of the image that this configuration was compiled to; it must be the engine's current one. */
  version: number;
  engine: Pick<Engine, 'explain'>;
  /** Addresses that are listened on. */
  bound: readonly BoundAddress[];
  /** Somebody runs it: endpoints were checked, requests were counted. */
  live: boolean;
  evidence: FindEvidence;
  /** Wall time. */
  nowMs: number;
}

/** Null when the engine has another configuration by now: ask again. Nothing is counted, taken or contacted. */
export function explainRequest(explained: Explained, input: ExplainInput): Explanation | BadQuestion | null {
  const question = questionOf(explained.config, explained.bound, input);
  if (isBadQuestion(question)) return question;
  const native = explained.engine.explain(explained.version, question.index, question.head);
  return native === undefined ? null : compose(explained, question, native);
}

function compose(explained: Explained, { listener, head }: Question, native: NativeExplanation): Explanation {
  const places = placesOf(explained.config);
  const { request, match } = native;
  const won = match === undefined || match.route === null ? null : at(places.routes, match.route);
  const port = explained.bound.find(({ name }) => name === listener.name)?.port ?? listener.port;
  return {
    at: new Date(explained.nowMs).toISOString(),
    version: explained.version,
    live: explained.live,
    outcome: outcomeOf(places, native),
    listener: {
      name: listener.name,
      address: `${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${port}`,
      tls: listener.tls !== null,
      routes: listener.routes,
      rateLimits: explainGate(places, native.listenerLimits),
    },
    request: { method: head.method, target: head.target, headers: head.headers.map(([name, value]) => [name, value]), ...readRequest(request) },
    match: match === undefined ? null : explainMatch(places, listener.routes, request.method, match),
    route: won === null ? null : explainRoute(places, won, native),
    clusters: won === null ? [] : explainTargets(places, won.route, native, explained.evidence),
  };
}

function readRequest(request: NativeExplanation['request']): Omit<Explanation['request'], 'method' | 'target' | 'headers'> {
  if (request.error !== undefined) {
    const { reason, status, text } = request.error;
    return { refused: { reason: DOWNSTREAM_ERROR[reason] ?? 'unknown', status, text }, host: null, path: null, rawPath: null, query: null, peer: null, client: null, trusted: false };
  }
  const { host, path, rawPath, query, peer, client, trusted } = request;
  return { refused: null, host, path, rawPath, query, peer, client, trusted };
}

function explainTargets(places: Places, route: RouteConfig, { targets = [] }: NativeExplanation, evidence: FindEvidence): Explanation['clusters'] {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  return targets.map(({ weight, chain }, i) => ({
    cluster: at(places.clusters, chain[0]?.cluster ?? 0).name,
    share: weight / total,
    chain: chain.map((station, hop) => explainStation(places, station, hop === 0 ? subsetOf(route, i) : null, evidence)),
  }));
}

function subsetOf({ action }: RouteConfig, target: number): Metadata | null {
  if (action.kind === 'cluster') return action.subset;
  return action.kind === 'weightedClusters' ? (action.clusters[target]?.subset ?? null) : null;
}
