/** The checks of one cluster against real origins, without a proxy around them. */
import { onTestFinished } from 'vitest';
import type { HealthCheckConfig } from '../../../src/config/types-failover.ts';
import type { ClusterConfig, EndpointConfig, UpstreamTlsConfig } from '../../../src/config/types.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Result } from '../../../src/health/check.ts';
import { HealthChecks, type CheckedEndpoint } from '../../../src/health/health-checks.ts';
import { within } from '../../support/wait.ts';

export type Probe = HealthCheckConfig['probe'];

export const http = (changes: Partial<Extract<Probe, { kind: 'http' }>> = {}): Probe => ({
  kind: 'http', method: 'GET', path: '/', host: null, headers: [], expectedStatuses: [{ from: 200, to: 399 }], body: null, ...changes,
});
export const tcp = (send = '', receive = ''): Probe => ({ kind: 'tcp', send: Buffer.from(send, 'latin1'), receive: Buffer.from(receive, 'latin1') });
export const grpc = (service = '', host: string | null = null): Probe => ({ kind: 'grpc', service, host });

export function checkConfig(probe: Probe, changes: Partial<HealthCheckConfig> = {}): HealthCheckConfig {
  return {
    probe, intervalMs: 20, unhealthyIntervalMs: 20, edgeIntervalMs: 20, timeoutMs: 5_000, jitterPercent: 10,
    healthyThreshold: 2, unhealthyThreshold: 3, port: 0, reuseConnection: true, ...changes,
  };
}

/** As in a configuration: "127.0.0.1:80", "[::1]:80" or "unix:/path". */
export function endpointOf(address: string, serverName?: string): EndpointConfig {
  const shared = { name: address, weight: 1, drain: false, priority: 0, zone: null, maxRequests: 0, metadata: {} };
  if (address.startsWith('unix:')) return { ...shared, family: 'unix', address: address.slice(5), port: 0, serverName: '' } as EndpointConfig;
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/[[\]]/g, '');
  return { ...shared, family: host.includes(':') ? 'ipv6' : 'ipv4', address: host, port: Number(address.slice(colon + 1)), serverName: serverName ?? host } as EndpointConfig;
}

export const tlsConfig = (changes: Partial<UpstreamTlsConfig> = {}): UpstreamTlsConfig => ({ serverName: null, ca: null, cert: null, key: null, insecureSkipVerify: false, ...changes } as UpstreamTlsConfig);

/** Only what the checks read of it. */
export function clusterOf(endpoints: readonly (string | EndpointConfig)[], healthCheck: HealthCheckConfig | null, tls: UpstreamTlsConfig | null = null): ClusterConfig {
  return { endpoints: endpoints.map((endpoint) => (typeof endpoint === 'string' ? endpointOf(endpoint) : endpoint)), healthCheck, tls } as ClusterConfig;
}

export interface Seen {
  endpoint: CheckedEndpoint;
  result: Result;
}

/** Results as they come. */
export class Watched {
  readonly checks: HealthChecks;
  readonly seen: Seen[] = [];
  #waiting: (() => void)[] = [];

  constructor(clusters: Record<string, ClusterConfig>) {
    this.checks = new HealthChecks({
      clock: systemClock,
      random: () => 0.5,
      onBegin: () => undefined,
      onResult: (endpoint, result) => {
        this.seen.push({ endpoint, result });
        for (const wake of this.#waiting.splice(0)) wake();
      },
    });
    onTestFinished(() => this.checks.close());
    this.checks.apply(clusters);
  }

  /** The n-th result, counted from 1. */
  async result(n: number): Promise<Seen> {
    while (this.seen.length < n) await within(new Promise<void>((resolve) => this.#waiting.push(resolve)), `result ${n}`, 10_000);
    return this.seen[n - 1]!;
  }

  /** Waits until an endpoint is in that state. */
  async until(health: string, index = 0): Promise<CheckedEndpoint> {
    for (;;) {
      const endpoint = this.checks.endpoint(index);
      if (endpoint?.findings.verdict.health === health) return endpoint;
      await this.result(this.seen.length + 1);
    }
  }
}

/** What the first check of such an endpoint says; on a busy machine some say nothing. */
export async function checkOnce(address: string | EndpointConfig, config: HealthCheckConfig, tls: UpstreamTlsConfig | null = null): Promise<Result> {
  const watched = new Watched({ a: clusterOf([address], config, tls) });
  for (let n = 1; ; n++) {
    const { result } = await watched.result(n);
    if (result.kind !== 'void') return result;
  }
}

/** Evidence without its milliseconds. */
export const textOf = ({ text }: Result): string => text.replace(/ in \d+ ms/, '');
