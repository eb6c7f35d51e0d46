import type { SecureContext } from 'node:tls';
import type { HealthCheckConfig } from '../config/types-failover.ts';
import type { ClusterConfig, EndpointConfig, UpstreamTlsConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import { GrpcChecker } from './check-grpc.ts';
import { HttpChecker } from './check-http.ts';
import { TcpChecker } from './check-tcp.ts';
import type { Checker, Result } from './check.ts';
import { targetOf, tlsContext, type Target } from './connect.ts';
import { Gate } from './gate.ts';
import { newFindings, Probe, type Findings, type ProbeContext } from './probe.ts';
import { StallWatch } from './stall.ts';
import type { Health } from './verdict.ts';

/** Connects of checks that may be under way at once. */
export const MAX_CONNECTS = 256;

export interface HealthChecksOptions {
  clock: Clock;
  random: () => number;
  /** A check of this endpoint begins. */
  onBegin: (endpoint: CheckedEndpoint) => void;
  /** It has ended, and `endpoint` has the findings; `from` is the health before it. */
  onResult: (endpoint: CheckedEndpoint, result: Result, from: Health) => void;
}

/** An endpoint that is checked. */
export interface CheckedEndpoint {
  readonly cluster: string;
  readonly name: string;
  /** Through all clusters, as in the image of the configuration in service. */
  readonly index: number;
  readonly config: HealthCheckConfig;
  readonly findings: Readonly<Findings>;
  /** Milliseconds since the epoch; null while a check is under way. */
  readonly nextAtMs: number | null;
}

interface Entry {
  cluster: string;
  name: string;
  index: number;
  config: HealthCheckConfig;
  /** What the checks were made from: equal text = the same checks. */
  settings: string;
  probe: Probe;
}

/** The checks of every endpoint of the configuration in service. */
export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #context: ProbeContext;
  /** By cluster and endpoint. */
  #entries = new Map<string, Entry>();
  /** Every endpoint of the configuration, checked or not, by its index in the image. */
  #byIndex: (Entry | null)[] = [];
  /** Endpoints that have been in service. */
  #known: ReadonlySet<string> | null = null;

  constructor(options: HealthChecksOptions) {
    this.#options = options;
    this.#context = { clock: options.clock, random: options.random, gate: new Gate(MAX_CONNECTS), stalls: new StallWatch(options.clock) };
  }

  /**
   * Takes a configuration into service. Endpoints whose checks are what they were are not disturbed; findings outlive a change of the
   * checks. An endpoint that took traffic without being checked goes on until checks say otherwise; any other one begins as pending.
   */
  apply(clusters: Readonly<Record<string, ClusterConfig>>): void {
    const old = this.#entries;
    const entries = new Map<string, Entry>();
    const known = new Set<string>();
    const byIndex: (Entry | null)[] = [];
    const started: Probe[] = [];
    for (const [cluster, config] of Object.entries(clusters)) {
      const { healthCheck, tls, endpoints } = config;
      const settings = healthCheck === null ? '' : settingsOf(healthCheck, tls);
      let context: SecureContext | Error | null = null;
      for (const endpoint of endpoints) {
        const index = byIndex.length;
        const key = keyOf(cluster, endpoint);
        known.add(key);
        let entry = entries.get(key) ?? null;
        if (healthCheck !== null && entry === null) {
          const before = old.get(key);
          if (before?.settings === settings) entry = before;
          else {
            if (tls !== null) context ??= contextOf(tls);
            const checker = context instanceof Error ? new BrokenChecker(context) : checkerOf(healthCheck, targetOf(endpoint, healthCheck.port, tls, context));
            entry = this.#make(cluster, endpoint, healthCheck, settings, checker, before?.probe.findings ?? this.#firstFindings(key));
            started.push(entry.probe);
          }
          entry.index = index;
          entries.set(key, entry);
        }
        byIndex.push(entry);
      }
    }
    for (const [key, { probe }] of old) if (entries.get(key)?.probe !== probe) probe.close();
    this.#entries = entries;
    this.#byIndex = byIndex;
    this.#known = known;
    for (const probe of started) probe.start();
  }

  /** By index in the image: null = not checked. */
  get endpoints(): readonly (CheckedEndpoint | null)[] {
    return this.#byIndex.map((entry) => (entry === null ? null : shownEntry(entry)));
  }

  endpoint(index: number): CheckedEndpoint | null {
    const entry = this.#byIndex[index];
    return entry === undefined || entry === null ? null : shownEntry(entry);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Endpoints of which nothing is known yet. */
  get unchecked(): number {
    let count = 0;
    for (const { probe } of this.#entries.values()) if (!probe.hasResult) count++;
    return count;
  }

  close(): void {
    for (const { probe } of this.#entries.values()) probe.close();
    this.#entries = new Map();
    this.#byIndex = [];
  }

  /** At the start nobody has been in service: then every endpoint waits for its first good answer. */
  #firstFindings(key: string): Findings {
    const nowMs = this.#context.clock.wallMs();
    if (this.#known?.has(key) !== true) return newFindings(nowMs);
    return newFindings(nowMs, { health: 'healthy', against: 0 }, 'in service before it was checked');
  }

  #make(cluster: string, { name }: EndpointConfig, config: HealthCheckConfig, settings: string, checker: Checker, findings: Findings): Entry {
    const entry: Entry = {
      cluster,
      name,
      index: 0,
      config,
      settings,
      probe: new Probe(findings, config, checker, this.#context, {
        begins: () => this.#options.onBegin(shownEntry(entry)),
        result: (result, from) => this.#options.onResult(shownEntry(entry), result, from),
      }),
    };
    return entry;
  }
}

function checkerOf({ probe, reuseConnection, timeoutMs }: HealthCheckConfig, target: Target): Checker {
  if (probe.kind === 'http') return new HttpChecker(probe, target, reuseConnection);
  return probe.kind === 'tcp' ? new TcpChecker(probe, target) : new GrpcChecker(probe, target, reuseConnection, timeoutMs);
}

/** The engine's TLS library has taken these certificates; should node's refuse them, that is what the checks say. */
function contextOf(tls: UpstreamTlsConfig): SecureContext | Error {
  try {
    return tlsContext(tls);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

class BrokenChecker implements Checker {
  readonly #error: Error;

  constructor(error: Error) {
    this.#error = error;
  }

  begin(): never {
    throw this.#error;
  }

  close(): void {
    // There is nothing to close.
  }
}

function shownEntry({ cluster, name, index, config, probe }: Entry): CheckedEndpoint {
  return { cluster, name, index, config, findings: probe.findings, nextAtMs: probe.nextAtMs };
}

function keyOf(cluster: string, { name, family, address, port, serverName }: EndpointConfig): string {
  return [cluster, name, family, address, port, serverName].join('\0');
}

function settingsOf(check: HealthCheckConfig, tls: UpstreamTlsConfig | null): string {
  return JSON.stringify([check, tls], (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value));
}
