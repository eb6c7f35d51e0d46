import type { POLICY, SLASHES, UNDERSCORES } from '../binding/abi.ts';
import type {
  BreakerConfig,
  ClusterLimits,
  FallbackConfig,
  HealthCheckConfig,
  HedgeConfig,
  OutlierConfig,
  RetryBudgetConfig,
  RetryConfig,
} from './types-failover.ts';
import type { AccessLogConfig } from './types-log.ts';
import type { RouteTracing, TracingConfig } from './types-tracing.ts';

export type * from './types-failover.ts';
export type * from './types-log.ts';
export type * from './types-tracing.ts';

/**
 * A loaded configuration: every default filled in, durations in milliseconds, sizes in bytes, files read,
 * host names resolved. Plain data, so that it can be posted to a thread and compared.
 */
export interface Config {
  workers: number;
  /** Where this proxy runs; null = unknown. */
  zone: string | null;
  drainTimeoutMs: number;
  log: { level: LogLevel };
  /** null = no admin endpoint. */
  admin: AdminConfig | null;
  limits: {
    maxConnections: number;
    /** Keys in the one table of rate limit counters. */
    rateLimitKeys: number;
  };
  /** null = none. */
  tracing: TracingConfig | null;
  /** Its sinks. */
  accessLog: AccessLogConfig[];
  listeners: ListenerConfig[];
  /** Route tables; the i-th key is ROUTE_TABLE i of the image. */
  routes: Record<string, VirtualHostConfig[]>;
  /** The i-th key is CLUSTER i of the image; endpoints are numbered through all clusters in this order. */
  clusters: Record<string, ClusterConfig>;
}

export interface AdminConfig {
  host: string;
  port: number;
  /** Empty = everybody who reaches it, which is this machine only. */
  tokens: AdminTokenConfig[];
}

export interface AdminTokenConfig {
  name: string;
  /** SHA-256 of the secret, in hexadecimal; the secret itself is kept nowhere. */
  digest: string;
  readOnly: boolean;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ListenerConfig {
  name: string;
  host: string;
  /** 0 = any free port. */
  port: number;
  /** Name of a route table. */
  routes: string;
  tls: { certificates: CertificateConfig[] } | null;
  forwarded: { headers: boolean; trust: Cidr[] };
  requestId: boolean;
  /** Headers with "_" in their name; `names`, in lower case: what keep is for, empty = all. */
  underscores: { rule: keyof typeof UNDERSCORES; names: string[] };
  paths: {
    escapedSlashes: keyof typeof SLASHES;
    backslashes: keyof typeof SLASHES;
    mergeSlashes: boolean;
  };
  allowTrace: boolean;
  keepAliveAfterChunked: boolean;
  /** In bytes: request line and headers, path and query, one header line. */
  maxRequestHeadBytes: number;
  maxRequestTargetBytes: number;
  maxRequestHeaderBytes: number;
  /** Lines. */
  maxRequestHeaders: number;
  rateLimits: RateLimitConfig[];
}

export interface CertificateConfig {
  certFile: string;
  keyFile: string;
  /** PEM text: the certificate and its chain. */
  cert: string;
  /** PEM text. */
  key: string;
  /** Lower case, as configured or else the DNS names of the certificate. */
  hosts: string[];
  /** SHA-256 over certificate, chain and key in hex: changes whenever either file changes. */
  fingerprint: string;
  /** End of validity, milliseconds since the epoch. */
  notAfterMs: number;
}

export interface Cidr {
  family: 'ipv4' | 'ipv6';
  prefixBits: number;
  /** Big-endian words of the network address; IPv4 uses the first. */
  words: [number, number, number, number];
}

export interface VirtualHostConfig {
  /** Name of its own, or `<table>/<index>`. */
  name: string;
  /** Lower case: exact names, `*.suffix`, or `*`. */
  hosts: string[];
  /** Each is one counter for all routes. */
  rateLimits: RateLimitConfig[];
  routes: RouteConfig[];
}

export interface RouteConfig {
  name: string;
  match: MatchConfig;
  action: ActionConfig;
  timeoutMs: number;
  maxDurationMs: number;
  idleTimeoutMs: number;
  /** From the head of the request to its last byte; 0 = none. */
  requestTimeoutMs: number;
  retry: RetryConfig;
  /** null = no second attempts. */
  hedge: HedgeConfig | null;
  /** Lower-case header with the milliseconds that are left; null = deadlines are neither taken nor passed on. */
  deadlineHeader: string | null;
  rewrite: RewriteConfig | null;
  /** Host sent upstream; null = as received. */
  hostRewrite: string | null;
  requestHeaders: HeaderEdits;
  responseHeaders: HeaderEdits;
  /** 0 = no limit. */
  maxRequestBodyBytes: number;
  /** null = upgrades are not proxied. */
  webSocket: WebSocketConfig | null;
  rateLimits: RateLimitConfig[];
  /** null = none is injected. */
  fault: FaultConfig | null;
  /** null = as all routes. */
  tracing: RouteTracing | null;
}

/** Faults on purpose, each in parts per million of the requests; null = not that one. */
export interface FaultConfig {
  abort: { status: number; perMillion: number } | null;
  delay: { ms: number; perMillion: number } | null;
}

export interface WebSocketConfig {
  /** Of one message, in either direction. */
  maxMessageBytes: number;
  /** Between two frames in either direction; 0 = none. */
  idleTimeoutMs: number;
}

export const RATE_ALGORITHMS = ['slidingWindow', 'slidingLog', 'gcra'] as const;

export interface RateLimitConfig {
  /** Unique in the configuration. */
  name: string;
  algorithm: (typeof RATE_ALGORITHMS)[number];
  requests: number;
  windowMs: number;
  /** gcra: requests that may come at once. Else `requests`. */
  burst: number;
  /** What makes requests share a counter. Empty = all share one. */
  key: RateKeyConfig[];
  /** Counted, never refused. */
  shadow: boolean;
  /** Which answers carry RateLimit headers. */
  headers: 'limited' | 'always' | 'never';
  xHeaders: boolean;
  status: number;
  /** null = the standard sentence. */
  body: string | null;
  contentType: string;
}

export interface RateKeyConfig {
  kind: 'clientIp' | 'header' | 'cookie' | 'path' | 'route' | 'host';
  /** Of the header (lower case) or cookie; else empty. */
  name: string;
  /** clientIp: the prefix length that is one client; else 0. */
  v4Bits: number;
  v6Bits: number;
  /** What happens to a request without this part: all such requests share a counter, or it is not counted at all. */
  missing: 'share' | 'skip';
}

export interface MatchConfig {
  path: { kind: 'exact' | 'prefix' | 'regex'; value: string };
  /** Empty = any method. */
  methods: string[];
  headers: PredicateConfig[];
  query: PredicateConfig[];
}

export interface PredicateConfig {
  name: string;
  op: 'present' | 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
  /** Empty for `present`. */
  value: string;
  negate: boolean;
}

export type ActionConfig =
  | ({ kind: 'cluster' } & ClusterChoice)
  | { kind: 'weightedClusters'; clusters: (ClusterChoice & { weight: number })[] }
  | { kind: 'redirect'; redirect: RedirectConfig }
  | { kind: 'respond'; respond: RespondConfig };

export interface ClusterChoice {
  cluster: string;
  /** null = every endpoint. */
  subset: Metadata | null;
}

/** Labels of an endpoint, and what a subset asks of them. */
export type Metadata = Record<string, string>;

export interface RedirectConfig {
  status: number;
  scheme: string | null;
  host: string | null;
  /** 0 = as received. */
  port: number;
  rewrite: RewriteConfig | null;
  stripQuery: boolean;
}

export interface RewriteConfig {
  kind: 'prefix' | 'path';
  value: string;
}

export interface RespondConfig {
  status: number;
  body: Uint8Array;
  /** Lower-case names. */
  headers: [name: string, value: string][];
}

export interface HeaderEdits {
  /** Applied in this order: remove, set, add. Names are lower case. */
  remove: string[];
  set: [name: string, value: string][];
  add: [name: string, value: string][];
}

export interface ClusterConfig {
  balancer: BalancerConfig;
  endpoints: EndpointConfig[];
  subsets: SubsetsConfig;
  connectTimeoutMs: number;
  /** Requests that wait because every endpoint is at its maxRequests. */
  queue: { max: number; timeoutMs: number };
  pool: { idleTimeoutMs: number; maxConnections: number; maxPending: number; maxRequestsPerConnection: number };
  tls: UpstreamTlsConfig | null;
  /** null = none. */
  healthCheck: HealthCheckConfig | null;
  /** null = off. */
  outlierDetection: OutlierConfig | null;
  /** null = none. */
  circuitBreaker: BreakerConfig | null;
  /** null = none. */
  fallback: FallbackConfig | null;
  limits: ClusterLimits;
  /** null = no bound. */
  retryBudget: RetryBudgetConfig | null;
}

export type PolicyName = keyof typeof POLICY;

/** Options that the policy ignores have their defaults; thousandths and percent are whole numbers. */
export interface BalancerConfig {
  policy: PolicyName;
  biasMillis: number;
  decayMs: number;
  defaultLatencyMs: number;
  penaltyMs: number;
  hashOn: HashSourceConfig[];
  /** 0 = no bound. */
  hashBalancePercent: number;
  /** Maglev: slots; ringHash: least number of points; else 0. */
  tableSize: number;
  overprovisioningPercent: number;
  /** 0 = never. */
  panicPercent: number;
  slowStart: { windowMs: number; aggressionMillis: number; minPercent: number } | null;
  /** The zone that is preferred: that of the proxy; null = none. */
  zone: string | null;
  zoneMinEndpoints: number;
}

export type HashSourceConfig = { terminal: boolean } & (
  | { kind: 'clientIp' | 'path' }
  | { kind: 'header' | 'query'; name: string }
  | { kind: 'cookie'; name: string; generate: { ttlSeconds: number; path: string } | null }
);

export interface SubsetsConfig {
  /** Metadata keys that routes may choose by together. */
  selectors: string[][];
  /** What a choice without endpoints means. */
  fallback: 'none' | 'any' | 'default';
  /** Of fallback default. */
  default: Metadata | null;
}

export interface EndpointConfig {
  /** As configured; `host:port@ip` when a host name has several addresses. */
  name: string;
  family: 'ipv4' | 'ipv6' | 'unix';
  /** An IP address in text form, or the path of a socket. */
  address: string;
  /** 0 for unix sockets. */
  port: number;
  weight: number;
  /** Gets no new requests, whatever its weight is. */
  drain: boolean;
  /** 0 is used first. */
  priority: number;
  /** Used only while no other endpoint of the cluster is available. */
  backup: boolean;
  zone: string | null;
  /** In flight at once, all workers together; 0 = no limit. */
  maxRequests: number;
  metadata: Metadata;
  /** Host part as configured: the TLS server name unless the cluster sets one. Empty for unix sockets. */
  serverName: string;
}

export interface UpstreamTlsConfig {
  serverName: string | null;
  /** PEM texts; null = default roots, and no client identity. */
  ca: string | null;
  cert: string | null;
  key: string | null;
  insecureSkipVerify: boolean;
  /** From the TCP connection made; 0 = within connectTimeoutMs. */
  handshakeTimeoutMs: number;
}
