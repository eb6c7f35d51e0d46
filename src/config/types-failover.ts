/** Parts of a configuration that keep requests answered while endpoints fail. */

/** Active checks of every endpoint of a cluster. */
export interface HealthCheckConfig {
  probe: HttpProbeConfig | TcpProbeConfig | GrpcProbeConfig;
  /** While healthy. */
  intervalMs: number;
  unhealthyIntervalMs: number;
  /** After a result that contradicts the present state. */
  edgeIntervalMs: number;
  /** At most each of the intervals. */
  timeoutMs: number;
  /** Of the interval, added at random. */
  jitterPercent: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
  /** 0 = that of the endpoint. */
  port: number;
  reuseConnection: boolean;
}

export interface HttpProbeConfig {
  kind: 'http';
  method: string;
  /** Path and query, as they are sent. */
  path: string;
  /** null = the host of the endpoint. */
  host: string | null;
  /** Lower-case names. */
  headers: [name: string, value: string][];
  /** Both ends are included. */
  expectedStatuses: { from: number; to: number }[];
  body: BodyMatchConfig | null;
}

/**
 * regex: the whole body matches, as everywhere: `compileRegex` and `matchTable` of regex.ts run it in linear time.
 * JavaScript's own RegExp would not, and an endpoint chooses the body.
 */
export type BodyMatchConfig = { kind: 'contains' | 'regex'; value: string };

export interface TcpProbeConfig {
  kind: 'tcp';
  /** Empty = nothing is sent. */
  send: Uint8Array;
  /** Empty = a connection is enough. */
  receive: Uint8Array;
}

export interface GrpcProbeConfig {
  kind: 'grpc';
  /** '' = the whole server. */
  service: string;
  /** null = the host of the endpoint. */
  host: string | null;
}
