export interface TracingConfig {
  otlp: {
    /** URL of an OTLP/HTTP receiver. */
    endpoint: string;
    /** Lower-case names. */
    headers: Record<string, string>;
    timeoutMs: number;
  };
  serviceName: string;
  /** Share of the traces that begin here, 0 to 1. */
  sample: number;
  /** The caller's decision goes first. */
  parentBased: boolean;
  /** B3 headers are read where there is no traceparent. */
  b3: boolean;
  /** Whose traces are continued. */
  trust: 'all' | 'trustedPeers';
}

/** What a route has in place of the share of the configuration. */
export type RouteTracing = { kind: 'off' } | { kind: 'sample'; sample: number };
