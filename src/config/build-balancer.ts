import type { ParsedBalancer, ParsedHashSource } from './schema-balancer.ts';
import type { BalancerConfig, HashSourceConfig, PolicyName } from './types.ts';

const DEFAULT_ZONE_MIN_ENDPOINTS = 6;
const DEFAULT_TABLE_SIZE: Partial<Record<PolicyName, number>> = { maglev: 65_537, ringHash: 1024 };

/** `zone`: that of the proxy. */
export function buildBalancer(parsed: ParsedBalancer, zone: string | null): BalancerConfig {
  const { policy, slowStart, zonePreference } = parsed;
  return {
    policy,
    biasMillis: parsed.activeRequestBias ?? 1_000,
    decayMs: parsed.decay ?? 10_000,
    defaultLatencyMs: parsed.defaultLatency ?? 30,
    penaltyMs: parsed.failurePenalty ?? 5_000,
    hashOn: (parsed.hashOn ?? []).map(buildHashSource),
    hashBalancePercent: parsed.hashBalanceFactor ?? 0,
    tableSize: parsed.tableSize ?? parsed.ringSize ?? DEFAULT_TABLE_SIZE[policy] ?? 0,
    overprovisioningPercent: parsed.overprovisioning,
    panicPercent: parsed.panicThreshold,
    slowStart:
      slowStart === undefined
        ? null
        : { windowMs: slowStart.window, aggressionMillis: slowStart.aggression, minPercent: slowStart.minWeight },
    zone: zonePreference === false ? null : zone,
    zoneMinEndpoints: typeof zonePreference === 'object' ? zonePreference.minEndpoints : DEFAULT_ZONE_MIN_ENDPOINTS,
  };
}

function buildHashSource(parsed: ParsedHashSource): HashSourceConfig {
  if (typeof parsed === 'string') return { kind: parsed, terminal: false };
  const { header, query, cookie, terminal } = parsed;
  if (header !== undefined) return { kind: 'header', name: header, terminal };
  if (query !== undefined) return { kind: 'query', name: query, terminal };
  if (typeof cookie === 'string') return { kind: 'cookie', name: cookie, generate: null, terminal };
  if (cookie !== undefined) {
    const { name, ttl, path = '/' } = cookie;
    return { kind: 'cookie', name, generate: ttl === undefined ? null : { ttlSeconds: ttl, path }, terminal };
  }
  return { kind: parsed.path === true ? 'path' : 'clientIp', terminal };
}
