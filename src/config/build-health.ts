import type { ParsedHealthCheck } from './schema-health.ts';
import type { HealthCheckConfig } from './types-failover.ts';

const MAX_DEFAULT_EDGE_MS = 1_000;

export function buildHealthCheck(parsed: ParsedHealthCheck | undefined): HealthCheckConfig | null {
  if (parsed === undefined) return null;
  const { interval } = parsed;
  return {
    probe: buildProbe(parsed),
    intervalMs: interval,
    unhealthyIntervalMs: parsed.unhealthyInterval ?? interval,
    edgeIntervalMs: parsed.edgeInterval ?? Math.min(interval, MAX_DEFAULT_EDGE_MS),
    timeoutMs: parsed.timeout,
    jitterPercent: parsed.jitter,
    healthyThreshold: parsed.healthyThreshold,
    unhealthyThreshold: parsed.unhealthyThreshold,
    port: parsed.port ?? 0,
    reuseConnection: parsed.reuseConnection,
  };
}

/** Of the three, the rules let exactly one through. */
function buildProbe({ http, tcp, grpc }: ParsedHealthCheck): HealthCheckConfig['probe'] {
  if (http !== undefined) {
    const { method, path, host = null, headers, expectedStatuses, body } = http;
    return { kind: 'http', method, path, host, headers: Object.entries(headers), expectedStatuses, body: buildBody(body) };
  }
  if (grpc !== undefined) return { kind: 'grpc', service: grpc.service, host: grpc.host ?? null };
  return { kind: 'tcp', send: tcp?.send ?? new Uint8Array(), receive: tcp?.receive ?? new Uint8Array() };
}

function buildBody(parsed: NonNullable<ParsedHealthCheck['http']>['body']) {
  if (parsed?.contains !== undefined) return { kind: 'contains' as const, value: parsed.contains };
  return parsed?.regex === undefined ? null : { kind: 'regex' as const, value: parsed.regex };
}
