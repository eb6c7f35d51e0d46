/** A cluster that may take the request: who is asked, with what chance, and what stands in the way. */
import { BREAKER_STATE, HEALTH } from '../../binding/abi.ts';
import type { NativeBreaker, NativeCandidate, NativeStation } from '../../binding/explain.ts';
import type { BreakerConfig, ClusterConfig, EndpointConfig, Metadata, PolicyName } from '../../config/types.ts';
import { at, type Places } from './places.ts';
import type { ExplainedBreaker, ExplainedCandidate, ExplainedStation } from './schema.ts';

/** What is known of an endpoint that is not available: since when and why, and until when. */
export interface Evidence {
  evidence: string | null;
  until: string | null;
}
/** By number of the endpoint; `bits`: HEALTH. */
export type FindEvidence = (cluster: string, endpoint: string, index: number, bits: number) => Evidence;

const SCORING: Readonly<Record<PolicyName, string>> = {
  roundRobin: 'weights, in turn: shares hold in the long run',
  random: 'weights',
  leastRequest: 'of two drawn by weight, the lower (active + 1)^bias / weight',
  peakEwma: 'of two drawn by weight, the lower latency x (active + 1)',
  leastTime: 'the lowest latency x (active + 1) / weight among 16 from a random place on',
  ringHash: 'the next point of the ring after the hash',
  maglev: 'the place of the hash in the table',
  rendezvous: 'the highest throw for the hash',
  prequal: 'of up to five drawn by weight, what they reported of themselves: cold before hot, then latency',
};

/** The others go by weights and hashes alone. */
const COMPARES: ReadonlySet<PolicyName> = new Set<PolicyName>(['leastRequest', 'peakEwma', 'leastTime', 'prequal']);

export function explainStation(places: Places, native: NativeStation, subset: Metadata | null, evidence: FindEvidence): ExplainedStation {
  const { name, cluster, firstEndpoint } = at(places.clusters, native.cluster);
  const { policy } = cluster.balancer;
  const endpointName = (index: number): string => at(places.endpoints, index).endpoint.name;
  const { hash, pick } = native;
  const members = new Set(native.candidates.map(({ endpoint }) => endpoint));
  // Those that are left out for what the configuration says of them; not where the list was cut.
  const others = native.candidatesMore > 0 ? [] : cluster.endpoints.flatMap((endpoint, i) => (members.has(firstEndpoint + i) ? [] : [notMember(endpoint, subset)]));
  const candidates = native.candidates.map((one) => {
    const { endpoint } = at(places.endpoints, one.endpoint);
    return explainCandidate(one, endpoint, cluster, native, evidence(name, endpoint.name, one.endpoint, one.health));
  });
  return {
    cluster: name,
    subset: subset === null ? null : Object.entries(subset).map(([key, value]) => `${key}=${value}`).join(','),
    takes: takes(native),
    text: stationText(native, cluster, pick.endpoint === undefined ? null : endpointName(pick.endpoint)),
    policy,
    scoring: SCORING[policy],
    active: native.active,
    limits: native.limits,
    breaker: explainBreaker(native.breaker, cluster.circuitBreaker),
    retryBudget: native.retryBudget === undefined ? null : { ...native.retryBudget, left: Math.max(0, native.retryBudget.allowed - native.retryBudget.spent) },
    hash:
      hash === undefined
        ? null
        : {
            present: hash.present,
            madeUp: hash.madeUp,
            value: hash.present && !hash.madeUp ? `0x${BigInt(hash.value).toString(16).padStart(16, '0')}` : null,
            sources: cluster.balancer.hashOn.map((source, i) => ({ kind: source.kind, name: 'name' in source ? source.name : '', value: hash.sources[i] ?? null })),
            owner: pick.owner === undefined ? null : endpointName(pick.owner),
            bound: pick.bound ?? null,
          },
    pick: { result: pick.result, endpoint: pick.endpoint === undefined ? null : endpointName(pick.endpoint), sharesKnown: pick.sharesKnown, lastResort: pick.lastResort },
    groups: native.groups.map(({ priority, share, zoned, local, panicking, endpoints }) => ({ priority, share, part: !zoned ? 'all' : local ? 'local' : 'remote', panicking, endpoints })),
    candidates: [...candidates, ...others],
    candidatesMore: native.candidatesMore,
    fallback: cluster.fallback === null ? null : cluster.fallback.kind === 'cluster' ? cluster.fallback.cluster : `respond ${cluster.fallback.respond.status}`,
  };
}

/** An upstream gets the request, now or as soon as one has a place. */
export function takes({ permitted, available, crowded, pick, limits }: NativeStation): boolean {
  return permitted && available && !crowded && (pick.result !== 'full' || queueHasRoom(limits));
}

function queueHasRoom({ queue, pending }: NativeStation['limits']): boolean {
  return queue.now < queue.limit && (pending.limit === 0 || pending.now < pending.limit);
}

function stationText(native: NativeStation, cluster: ClusterConfig, endpoint: string | null): string {
  const { pick, limits } = native;
  const instead = native.handsOn ? ', so its fallback is asked' : '';
  if (!native.permitted) return `its circuit breaker is open${instead}`;
  if (native.crowded) return `it is at its limit of requests (maxRequests ${limits.requests.limit})`;
  if (pick.result === 'none') return `${cluster.endpoints.length === 0 || native.candidates.length === 0 ? 'it has no endpoint to choose from' : 'no endpoint is available'}${instead}`;
  if (pick.result === 'full') return queueHasRoom(limits) ? 'every endpoint is at its maxRequests: the request waits for one' : 'every endpoint is at its maxRequests, and the queue is full';
  if (endpoint !== null) return `the hash chooses ${endpoint}`;
  const open = native.candidates.filter(({ share }) => share === null || share > 0).length + native.candidatesMore;
  return open === 1 ? 'one endpoint is there to choose from' : `${open} endpoints are there to choose from`;
}

function explainBreaker(native: NativeBreaker | undefined, config: BreakerConfig | null): ExplainedBreaker | null {
  if (native === undefined || config === null) return null;
  const states = Object.keys(BREAKER_STATE) as (keyof typeof BREAKER_STATE)[];
  return {
    state: states.find((name) => BREAKER_STATE[name] === native.state) ?? 'closed',
    requests: native.requests,
    failures: native.failures,
    threshold: config.thresholdMillis / 1000,
    minRequests: config.minRequests,
    leftMs: native.leftMs,
    probes: { held: native.probes, most: native.probesMost, successes: native.successes, needed: config.successes },
  };
}

function explainCandidate(native: NativeCandidate, endpoint: EndpointConfig, cluster: ClusterConfig, station: NativeStation, { evidence, until }: Evidence): ExplainedCandidate {
  const health = Object.entries(HEALTH).flatMap(([reason, bit]) => ((native.health & bit) === 0 ? [] : [reason]));
  return {
    endpoint: endpoint.name,
    share: native.share,
    given: native.open,
    why: candidateText(native, endpoint, health, station),
    group: native.group,
    priority: endpoint.priority,
    backup: endpoint.backup,
    zone: endpoint.zone,
    weight: endpoint.weight,
    effectiveWeight: native.weight ?? null,
    health,
    evidence: health.length === 0 ? null : evidence,
    until: health.length === 0 ? null : until,
    active: native.active,
    maxRequests: endpoint.maxRequests,
    connections: native.connections,
    maxConnections: cluster.pool.maxConnections,
    latencyMs: native.latencyUs === undefined ? null : native.latencyUs / 1000,
    score: COMPARES.has(cluster.balancer.policy) ? (native.score ?? null) : null,
    report: native.report === undefined ? null : { inFlight: native.report.inFlight, latencyMs: native.report.latencyUs / 1000 },
    breaker: explainBreaker(native.breaker, cluster.circuitBreaker),
  };
}

function candidateText(native: NativeCandidate, endpoint: EndpointConfig, health: readonly string[], { pick, groups }: NativeStation): string {
  if (endpoint.drain) return 'drained: it takes no new requests';
  if (native.group === null) {
    if (health.length > 0) return `not available: ${health.join(', ')}`;
    return endpoint.backup ? 'a backup: others are available' : 'in no group of the plan';
  }
  const notes: string[] = [];
  const group = groups[native.group];
  if (group?.panicking === true && health.length > 0) notes.push(`${health.join(', ')}, but too few are available to heed that (panic)`);
  else if (health.length > 0) notes.push(native.open ? health.join(', ') : `not available: ${health.join(', ')}`);
  if (endpoint.maxRequests !== 0 && native.active >= endpoint.maxRequests) notes.push(`at its maxRequests (${endpoint.maxRequests})`);
  if (native.warmForMs !== undefined) notes.push(`in slow start for ${(native.warmForMs / 1000).toFixed(1)} s`);
  if (group?.share === 0 && native.share === 0) notes.push(`priority ${group.priority} has no share while the others carry the load`);
  if (pick.owner === native.endpoint && pick.endpoint !== native.endpoint) notes.push(pick.bound?.overflow === true ? 'owns the hash, but is above its bounded load' : 'owns the hash');
  return notes.join('; ');
}

function notMember(endpoint: EndpointConfig, subset: Metadata | null): ExplainedCandidate {
  const missing = subset === null ? [] : Object.entries(subset).filter(([key, value]) => endpoint.metadata[key] !== value);
  const why = endpoint.drain ? 'drained: it takes no new requests' : endpoint.weight === 0 ? 'weight 0' : missing.length > 0 ? `not in the subset: ${missing.map(([key, value]) => `${key} is ${endpoint.metadata[key] ?? 'not set'}, not ${value}`).join(', ')}` : 'not among the members';
  return {
    endpoint: endpoint.name, share: 0, given: false, why, group: null, priority: endpoint.priority, backup: endpoint.backup, zone: endpoint.zone, weight: endpoint.weight, effectiveWeight: null,
    health: [], evidence: null, until: null, active: 0, maxRequests: endpoint.maxRequests, connections: 0, maxConnections: 0, latencyMs: null, score: null, report: null, breaker: null,
  };
}
