import type { Balancer, BalancerEndpoint, BalancerOptions } from './balancer.ts';
import type { Breaker } from './breaker.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { OutlierCluster } from './outlier.ts';
import type { SimulationCell, SimulationResult } from './simulation.ts';
import type { WebSocketReader } from './websocket-codec.ts';

/** The native surface as C++ exports it. Arguments are checked by the callers in TypeScript; the glue only converts. */
export interface Addon {
  readonly abiHash: number;

  // Process-wide, any thread.
  installImage(image: ArrayBuffer, rateLimitKeys: number): { version: number; error: string };
  readonly setEndpointHealth: (version: number, changes: Uint32Array) => boolean;
  readonly refreshPlans: () => number;
  readonly setTlsRoots: (pem: string) => void;
  readonly clusterStats: (version: number, cluster: number, out: Float64Array) => boolean;
  readonly listenerStats: (version: number, listener: number, out: Float64Array) => boolean;
  readonly listenerHistogram: ReadHistogram;
  readonly routeStats: (version: number, route: number, out: Float64Array) => boolean;
  readonly clusterHistogram: ReadHistogram;
  readonly endpointHistogram: ReadHistogram;
  readonly routeHistogram: ReadHistogram;
  readonly listenerDigest: ReadDigest;
  readonly clusterDigest: ReadDigest;
  readonly endpointDigest: ReadDigest;
  readonly routeDigest: ReadDigest;
  readonly usedRoutes: (version: number) => Uint32Array;
  readonly collectHistograms: (nowMs: number) => void;
  readonly endpointStats: (version: number, endpoint: number, out: Float64Array) => boolean;
  readonly rateLimitStats: (version: number, rateLimit: number, out: Float64Array) => boolean;
  readonly rateTableStats: (out: Float64Array) => void;
  readonly processStats: (out: Float64Array) => void;
  readonly takeIncidents: (most: number) => NativeIncident[];
  readonly findRequests: (
    failed: boolean,
    limit: number,
    route: string,
    cluster: string,
    statusFrom: number,
    statusTo: number,
    flag: number,
    id: string,
  ) => NativeRequestRecord[];
  readonly takeSpans: (mostBytes: number) => NativeSpans;
  readonly spansWaiting: () => number;
  readonly onFailover: (callback: () => void) => () => void;
  readonly failoverTick: () => number;
  readonly takeTransitions: () => NativeTransitions;
  readonly explain: (version: number, listener: number, head: Uint8Array, lengths: Int32Array, peer: Uint8Array) => string | undefined;
  readonly onAccessLog: (callback: () => void) => () => void;
  readonly takeAccessLogNotices: () => NativeLogNotice[];
  readonly reopenAccessLog: () => number;
  readonly accessLogReopened: (ticket: number) => NativeLogNotice[] | undefined;
  readonly stopAccessLog: (limitMs: number) => void;
  readonly accessLogStopped: () => boolean;
  readonly accessLogStats: () => NativeLogStats[];
  readonly accessLogWaiting: () => number;
  readonly limitReceiveBuffer: (port: number, bytes: number) => number;
  readonly muteNativeOutput: () => void;
  readonly reservePort: (host: string) => { fd: number; port: number } | number;
  readonly createMemoryFile: (name: string, bytes: Uint8Array) => number;

  // For tests and measurements.
  readonly Histogram: new () => NativeHistogram;
  readonly clientOfLastReadForTest: () => Uint8Array;

  // One reactor per worker thread.
  readonly reactorOpen: (worker: number, events: Int32Array, data: Uint8Array, headLengths: Int32Array, onEvents: (count: number) => void) => void;
  readonly reactorClose: () => void;
  readonly listenerKey: (name: string) => number;
  readonly takeOverListenerCalls: () => boolean;
  readonly submit: (handle: number, listenerKeyAndFlags: number, head: string, peer?: ArrayBuffer) => number;
  /** The same for a request object of the listener, inside its handler; only once `learnRequest` has said 1. */
  readonly submitRequest: (handle: number, listenerKeyAndFlags: number, request: object, peer?: ArrayBuffer) => number;
  /** 1: request objects can be read in place, 0: not to be seen from this one, -1: they cannot. See native/api/listener_requests.cc. */
  readonly learnRequest: (request: object, head: string) => number;
  readonly sendBody: (handle: number, piece: ArrayBuffer, last: boolean) => number;
  readonly abort: (handle: number) => void;
  readonly pause: (handle: number) => void;
  readonly resume: (handle: number) => void;
  readonly sendMessage: (handle: number, opcode: number, payload: ArrayBuffer) => number;
  readonly sendClose: (handle: number, code: number, reason: Uint8Array) => void;
  readonly countConnection: (listenerKey: number, opened: boolean) => void;

  // Sockets of uWebSockets.js; see native/api/downstream_socket_api.cc. 0 = not found.
  readonly findSocket: () => number;
  readonly isSocketStopped: (socket: number) => boolean;
  readonly holdSocket: (socket: number, hold: boolean) => void;
  readonly pauseSocket: (socket: number) => void;
  readonly resumeSocket: (socket: number) => void;
  readonly endSocket: (socket: number) => void;
  readonly forgetSocket: (socket: number) => void;

  // Structures of the engine as objects of their own, for conformance tests and benches; one environment each.
  readonly RateTable: new (maxKeys: number, key0Low: number, key0High: number, key1Low: number, key1High: number) => NativeRateTable;
  readonly Breaker: new (
    thresholdMillis: number,
    windowMs: number,
    minRequests: number,
    intervalMs: number,
    maxIntervalMs: number,
    jitterPercent: number,
    probes: number,
    successes: number,
  ) => Breaker;
  readonly RetryBudget: new (windowMs: number) => RetryBudget;
  readonly drawBackoffs: (baseMs: number, maxMs: number, retry: number, seed: number, out: Float64Array) => void;
  readonly Balancer: new (settings: BalancerOptions, endpoints: readonly BalancerEndpoint[], seed: number) => NativeBalancer;
  readonly OutlierCluster: new (settings: Uint32Array, endpoints: number, nowMs: number) => OutlierCluster;
  readonly Simulation: new (cell: SimulationCell) => NativeSimulation;
  readonly Matcher: new (image: ArrayBuffer, routeTable: number) => NativeMatcher;
  readonly WebSocketReader: new (maxMessage: number) => WebSocketReader;
  readonly writeWebSocketFrame: (opcode: number, payload: Uint8Array, mask: number) => Uint8Array;
  readonly writeWebSocketClose: (code: number, reason: Uint8Array, mask: number) => Uint8Array;
  readonly webSocketAccept: (key: string) => string;
  readonly timeWebSocketReads: (frames: Uint8Array, n: number) => number;
  readonly timeWebSocketMasking: (payload: Uint8Array, n: number) => number;
  readonly timeUtf8: (text: Uint8Array, n: number) => number;
  readonly readTrace: (bytes: Uint8Array, lengths: Int32Array, b3: boolean) => NativeCallerTrace;
  readonly parseResponse: (bytes: Uint8Array, ends: Uint32Array, toHead: boolean, closed: boolean) => NativeResponse;
  readonly parseRequest: (bytes: Uint8Array, lengths: Int32Array, maxBytes: number) => NativeRequest;
}

/** See src/binding/messages.ts. Strings have one code unit a byte; fields are name, value, name, value. */
export interface NativeResponse {
  error?: string;
  truncated: boolean;
  interim: number[];
  status?: number;
  statusLine?: string;
  framing?: 'none' | 'length' | 'chunked' | 'untilClose';
  persistent?: boolean;
  fields?: string[];
  body: string;
  done: boolean;
  rest: number;
}
export type NativeRequest =
  | { error: string; status: number }
  | { error?: undefined; method: string; path: string; query?: string; host: string; chunked: boolean; contentLength?: number };

/** See src/binding/balancer.ts. */
export type NativeBalancer = Balancer;

/** See src/binding/simulation.ts. */
export interface NativeSimulation {
  step(events: number): boolean;
  progress(): number;
  result(): SimulationResult;
}

/** See src/binding/matcher.ts. */
export interface NativeMatcher {
  match(request: string): number;
  setRequests(lines: string): number;
  timeMatches(n: number, threads: number): number;
}

/** See src/binding/spans.ts. */
export type NativeCallerTrace =
  | { error: string }
  | { error?: undefined; source: number; decision: number; trace: string; span: string; flags: number; state: string };

/** Sampled requests. */
export interface NativeSpans {
  /** Of the moment that their ages are of, since the epoch. */
  wallUs: number;
  requests: NativeRequestRecord[];
}

/** What a worker reported for the log. */
export interface NativeIncident {
  ageMs: number;
  /** INCIDENT_KIND. */
  kind: number;
  /** Index into DOWNSTREAM_ERROR, UPSTREAM_ERROR or RESPONSE_FLAG. */
  reason: number;
  /** What the client was answered; 0 = its connection was cut. */
  status: number;
  /** Of the request, at upstreams; 0 = none, or not known. */
  attempts: number;
  /** What was wrong; may end with a line end. */
  sentence: string;
  /** Address of the client; empty when it is not known. */
  peer: string;
  /** By INCIDENT_TEXT: bytes as they came, each as one latin1 character. */
  texts: string[];
  /** The text goes on beyond what was kept. */
  cut: boolean[];
}

/** A finished request; see native/engine/record/request_record.h. Moments are microseconds since its head was received, -1 = never reached. */
export interface NativeRequestRecord {
  /** 16 hexadecimal digits. */
  id: string;
  /** Of the image, its lower 32 bits; 0 = of none. */
  version: number;
  /** Since its end. */
  ageUs: number;
  /** What the client was answered, wholly or not; 0 = nothing. */
  status: number;
  /** Index into RESPONSE_FLAG. */
  flag: number;
  /** RECORD_BIT. */
  bits: number;
  /** Address of the client; empty when it is not known. */
  peer: string;
  /** Of the body. */
  requestBytes: number;
  responseBytes: number;
  /** Downstream, with the head. */
  sentBytes: number;
  /** Of a WebSocket; 0 = it was none. */
  closeCode: number;
  /** 32, 16 and 16 hexadecimal digits, or empty. */
  traceId: string;
  span: string;
  parentSpan: string;
  /** Phases: native/engine/record/request_phases.h. */
  totalUs: number;
  queueUs: number;
  connectUs: number;
  firstByteUs: number;
  backoffUs: number;
  faultDelayUs: number;
  /** That were made; `kept` tells of fewer when there were many. */
  attempts: number;
  retries: number;
  /** By RECORD_TEXT: bytes as they came, each as one latin1 character. */
  texts: string[];
  kept: NativeAttemptRecord[];
}

export interface NativeAttemptRecord {
  cluster: string;
  endpoint: string;
  chosenUs: number;
  connectingUs: number;
  connectedUs: number;
  sentUs: number;
  firstByteUs: number;
  endedUs: number;
  status: number;
  flag: number;
  /** ATTEMPT_BIT. */
  bits: number;
  span: string;
}

/** A change of mind about an endpoint or a cluster; see native/engine/failover/transitions.h. */
export interface NativeTransition {
  /** TRANSITION_KIND. */
  kind: number;
  /** Index into TRANSITION_REASON. */
  reason: number;
  cluster: string;
  /** Empty: the cluster's own circuit breaker. */
  endpoint: string;
  /** What was measured, what it was held against, and how many requests say so (0 = does not apply). Shares are from 0 to 1, times in microseconds. */
  value: number;
  limit: number;
  requests: number;
  ageMs: number;
  /** Until it ends by itself; negative = it does not. */
  leftMs: number;
}
/** What the writer of the access log reports of a sink. */
export interface NativeLogNotice {
  /** LOG_NOTICE. */
  kind: number;
  sink: string;
  /** 0 = none. */
  errno: number;
  /** That were lost. */
  lines: number;
}
export interface NativeLogStats {
  sink: string;
  /** In the order of LOG_STATS. */
  values: Float64Array;
}

export interface NativeTransitions {
  /** So many more were forgotten, as nobody asked in time. */
  dropped: number;
  transitions: NativeTransition[];
}

type ReadHistogram = (version: number, index: number, phase: number, windowMs: number, nowMs: number, out: Float64Array) => boolean;

type ReadDigest = (version: number, index: number, phase: number, nowMs: number, out: Float64Array) => boolean;

/** A series outside the engine; windowMs 0 = everything. */
export interface NativeHistogram {
  record(value: number, times: number): void;
  recordMany(values: Float64Array): void;
  read(windowMs: number, nowMs: number, out: Float64Array): void;
  quantile(q: number, windowMs: number, nowMs: number): number;
  mergeFrom(other: NativeHistogram): void;
  collect(nowMs: number): void;
  timeRecords(records: number, threads: number): number;
}

/** See src/binding/rate-table.ts. */
export interface NativeRateTable {
  addRule(algorithm: number, limit: number, windowMs: number, burst: number): number;
  hash(bytes: Uint8Array, out: Uint32Array): void;
  check(rule: number, keyLow: number, keyHigh: number, nowNs: number, out: Float64Array): boolean;
  peek(rule: number, keyLow: number, keyHigh: number, nowNs: number, out: Float64Array): boolean;
  checkAll(rows: Uint32Array, nowNs: number, counters: Float64Array): number;
  hammer(rule: number, keyLow: number, keyHigh: number, nowNs: number, stepNs: number, n: number, threads: number): number;
  timeChecks(rule: number, keys: number, n: number, threads: number, hitShare: number, nowNs: number): number;
  resize(maxKeys: number, nowNs: number): number;
  stats(out: Float64Array, nowNs: number): number;
}
