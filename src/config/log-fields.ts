import type { LOG_OP } from '../binding/abi.ts';

export type LogOp = (typeof LOG_OP)[number];

/** What a line of the access log can say: the key of a JSON line; in capitals, DURATION_MS, the operator of a text. */
export const LOG_FIELDS = {
  time: 'when the request came, RFC 3339 in UTC with milliseconds',
  id: 'of the request in this process, 16 digits: GET /requests/{id} of the admin endpoint knows it',
  requestId: 'x-request-id as it was sent upstream',
  traceId: 'of the trace that the request belongs to',
  client: 'address of the peer',
  listener: 'name',
  tls: 'whether the connection of the client is encrypted',
  method: 'as received',
  host: 'Host as received',
  target: 'path and query as received',
  protocol: 'HTTP/1.1',
  status: 'that the client was answered; null or - when it was not',
  flag: 'why the answer is not simply that of the upstream',
  detail: 'the same in a sentence',
  bytesIn: 'of the body of the request',
  bytesOut: 'of the body of the answer',
  sentBytes: 'to the client, with the head',
  durationMs: 'from the head of the request received to the end of its answer',
  queueMs: 'waited for an endpoint or a connection, all attempts together',
  connectMs: 'to make the connection; 0 when it was there',
  firstByteMs: 'from the head of the request sent to the first byte of the answer',
  upstreamMs: 'from the head of the request sent to the end of the attempt',
  responseMs: 'from the head of the request received to the first byte of the answer of the upstream',
  faultDelayMs: 'that fault injection made it wait',
  attempts: 'at upstreams, hedges among them',
  retries: 'attempts after the first',
  route: 'name',
  cluster: 'name',
  endpoint: 'of the last attempt',
  reused: 'whether its connection had served before',
  userAgent: 'User-Agent',
  referer: 'Referer',
  forwardedFor: 'X-Forwarded-For as received',
  requestHeaders: 'those of requestHeaders that the request has',
  upstreamTarget: 'path and query as sent, where a rewrite made it another one',
  webSocket: 'whether it became a WebSocket',
  fallback: 'whether another cluster stood in',
} as const satisfies Partial<Record<LogOp, string>>;
export type LogField = keyof typeof LOG_FIELDS;

export const LOG_FIELD_NAMES = Object.keys(LOG_FIELDS) as LogField[];

/** The members of a JSON line, in this order; requestHeaders is one of them where the sink has any. */
export const DEFAULT_LOG_FIELDS: readonly LogField[] = [
  'time', 'id', 'requestId', 'traceId', 'client', 'listener', 'tls', 'method', 'host', 'target', 'protocol',
  'status', 'flag', 'detail', 'bytesIn', 'bytesOut', 'sentBytes',
  'durationMs', 'queueMs', 'connectMs', 'firstByteMs', 'upstreamMs', 'attempts', 'retries',
  'route', 'cluster', 'endpoint', 'reused', 'userAgent', 'referer', 'forwardedFor',
];

/** The formats that have a name, as templates. Times of common and combined are local, as those of Apache and nginx. */
const COMMON = '%CLIENT% - - [%START_TIME_LOCAL(%d/%b/%Y:%H:%M:%S %z)%] "%METHOD% %TARGET% %PROTOCOL%" %STATUS_OR_CLOSED% %BYTES_OUT%';
export const LOG_TEMPLATES = {
  common: COMMON,
  combined: `${COMMON} "%REFERER%" "%USER_AGENT%"`,
  envoy:
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% ' +
    '%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"',
} as const;
