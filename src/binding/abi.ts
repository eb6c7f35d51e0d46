/**
 * The one table of everything that TypeScript and C++ must agree on: records of the compiled image,
 * event records of the reactor, statistics, and enumerations.
 *
 * `native/abi.h` is printed from it by `src/binding/abi-header.ts` while the project is built, and carries
 * a hash of the table; `load.ts` refuses an addon whose hash differs. Change this file, never the header.
 *
 * Every image record is a row of little-endian u32 words, read in place by the engine. A string is an
 * (offset, length) pair into the BYTES section. `NONE` in an index or offset field means "not set".
 */

/** "Not set" in index and offset fields. */
export const NONE = 0xffff_ffff;

export const IMAGE_MAGIC = 0x4d4c_5243; // "CRLM" in memory order
export const IMAGE_VERSION = 1;

/**
 * Image header, in words: magic, version, byteLength, sectionCount, contentHashLow, contentHashHigh, then
 * `sectionCount` rows of {byteOffset, elementCount}, in the order of this list. Sections start at multiples of 8.
 */
export const IMAGE_HEADER_WORDS = 6;

export const SECTIONS = [
  'BYTES', // u8: strings, addresses, DFA class maps and accept flags, bodies
  'U16', // u16: DFA transitions
  'INDEX', // u32: candidate routes of a path, members of a subset, rate limits of a route
  'LISTENER',
  'ROUTE_TABLE',
  'HOST',
  'VHOST',
  'PATH',
  'REGEX',
  'DFA',
  'ROUTE',
  'PREDICATE',
  'EDIT',
  'WEIGHT',
  'REDIRECT',
  'RESPOND',
  'CLUSTER',
  'ENDPOINT',
  'TLS',
  'CIDR',
  'BALANCER',
  'HASH_SOURCE',
  'SUBSET',
  'RATE_LIMIT',
  'RATE_KEY',
  'RETRY',
  'HEDGE',
  'OUTLIER',
  'BREAKER',
  'FAULT',
  'TRACING',
  'LOG',
  'LOG_STEP',
] as const;
export type SectionName = (typeof SECTIONS)[number];

/** Element size in bytes of the sections that are not records. */
export const PLAIN_SECTION_BYTES = { BYTES: 1, U16: 2, INDEX: 4 } as const;

/** Records of the image: field names in word order. */
export const RECORDS = {
  LISTENER: [
    'nameOffset', 'nameLength',
    'routeTable', // index into ROUTE_TABLE
    'flags', // LISTENER_FLAG bits
    'trustStart', 'trustCount', // CIDR rows whose X-Forwarded-* headers are believed
    'maxHeadBytes', // request line and headers together
    'limitStart', 'limitCount', // INDEX rows: RATE_LIMIT rows that count every request, before it is matched
    'maxTargetBytes', // path and query
    'maxHeaderBytes', // one header line
    'maxHeaders', // lines
    'underscores', // UNDERSCORES
    'underscoreStart', 'underscoreCount', // INDEX rows in pairs, offset and length: the names that UNDERSCORES.keep is for; none = all
    'escapedSlashes', 'backslashes', // SLASHES
  ],
  ROUTE_TABLE: [
    'nameOffset', 'nameLength',
    'hostStart', 'hostCapacity', // HOST hash table of exact names; capacity is 0 or a power of two
    'wildStart', 'wildCapacity', // HOST hash table of wildcard suffixes, keyed without "*" (".example.com")
    'wildMaxLabels', // most labels of any wildcard suffix: bounds the probes
    'anyVhost', // VHOST of "*", or NONE
    'vhostStart', 'vhostCount', // every VHOST of this table, in declared order
  ],
  /** A slot of an open-addressing table (linear probing, load <= 0.5); empty when vhost is NONE. Keys are lower case. */
  HOST: ['hash', 'keyOffset', 'keyLength', 'vhost'],
  VHOST: [
    'nameOffset', 'nameLength',
    'pathStart', 'pathCapacity', // PATH hash table; capacity is 0 or a power of two
    'prefixLengthsLow', 'prefixLengthsHigh', // bit min(n,63) is set when a prefix of n bytes exists
    'regexStart', 'regexCount', // REGEX rows in declared order
    'routeStart', 'routeCount', // every ROUTE of this virtual host, in declared order
  ],
  /** A slot of the path table; empty when kind is 0. Key = hash32(path bytes, seed = kind). */
  PATH: [
    'hash', 'keyOffset', 'keyLength', 'kind', 'candidateStart', 'candidateCount',
    'sureRoute', // the first candidate where it has neither methods nor predicates, else NONE: spares two look-ups far away
  ],
  REGEX: ['dfa', 'candidateStart', 'candidateCount'],
  /** Transition table: next = U16[transitionStart + state * classCount + BYTES[classOffset + byte]]; state 0 is dead. */
  DFA: ['stateCount', 'classCount', 'classOffset', 'transitionStart', 'startState', 'acceptOffset'],
  ROUTE: [
    'nameOffset', 'nameLength',
    'methods', // bit per METHODS entry; 0 = any method
    'predicateStart', 'predicateCount',
    'action', // ACTION
    'actionStart', // CLUSTER index | first WEIGHT row | REDIRECT row | RESPOND row
    'actionCount', // rows of WEIGHT, else 1
    'timeoutMs', // from the whole request received to the head of the answer, retries included; 0 = none
    'maxDurationMs', // whole exchange, 0 = none
    'idleTimeoutMs', // between two bytes in either direction, 0 = none
    'retryOn', // RETRY_ON bits
    'retryAttempts', // attempts after the first
    'pathKind', // PATH_KIND of the match
    'pathOffset', 'pathLength', // the path, prefix or regex source as configured
    'rewrite', // REWRITE
    'rewriteOffset', 'rewriteLength',
    'hostOffset', 'hostLength', // Host sent upstream; offset NONE = as received
    'requestEditStart', 'requestEditCount',
    'responseEditStart', 'responseEditCount',
    'maxBodyLow', 'maxBodyHigh', // largest request body in bytes; both words all ones = no limit
    'subset', // SUBSET row that ACTION cluster picks from, else NONE
    'limitStart', 'limitCount', // INDEX rows: RATE_LIMIT rows of the virtual host, then of the route
    'webSocketMaxMessage', // bytes of one message, either way; 0 = upgrades are not proxied
    'webSocketIdleMs', // between two frames in either direction, 0 = none
    'perTryTimeoutMs', // from an attempt's endpoint chosen, and the request received in full, to the head of its answer; 0 = none
    'requestTimeoutMs', // from the head of the request to its last byte, 0 = none
    'retry', // RETRY row: used when retryAttempts > 0
    'hedge', // HEDGE row or NONE
    'deadlineOffset', 'deadlineLength', // header with the milliseconds that are left, lower case; offset NONE = deadlines are neither taken nor passed on
    'fault', // FAULT row or NONE
    'tracing', // TRACING row that goes before the first one, or NONE
    'sinks', // bits of the LOG rows that take its requests
  ],
  PREDICATE: ['source', 'op', 'negate', 'nameOffset', 'nameLength', 'valueOffset', 'valueLength', 'dfa'],
  EDIT: ['op', 'nameOffset', 'nameLength', 'valueOffset', 'valueLength'],
  /** Rows of one route carry a running sum, so that a draw r < last.cumulative picks the first row with r < cumulative. */
  WEIGHT: ['cluster', 'subset', 'cumulative'],
  REDIRECT: [
    'status',
    'schemeOffset', 'schemeLength', // offset NONE = as received
    'hostOffset', 'hostLength',
    'port', // 0 = as received (dropped when scheme or host is given)
    'rewrite', 'rewriteOffset', 'rewriteLength', // REWRITE of the path
    'stripQuery',
  ],
  RESPOND: ['status', 'bodyOffset', 'bodyLength', 'headersOffset', 'headersLength'], // headers: "name: value\r\n" lines
  CLUSTER: [
    'nameOffset', 'nameLength',
    'endpointStart', 'endpointCount',
    'connectTimeoutMs',
    'poolIdleMs', // an idle upstream connection is closed after this
    'maxConnections', // per endpoint, all workers together; 0 = none
    'maxPending', // requests of one worker waiting for a connection of one endpoint
    'maxRequestsPerConnection', // 0 = no limit
    'tls', // TLS row or NONE
    'balancer', // BALANCER row
    'subsetStart', 'subsetCount', // SUBSET rows; the first one holds every endpoint of weight > 0
    'maxQueue', // requests of the process that wait because every endpoint is at its maxRequests
    'queueTimeoutMs',
    'tlsTimeoutMs', // of the handshake, from the TCP connection made; 0 = it shares connectTimeoutMs
    'flags', // CLUSTER_FLAG bits
    'limitConnections', 'limitPending', 'limitRequests', 'limitRetries', // of the whole cluster, all workers together; 0 = none
    'budgetPercent', // retry budget: retries in percent of the requests of the window; NONE = no budget
    'budgetMinPerSecond', // that many retries a second are always allowed
    'budgetWindowMs',
    'outlier', // OUTLIER row or NONE
    'breaker', // BREAKER row or NONE
    'fallbackCluster', // CLUSTER row that takes over while this one cannot answer, or NONE; chains end
    'fallbackRespond', // RESPOND row for the same, or NONE; at most one of the two is set
  ],
  ENDPOINT: [
    'nameOffset', 'nameLength', // as configured and shown: "127.0.0.1:9001", "unix:/run/app.sock"
    'family', // FAMILY
    'addressOffset', 'addressLength', // 4 or 16 bytes in network order, or the socket path
    'port',
    'weight',
    'serverNameOffset', 'serverNameLength', // host part as configured: SNI and certificate name
    'priority', // 0 is used first
    'zoneOffset', 'zoneLength', // offset NONE = no zone
    'maxRequests', // in flight at once, all workers together; 0 = no limit
    'backup', // 1 = used only while no other endpoint of the cluster is available
    'drain', // 1 = gets no new requests, whatever its weight is
  ],
  TLS: [
    'flags', // TLS_FLAG bits
    'serverNameOffset', 'serverNameLength', // offset NONE = the endpoint's own name
    'caOffset', 'caLength', // PEM; offset NONE = default roots
    'certOffset', 'certLength', 'keyOffset', 'keyLength', // PEM client identity; offset NONE = none
  ],
  CIDR: ['family', 'prefixBits', 'word0', 'word1', 'word2', 'word3'], // words big-endian, IPv4 in word0
  /** How a cluster chooses among its endpoints. */
  BALANCER: [
    'policy', // POLICY
    'biasMillis', // leastRequest: exponent of the requests in flight, x 1000
    'decayMs', // peakEwma, leastTime, prequal: time after which an observation weighs 1/e
    'defaultLatencyUs', // of an endpoint that is busy and was never measured
    'penaltyMs', // latency that a failure is recorded with, at least
    'tableSize', // maglev: prime number of slots; ringHash: least number of points
    'hashBalancePercent', // bounded load: most load of an endpoint in percent of the mean; 0 = unbounded
    'hashStart', 'hashCount', // HASH_SOURCE rows
    'overprovisioningPercent',
    'panicPercent', // below this share of available endpoints, availability is ignored; 0 = never
    'zoneOffset', 'zoneLength', // zone of this proxy; offset NONE = no zone preference
    'zoneMinEndpoints', // smaller clusters know no zone preference
    'slowStartMs', // 0 = none
    'slowStartAggressionMillis', // exponent, x 1000
    'slowStartMinPercent', // of the weight, at the start
  ],
  HASH_SOURCE: [
    'kind', // HASH_SOURCE_KIND
    'flags', // HASH_SOURCE_FLAG bits
    'nameOffset', 'nameLength', // of the header, cookie or query parameter
    'ttlSeconds', // cookie: one is generated when the request has none, with this Max-Age; 0 = until the browser ends; NONE = not generated
    'pathOffset', 'pathLength', // cookie: its Path
  ],
  /** Endpoints of a cluster that a route may choose from. */
  SUBSET: [
    'cluster',
    'memberStart', 'memberCount', // INDEX rows, ascending: ENDPOINT rows of weight > 0 without drain
    'nameOffset', 'nameLength', // "version=v2,stage=prod"; offset NONE = every endpoint of the cluster
  ],
  RATE_LIMIT: [
    'nameOffset', 'nameLength', // unique in the configuration: in metrics and in RateLimit headers
    'tag', // identity of its counters: equal in two images when the counters carry over
    'algorithm', // RATE_ALGORITHM
    'limit', // requests in a window
    'windowMs',
    'burst', // gcra: requests that may come at once; else the limit
    'flags', // RATE_FLAG bits
    'status', // of a refusal
    'bodyOffset', 'bodyLength', // of a refusal; offset NONE = the standard sentence
    'typeOffset', 'typeLength', // content type of that body; offset NONE beside no body
    'keyStart', 'keyCount', // RATE_KEY rows; none = one counter for all
  ],
  RATE_KEY: [
    'kind', // RATE_KEY_KIND
    'flags', // RATE_KEY_FLAG bits
    'nameOffset', 'nameLength', // of the header or cookie
    'bits4', 'bits6', // clientIp: prefix length that is one client
  ],
  RETRY: [
    'statusStart', 'statusCount', // INDEX rows: statuses (beside those of ROUTE.retryOn) that are tried again
    'backoffBaseMs', // full jitter: random below min(backoffMax, backoffBase * 2^(n - 1)) before retry n; 0 = at once
    'backoffMaxMs',
    'retryAfterMaxMs', // longest Retry-After of a status that is tried again that is waited for; 0 = it is not heeded
    'bufferBytes', // of a request body kept for a replay
    'flags', // RETRY_FLAG bits
  ],
  HEDGE: [
    'quantileMillis', // of the route's time to the head of the answer, x 1000: a second attempt goes out when it has passed
    'minDelayMs', // never sooner
    'maxDelayMs', // never later; 0 = no such bound
    'minRequests', // samples in the window before anything is hedged by quantile
    'percent', // second attempts in percent of the requests of the window
  ],
  /** Outlier detection of a cluster; 0 = that detector is off. */
  OUTLIER: [
    'consecutive5xx', // answers of 500 to 599 in a row
    'consecutiveGatewayErrors', // answers of 502, 503, 504 in a row
    'consecutiveLocalErrors', // failures in a row that the endpoint did not answer at all
    'intervalMs', // of the sweeps that compare endpoints with each other
    'baseEjectionMs', // times the number of ejections in a row
    'maxEjectionMs',
    'jitterMs',
    'maxEjectionPercent', // of the endpoints of the cluster, but always one, and never the last that is available
    'flags', // OUTLIER_FLAG bits
    'successMethod', // OUTLIER_METHOD
    'successFactorMillis', // deviations below the centre, x 1000
    'successMinEndpoints', 'successMinRequests', // with that many requests in the interval
    'failurePercent', 'failureMinEndpoints', 'failureMinRequests',
    'latencyFactorMillis', // of the median of the endpoints' quantiles, x 1000
    'latencyQuantileMillis', // x 1000: 990 = p99
    'latencyMinUs', // quantiles below this are never outliers
    'latencyMinEndpoints', 'latencyMinRequests',
  ],
  BREAKER: [
    'scope', // BREAKER_SCOPE bits
    'thresholdMillis', // share of failures that opens, x 1000
    'windowMs', // ring of 10 buckets
    'minRequests', // in the window, before anything opens
    'intervalMs', // open for intervalMs * 2^n ...
    'maxIntervalMs', // ... at most this long
    'jitterPercent', // of that time, added at random
    'probes', // requests that a half-open breaker lets through at once
    'successes', // good answers in half-open that close it
  ],
  /** Faults that are injected on purpose, each drawn for itself; per million of the requests. */
  FAULT: ['abortPerMillion', 'abortStatus', 'delayPerMillion', 'delayMs'],
  /** Row 0 is that of the configuration, those after it are of routes; no row = no tracing. */
  TRACING: [
    'flags', // TRACING_FLAG bits
    'sampleLow', 'sampleHigh', // a trace that begins here is sampled when the lower half of its id is below this; all ones = always
  ],
  /** A sink of the access log. */
  LOG: [
    'nameOffset', 'nameLength', // LOG_TARGET file: its absolute path; else the name of the stream
    'target', // LOG_TARGET
    'flags', // LOG_FLAG bits
    'sampleShare', // with LOG_FLAG.sampled: share of the requests, of 2^32
    'minDurationMs',
    'statusStart', 'statusCount', // INDEX rows in pairs, lowest and highest; none = all
    'routeStart', 'routeCount', // INDEX rows in pairs, offset and length: names of routes; none = all, and requests without a route
    'headerStart', 'headerCount', // INDEX rows in pairs, offset and length: lower-case names of request headers that it wants
    'stepStart', 'stepCount', // LOG_STEP rows of a line
  ],
  /** A piece of a line. */
  LOG_STEP: [
    'op', // LOG_OP
    'textOffset', 'textLength', // JSON: key; literal: the text; header: its name, lower case; timeUtc, timeLocal: the pattern; offset NONE = none
    'flags', // LOG_STEP_FLAG bits
    'maxLength', // bytes of the value, before escapes; 0 = all
  ],
} as const satisfies Partial<Record<SectionName, readonly string[]>>;
export type RecordName = keyof typeof RECORDS;
export type RecordFields<R extends RecordName> = Record<(typeof RECORDS)[R][number], number>;

export const PATH_KIND = { exact: 1, prefix: 2, regex: 3 } as const;
export const ACTION = { cluster: 1, weightedClusters: 2, redirect: 3, respond: 4 } as const;
export const REWRITE = { none: 0, prefix: 1, path: 2 } as const;
export const PREDICATE_SOURCE = { header: 1, query: 2 } as const;
export const PREDICATE_OPERATOR = { present: 1, exact: 2, prefix: 3, suffix: 4, contains: 5, regex: 6 } as const;
export const EDIT_OPERATOR = { set: 1, add: 2, remove: 3 } as const;
export const POLICY = {
  roundRobin: 1, leastRequest: 2, random: 3, peakEwma: 4, leastTime: 5, ringHash: 6, maglev: 7, rendezvous: 8, prequal: 9,
} as const;
export const HASH_SOURCE_KIND = { header: 1, cookie: 2, clientIp: 3, path: 4, query: 5 } as const;
/** terminal: later sources are not asked when this one, or one before it, gave a value. */
export const HASH_SOURCE_FLAG = { terminal: 1 } as const;
export const RATE_ALGORITHM = { slidingWindow: 1, slidingLog: 2, gcra: 3 } as const;
/** rateLimitHeaders: on every answer, not only on refusals; xHeaders: the X-RateLimit trio, too. */
export const RATE_FLAG = { shadow: 1, headersAlways: 2, headersNever: 4, xHeaders: 8 } as const;
export const RATE_KEY_KIND = { clientIp: 1, header: 2, cookie: 3, path: 4, route: 5, host: 6 } as const;
/** skip: a request without this part is not counted at all; else all of them share one counter. */
export const RATE_KEY_FLAG = { skipWhenMissing: 1 } as const;
/** Why an endpoint is not available: bits of its health word. */
export const HEALTH = {
  /** Active health checks say so. */
  unhealthy: 1,
  /** By outlier detection. */
  ejected: 2,
  /** Its circuit breaker is open. */
  open: 4,
  /** Its circuit breaker is half-open: available, but only for probes. */
  halfOpen: 8,
  /** No active health check has come back yet. */
  unchecked: 16,
  /** By the configuration. No plan has it; this is for requests that began under an earlier one. */
  drained: 32,
} as const;
export const FAMILY = { ipv4: 4, ipv6: 6, unix: 1 } as const;
export const LISTENER_FLAG = {
  tls: 1,
  forwardedHeaders: 2,
  requestId: 4,
  /** Runs of slashes in a path stay as they are. */
  keepSlashes: 8,
  allowTrace: 16,
  keepAliveAfterChunked: 32,
} as const;
/** What becomes of a header with "_" in its name. */
export const UNDERSCORES = { drop: 0, keep: 1, reject: 2 } as const;
/** What becomes of "%2F", or of a backslash and "%5C", in a path: refused, kept as an escape, or read as a slash. */
export const SLASHES = { reject: 0, keep: 1, slash: 2 } as const;
export const TLS_FLAG = { insecureSkipVerify: 1 } as const;
/** healthChecked: its endpoints have active health checks. */
export const CLUSTER_FLAG = { healthChecked: 1 } as const;
export const RETRY_ON = {
  /** No connection: not a byte of the request has left. */
  connectFailure: 1,
  /** The connection broke before an answer. */
  reset: 2,
  /** perTryTimeout passed. */
  timeout: 4,
  /** 500 to 599. */
  '5xx': 8,
  /** 502, 503, 504. */
  gatewayError: 16,
  /** 409. */
  retriable4xx: 32,
  /** 429. */
  rateLimited: 64,
} as const;
/**
 * parentBased: the caller's decision goes first; b3: B3 headers are read where there is no traceparent; trustedPeers: only trusted
 * peers are believed; off: headers of traces are headers like others.
 */
export const TRACING_FLAG = { parentBased: 1, b3: 2, trustedPeers: 4, off: 8 } as const;
/** nonIdempotent: requests of any method are sent again although an upstream may have acted on them. */
export const RETRY_FLAG = { nonIdempotent: 1 } as const;
/** shadow: detected and counted, never ejected; keepEjected: a good active health check does not end an ejection. */
export const OUTLIER_FLAG = { shadow: 1, keepEjected: 2 } as const;
export const OUTLIER_METHOD = { off: 0, deviation: 1, mad: 2 } as const;
export const BREAKER_SCOPE = { cluster: 1, endpoint: 2 } as const;
export const BREAKER_STATE = { closed: 0, open: 1, halfOpen: 2 } as const;
/** Why an endpoint became available or unavailable, beside what active health checks say: reasons of TRANSITION. */
export const TRANSITION_REASON = [
  'none',
  'consecutive5xx', 'consecutiveGatewayErrors', 'consecutiveLocalErrors', 'successRate', 'failurePercentage', 'latency', // outlier detection
  'ejectionEnded', 'healthCheckPassed', 'detectionRemoved', // ends of an ejection
  'failureRatio', 'probeFailed', 'intervalPassed', 'probesPassed', 'breakerRemoved', // circuit breaker
] as const;
/** endpoint NONE = of the cluster's own breaker. */
export const TRANSITION_KIND = { ejected: 1, unejected: 2, wouldEject: 3, notEjected: 4, breakerOpened: 5, breakerHalfOpened: 6, breakerClosed: 7 } as const;

/** Bit positions of ROUTE.methods. */
export const METHODS = [
  'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'QUERY',
  'PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH',
] as const;

/** Words of one reactor event, in the Int32Array that the up-call reads. */
export const EVENT = ['exchange', 'kind', 'flags', 'status', 'headOffset', 'headLength', 'bodyOffset', 'bodyLength', 'lengthLow', 'lengthHigh'] as const;
export const EVENT_KIND = {
  /** Whole answer: head and body are in the data buffer. */
  complete: 1,
  /** Head of a streamed answer; `length` is its content length unless EVENT_FLAG.chunked. A first body piece may ride along. */
  head: 2,
  /** A further body piece. */
  body: 3,
  /** The upstream answer ended too early: cut the downstream connection. */
  abort: 4,
  /** The upstream socket drained: let the client go on sending. */
  resumeRequest: 5,
  /**
   * The upstream took a WebSocket handshake. Head: header lines for the 101, without a status line, "a: b\r\nc: d", may be
   * empty. Body: the chosen sub-protocol, may be empty.
   */
  upgraded: 6,
  /** A piece of a WebSocket message from the upstream, `status` = WEBSOCKET_OPCODE; EVENT_FLAG.messageEnd on its last one. */
  message: 7,
  /** A WebSocket is over: close the client's side with `status` as the code and body as the reason. Always the last event. */
  closed: 8,
} as const;
export const EVENT_FLAG = {
  /** No body may follow the head: HEAD, 204, 304. */
  bodiless: 1,
  /** Length unknown: uWS frames the body as chunked. */
  chunked: 2,
  /** Last event of this exchange; its handle is free afterwards. */
  last: 4,
  /** Close the downstream connection after the answer. */
  close: 8,
  /** Answer made by the engine, not by an upstream. */
  local: 16,
  /** Last piece of a WebSocket message. */
  messageEnd: 32,
  /** With `close`, where uWS closes of itself and would not say `connection: close`. */
  sayClose: 64,
} as const;

/** Opcodes of RFC 6455 that cross the boundary. */
export const WEBSOCKET_OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Close codes that the proxy itself uses or reads (RFC 6455 section 7.4.1 and the IANA registry). */
export const WEBSOCKET_CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  /** Stands for a close frame without a code; never on the wire. */
  noStatus: 1005,
  /** Stands for the end of a connection without a close frame; never on the wire. */
  abnormal: 1006,
  invalidPayload: 1007,
  tooBig: 1009,
  tryAgainLater: 1013,
  badGateway: 1014,
} as const;

/** Results of `submit`. */
export const SUBMIT = {
  /** Taken; events will follow. No request body is expected. */
  accepted: 0,
  /** The head holds characters beyond ASCII: give their bytes as latin1 and submit again with SUBMIT_FLAG.latin1. */
  needLatin1: 1,
  /** Taken, and a request body follows: pass every piece to `sendBody`. */
  acceptedWithBody: 2,
  /** Not taken yet, since the engine does not know the client's address: submit again, with it. */
  needPeer: 3,
} as const;
/** Bits above the listener key in the second argument of `submit`. */
/** upgrade: the listener can make a WebSocket of this request. */
export const SUBMIT_FLAG = {
  latin1: 0x10000,
  upgrade: 0x20000,
  /** The client's address is not wanted for this listener's sake; SUBMIT.needPeer asks for it all the same, for the log or a limit. */
  peerLeftOut: 0x40000,
} as const;
/** Most header lines that the listener's parser lets through, and a few. */
export const MAX_REQUEST_FIELDS = 128;
/** Words of the array that carries the string lengths of a flat head: their number, then method, target, name, value ... */
export const HEAD_LENGTH_WORDS = 1 + 2 + 2 * MAX_REQUEST_FIELDS;
/** Results of `sendBody`. */
export const SEND = { ok: 0, pause: 1, tooLarge: 2 } as const;

/** Why an answer is not simply the upstream's, one per exchange: the log's response flag. Names follow Envoy where it has one. */
export const RESPONSE_FLAG = [
  'none',
  'NR', // no route
  'NC', // no cluster or no endpoint
  'UF', // upstream connection failure
  'UC', // upstream connection termination before or in the answer
  'UT', // upstream request timeout
  'SI', // stream idle timeout
  'UO', // upstream overflow: pending queue full
  'UPE', // upstream protocol error
  'DPE', // downstream protocol error
  'DC', // downstream connection termination
  'DI', // direct response or redirect by a route
  'BL', // request body over the limit
  'UTLS', // upstream TLS handshake or verification failure
  'OVL', // worker out of exchanges or memory limit
  'RL', // rate limited
  'UH', // no healthy endpoint
  'UQ', // waited too long for an endpoint below its maxRequests
  'CB', // circuit breaker open
  'UCT', // upstream connect timeout
  'UTT', // upstream TLS handshake timeout
  'UPT', // per-try timeout of the last attempt
  'DRT', // the client took too long to send its request
  'UMSDR', // longest duration of an exchange reached
  'DLE', // the deadline that the caller sent has passed
  'FI', // aborted by fault injection
] as const;

export const LOG_TARGET = { file: 1, stdout: 2, stderr: 3 } as const;
/** json: one object a line, steps are its members; sampled: by sampleShare; sampleFailed: failed requests as the others, else always. */
export const LOG_FLAG = { json: 1, sampled: 2, sampleFailed: 4 } as const;
/** alternative: when there is no value the next step stands in, else that one is left out; whole: whole milliseconds; underscores: for blanks. */
export const LOG_STEP_FLAG = { alternative: 1, whole: 2, underscores: 4 } as const;
/** What a step writes; src/config/log-fields.ts says what each of them is. */
export const LOG_OP = [
  'literal', 'time', 'timeUtc', 'timeLocal', 'id', 'requestId', 'traceId', 'client', 'listener', 'tls', 'method', 'host', 'target', 'protocol',
  'status', 'statusOrClosed', 'flag', 'detail', 'bytesIn', 'bytesOut', 'sentBytes', 'durationMs', 'queueMs', 'connectMs', 'firstByteMs', 'upstreamMs', 'responseMs',
  'faultDelayMs', 'attempts', 'retries', 'route', 'cluster', 'endpoint', 'reused', 'userAgent', 'referer', 'forwardedFor', 'header', 'requestHeaders',
  'upstreamTarget', 'webSocket', 'fallback',
] as const;
/** Counters of one sink, in the order that `accessLogStats` gives them. */
export const LOG_STATS = [
  'lines', 'bytes', // written
  'dropped', // lines: the sink was blocked or failed for too long
  'errors', // writes and opens that failed
  'pendingBytes', // lines that wait for the sink
  'errno', // why it fails now; 0 = it does not
] as const;
/** What the writer of the access log reports: a sink fails; it works again, with the lines that were lost meanwhile. */
export const LOG_NOTICE = { failed: 1, recovered: 2, abandoned: 3 } as const;

/** Texts of a record of a request: bytes as they came. The first ones are known when the request comes in. */
export const RECORD_TEXT = [
  'method', 'authority', 'target', // as received
  'userAgent', 'referer', 'forwardedFor', // only where an access log asks for them
  'headers', // more request headers that an access log asks for
  'traceState',
  'requestId', // as sent upstream
  'listener', 'route',
  'cluster', 'endpoint', // of the last attempt; the cluster also where no endpoint was chosen
  'upstreamTarget', // where a rewrite made it another one
  'detail', // the sentence that says why it failed; of a rate limit that refused it, its name
] as const;
/**
 * Bits of a record: tls: of the client's connection; cut: a text goes on beyond its room; sampled: a span is to be made of it; aborted: the
 * client got no answer, or not all of it; local: the answer is ours; fallback: another cluster stood in for the one of the route.
 */
export const RECORD_BIT = { tls: 1, cut: 2, sampled: 4, webSocket: 8, aborted: 16, local: 32, fallback: 64 } as const;
/**
 * Bits of an attempt: reused: on a connection that had served before; hedge: a second attempt beside a slow one; answered: its answer went
 * to the client; cancelled: given up, since another attempt had answered; stale: a kept connection that the upstream had closed, and the
 * next attempt takes a new one in its place.
 */
export const ATTEMPT_BIT = { reused: 1, hedge: 2, answered: 4, cancelled: 8, stale: 16 } as const;

/**
 * Why a request is refused for what it is, before an upstream hears of it: 400 unless said otherwise. Labels of a metric and words
 * in the log; RequestError in native/engine/http/request_head.h has the same, with the sentence that the client reads.
 */
export const DOWNSTREAM_ERROR = [
  'none',
  'malformed', // the listener's strings do not add up
  'method', // not a token, or too long
  'methodRefused', // CONNECT, TRACE: 405
  'target',
  'targetTooLong', // 414
  'path', // an escape that upstreams read differently, or a broken one
  'missingHost', 'host', 'repeatedHost',
  'headerName',
  'underscore', // in a header name, where that is refused
  'headerValue',
  'repeatedHeader', // one that means a single value, with another value
  'tooManyHeaders', 'headerTooLong', 'headTooLarge', // 431
  'contentLength',
  'transferEncoding', // malformed, repeated, or chunked twice
  'unknownTransferCoding', // 501
  'lengthAndTransferEncoding',
  'connectionOptions', // Connection is no list of tokens
  'expectation', // 417
  'maxForwards', // not a number, on OPTIONS or TRACE
  'traceBody',
  'webSocketVersion', // 426
  'webSocketKey', 'webSocketBody',
] as const;
/** What can be wrong with an answer of an upstream: ResponseError in native/engine/http/response_parser.h, which has the sentences. */
export const UPSTREAM_ERROR = [
  'none', 'headTooLarge', 'bareLineFeed', 'notHttp', 'badStatusLine', 'badVersion',
  'badStatusCode', 'badFieldName', 'badFieldValue', 'tooManyFields', 'badContentLength', 'conflictingContentLength',
  'badTransferEncoding', 'lengthAndTransferEncoding', 'tooManyConnectionOptions', 'unexpectedUpgrade',
  'upgradeMismatch', 'upgradeExtension', 'upgradeProtocol', 'tooManyInterim', 'interimTooLarge',
  'badChunkSize', 'badChunkEnd', 'chunkExtensionTooLong', 'badTrailer', 'trailersTooLarge', 'extraBytes',
  'unsolicited', 'early', 'webSocketFrame', 'truncated',
] as const;
/** What workers report for the log; its reason is an index into DOWNSTREAM_ERROR or UPSTREAM_ERROR. */
/** failure: a request that failed, with a RESPONSE_FLAG as its reason. */
export const INCIDENT_KIND = { downstream: 1, upstream: 2, failure: 3 } as const;
/** Texts of an incident; empty = does not apply, or is not known. */
export const INCIDENT_TEXT = ['listener', 'cluster', 'endpoint', 'method', 'target'] as const;

/** Counters of one cluster (doubles, merged over the workers), in the order that `clusterStats` writes them. */
export const CLUSTER_STATS = [
  'requests', 'active', 'responses1xx', 'responses2xx', 'responses3xx', 'responses4xx', 'responses5xx', 'responsesNone',
  'retries', 'connectFailures', 'connectionsOpened', 'connectionsActive', 'connectionsIdle', 'pending', 'pendingOverflow',
  'bytesSent', 'bytesReceived', 'timeouts', 'protocolErrors', 'durationSumUs',
  'queued', 'queuedTotal', 'queueOverflow', 'queueTimeouts', 'panicPicks', 'hashOverflow',
  'retrySuccesses', // requests that a retry got an answer for that was not tried again
  'retryBudgetExhausted', 'retryOverflow', // retries not made: budget, limits.maxRetries
  'retryBodyTooLarge', // retries not made: more body than retry.bufferBytes
  'perTryTimeouts', 'connectTimeouts', 'tlsTimeouts',
  'hedges', 'hedgesWon', 'hedgesOverBudget',
  'requestOverflow', 'connectionOverflow', // limits.maxRequests, limits.maxConnections
  'breakerRejected', 'fallbacks',
  'breakerState', // BREAKER_STATE of the cluster's own breaker
  'breakerOpened', // times, by the cluster's own breaker
  'ejected', // endpoints now
  'ejections', 'ejectionsShadowed', 'ejectionsOverflow', // times: done, left undone by shadow, by maxEjectionPercent
  ...UPSTREAM_ERROR.map((reason) => `error:${reason}` as const),
] as const;
/**
 * Counters of one listener: every request that came in there, refused ones too. Bytes are those of request bodies, and of answers;
 * `flag:<name>` counts requests that ended with that RESPONSE_FLAG.
 */
export const LISTENER_STATS = [
  'requests', 'active', 'responses1xx', 'responses2xx', 'responses3xx', 'responses4xx', 'responses5xx', 'responsesNone',
  'connections', 'connectionsTotal', 'bytesReceived', 'bytesSent',
  ...RESPONSE_FLAG.map((flag) => `flag:${flag}` as const),
] as const;
/** Counters of one RATE_LIMIT. */
export const RATE_STATS = ['allowed', 'limited', 'shadowed', 'unplaced'] as const;
/** Of the one table of rate limit keys. */
export const RATE_TABLE_STATS = ['capacity', 'keys', 'evicted', 'unplaced', 'bytes'] as const;
/** Counters of one endpoint. */
export const ENDPOINT_STATS = [
  'requests', 'active', 'connections', 'connectFailures',
  'responses', // heads of answers that came, whatever became of them
  'responses5xx', // among them
  'failures', // attempts without an answer: no connection, reset, timeout, protocol error
  'health', // HEALTH bits, 0 = available
  'latencyUs', // as its balancer sees it now; 0 = never measured or not needed
  'ejections', // times
  'breakerState', // BREAKER_STATE
  'breakerOpened', // times
] as const;
/**
 * Counters of the process; `flag:<name>` counts requests that ended with that RESPONSE_FLAG, `downstreamError:<reason>` those that
 * were refused for that DOWNSTREAM_ERROR.
 */
export const PROCESS_STATS = [
  'downstreamConnections', 'downstreamConnectionsTotal', 'downstreamRequests', 'downstreamBytesReceived', 'downstreamBytesSent',
  'webSockets', 'webSocketsTotal', 'webSocketMessagesReceived', 'webSocketMessagesSent',
  ...RESPONSE_FLAG.map((flag) => `flag:${flag}` as const),
  ...DOWNSTREAM_ERROR.map((reason) => `downstreamError:${reason}` as const),
  'incidentsDropped', // not logged, because the log had not caught up
  'recordsDropped', // requests that an access log wanted and did not get, because it had not caught up
  'spansDropped', // of sampled requests, because the exporter had not caught up
  'faultsAborted', 'faultsDelayed', // requests, by fault injection
] as const;
/** Counters of one route, in the order that `routeStats` writes them. The sums of bytes are those of its histograms. */
export const ROUTE_STATS = [
  'requests', 'responses1xx', 'responses2xx', 'responses3xx', 'responses4xx', 'responses5xx', 'responsesNone',
  'retries', 'timeouts', 'rateLimited',
] as const;
/** Log-linear histogram of microseconds or bytes: 2^5 sub-buckets per power of two, values below 2^40, error <= 1/64 (1.6 %). */
export const HISTOGRAM_SUB_BUCKET_BITS = 5;
export const HISTOGRAM_MAX_BITS = 40;
export const HISTOGRAM_BUCKETS = (HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BUCKET_BITS + 1) << HISTOGRAM_SUB_BUCKET_BITS;
/** What a read of a histogram writes first; then `entries` pairs of (bucket, count), rising, none with a count of 0. */
export const HISTOGRAM_FIELDS = [
  'samples', 'sum',
  'max', // exact
  'spanMs', // a window: how long it really is; 0 for the total
  'entries',
] as const;
/** Words that any histogram fits in. */
export const HISTOGRAM_WORDS = HISTOGRAM_FIELDS.length + 2 * HISTOGRAM_BUCKETS;
/**
 * What a read of quantiles writes, for each of DIGEST_WINDOWS_MS in turn: in the unit of the histogram, all 0 without samples. The
 * quantiles follow the rule of HistogramCounts::quantile.
 */
export const DIGEST_FIELDS = [
  'samples', 'sum', 'max',
  'spanMs', // how long the window really is; 0 for the total
  'p50', 'p90', 'p99', 'p999',
] as const;
/** 0 = everything since the start. */
export const DIGEST_WINDOWS_MS = [10_000, 60_000, 0] as const;
export const DIGEST_QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;
/** Histograms of one cluster; which moment each is recorded at: native/engine/state/stats.h. */
export const CLUSTER_HISTOGRAMS = ['duration', 'connect', 'firstByte', 'upstream', 'queue'] as const;
export const LISTENER_HISTOGRAMS = ['duration'] as const;
export const ENDPOINT_HISTOGRAMS = ['connect', 'firstByte', 'upstream'] as const;
export const ROUTE_HISTOGRAMS = ['duration', 'requestBytes', 'responseBytes', 'firstByte'] as const;
/** The control plane collects histograms so often; windows begin and end there, or now. */
export const HISTOGRAM_TICK_MS = 5_000;
/** Longest window that can be asked for. */
export const HISTOGRAM_WINDOW_MS = 60_000;

/** Limits that both sides rely on. */
export const LIMITS = {
  /** Exchange handle = generation << 20 | slot. */
  exchangeSlotBits: 20,
  maxWorkers: 64,
  /** Of a WebSocket; the listener's library counts in 31 bits, and gathers a message before anyone sees it. */
  maxWebSocketMessage: 64 * 1024 * 1024,
  /** Header lines of a request: the listener's parser has a table of 100 of them, and needs two for itself. */
  maxRequestHeaders: 98,
  /** A direct response is copied whole into the buffer that the events point into. */
  maxRespondBodyBytes: 1024 * 1024,
  maxRespondHeadersBytes: 64 * 1024,
  /** Endpoints of one cluster: slots of a balancer table are u16. */
  maxEndpoints: 65_535,
  /** Of an endpoint, and of a cluster among weighted ones. */
  maxWeight: 1_000_000,
  maxPriority: 127,
  /** Prime, as every size of a Maglev table. */
  maxMaglevTable: 5_000_011,
  minRing: 1024,
  maxRing: 8_388_608,
  maxHashSources: 16,
  maxHashBalancePercent: 100_000,
  maxBiasMillis: 10_000,
  minAggressionMillis: 100,
  maxAggressionMillis: 10_000,
  maxOverprovisioningPercent: 1000,
  /** Of latencies and penalties of a balancer, and delays of second attempts: microseconds of it fit 32 bits. */
  maxBalancerTimeMs: 3_600_000,
  /** Metadata keys of one selector, and selectors of a cluster. */
  maxSubsetKeys: 16,
  maxSelectors: 64,
  maxRateLimitsPerRoute: 16,
  /** A sliding log remembers every request of the window. */
  maxSlidingLog: 128,
  /** Requests in a window, and burst: what the state words of a counter hold. */
  maxRateRequests: 1_000_000,
  maxRateWindowMs: 86_400_000,
  /** gcra: the longest time that a whole burst may take to be earned again. */
  maxRateBurstMs: 604_800_000,
  maxRateKeys: 8,
  maxRateNameBytes: 512,
  maxRateTypeBytes: 256,
  /** An attempt costs the upstream a request: a large number turns an outage into a storm. */
  maxRetries: 10,
  maxRetryStatuses: 32,
  maxRetryBufferBytes: 16 * 1024 * 1024,
  /** Of back-off, Retry-After, windows, intervals and ejections: a day. */
  maxFailoverMs: 86_400_000,
  maxBreakerProbes: 255,
  /** Failures in a row that outlier detection can count to. */
  maxConsecutiveErrors: 1_000_000,
  /** Clusters in a row that stand in for each other. */
  maxFallbacks: 8,
  /** Attempts of a request that its record tells of. */
  maxRecordAttempts: 6,
  /** Of one export of spans. */
  maxExportTimeoutMs: 60_000,
  /** Of an injected delay. */
  maxFaultDelayMs: 3_600_000,
  /** Access log: sinks, request headers of one, pieces of a line, bytes of a literal or name. */
  maxLogSinks: 8,
  maxLogHeaders: 16,
  maxLogSteps: 256,
  maxLogTextBytes: 4096,
} as const;
