/** What became of recent requests, in words: the worker's records as an operator reads them. */
import type { RequestQuery } from '../binding/addon.ts';
import { ATTEMPT_BIT, RECORD_BIT, RECORD_TEXT, RESPONSE_FLAG } from '../binding/abi.ts';
import type { NativeAttemptRecord, NativeRequestRecord } from '../binding/native.ts';
import type { Clock } from '../core/clock.ts';
import { FLAG_SENTENCES, type ResponseFlag } from '../telemetry/response-flags.ts';
import type { Engine } from './engine.ts';

/** Which requests; see RequestQuery. */
export interface RequestFilter extends Omit<RequestQuery, 'flag'> {
  flag?: ResponseFlag | undefined;
}

export interface ShownFlag {
  name: ResponseFlag;
  text: string;
}

export interface ShownAttempt {
  cluster: string;
  endpoint: string;
  /** On a connection that had served before. */
  reused: boolean;
  /** A second attempt beside a slow one. */
  hedge: boolean;
  /** Its answer went to the client. */
  answered: boolean;
  /** Of its answer. */
  status: number | null;
  flag: ShownFlag | null;
  /** What it ended with. */
  ended: string;
  /** Milliseconds since the head of the request was received; null = it never came to that. */
  ms: { chosen: number | null; connecting: number | null; connected: number | null; sent: number | null; firstByte: number | null; ended: number | null };
  /** Of its span, when the request was traced. */
  spanId: string | null;
}

export interface ShownRequest {
  /** Its own number, unique while the process lives. */
  id: string;
  /** x-request-id as it was sent upstream. */
  requestId: string | null;
  traceId: string | null;
  startedAt: string;
  endedAt: string;
  /** What became of it, in one sentence. */
  outcome: string;
  listener: string | null;
  tls: boolean;
  client: string | null;
  method: string;
  authority: string;
  target: string;
  /** Where it went on as another one. */
  upstreamTarget: string | null;
  route: string | null;
  cluster: string | null;
  endpoint: string | null;
  /** Of the configuration that it was handled by; null = of none. */
  version: number | null;
  /** What the client was answered, wholly or not. */
  status: number | null;
  flag: ShownFlag | null;
  /** The sentence that was logged or answered. */
  detail: string | null;
  /** The client got no answer, or not all of it. */
  aborted: boolean;
  /** The answer was ours. */
  local: boolean;
  /** Another cluster, or an answer of the configuration, stood in for the cluster of the route. */
  fallback: boolean;
  webSocket: { closeCode: number | null } | null;
  /** Milliseconds; null = it never came to that. Queue and backOff: of all attempts; connect and firstByte: of the one that answered, or the last. */
  ms: { queue: number | null; connect: number | null; firstByte: number | null; backOff: number; faultDelay: number; total: number };
  /** Of bodies, but for `sent`, which has heads, too. */
  bytes: { request: number; response: number; sent: number };
  retries: number;
  /** That were made. */
  attemptCount: number;
  /** The first ones, and the last, where there were more than are kept. */
  attempts: ShownAttempt[];
  /** Some text was too long to be kept as it was. */
  cut: boolean;
}

export class RecentRequests {
  readonly #engine: Pick<Engine, 'findRequests'>;
  readonly #clock: Clock;

  constructor(engine: Pick<Engine, 'findRequests'>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Newest first. */
  find({ flag, ...query }: RequestFilter): ShownRequest[] {
    const found = this.#engine.findRequests({ ...query, ...(flag === undefined ? {} : { flag: RESPONSE_FLAG.indexOf(flag) }) });
    const nowMs = this.#clock.wallMs();
    return found.map((record) => describeRequest(record, nowMs));
  }
}

/** `nowMs`: wall time of when the record was read. */
export function describeRequest(record: NativeRequestRecord, nowMs: number): ShownRequest {
  const bits = (bit: keyof typeof RECORD_BIT): boolean => (record.bits & RECORD_BIT[bit]) !== 0;
  const text = (name: (typeof RECORD_TEXT)[number]): string => record.texts[RECORD_TEXT.indexOf(name)] ?? '';
  const name = (of: (typeof RECORD_TEXT)[number]): string | null => orNull(utf8(text(of)));
  const flag = flagOf(record.flag);
  const detail = text('detail').trimEnd();
  const endedMs = nowMs - record.ageUs / 1000;
  const shown: Omit<ShownRequest, 'outcome'> = {
    id: record.id,
    requestId: orNull(text('requestId')),
    traceId: orNull(record.traceId),
    startedAt: new Date(endedMs - record.totalUs / 1000).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
    listener: name('listener'),
    tls: bits('tls'),
    client: orNull(record.peer),
    method: text('method'),
    authority: text('authority'),
    target: text('target'),
    upstreamTarget: orNull(text('upstreamTarget')),
    route: name('route'),
    cluster: name('cluster'),
    endpoint: name('endpoint'),
    version: record.version === 0 ? null : record.version,
    status: record.status === 0 ? null : record.status,
    flag,
    detail: orNull(flag?.name === 'RL' && detail !== '' ? `rate limit ${JSON.stringify(utf8(detail))}` : detail),
    aborted: bits('aborted'),
    local: bits('local'),
    fallback: bits('fallback'),
    webSocket: bits('webSocket') ? { closeCode: record.closeCode === 0 ? null : record.closeCode } : null,
    ms: { queue: ms(record.queueUs), connect: ms(record.connectUs), firstByte: ms(record.firstByteUs), backOff: record.backoffUs / 1000, faultDelay: record.faultDelayUs / 1000, total: record.totalUs / 1000 },
    bytes: { request: record.requestBytes, response: record.responseBytes, sent: record.sentBytes },
    retries: record.retries,
    attemptCount: record.attempts,
    attempts: record.kept.map(describeAttempt),
    cut: bits('cut'),
  };
  const { id, requestId, traceId, startedAt, endedAt, ...rest } = shown;
  return { id, requestId, traceId, startedAt, endedAt, outcome: outcomeOf(shown), ...rest };
}

function describeAttempt(attempt: NativeAttemptRecord): ShownAttempt {
  const bit = (name: keyof typeof ATTEMPT_BIT): boolean => (attempt.bits & ATTEMPT_BIT[name]) !== 0;
  const flag = flagOf(attempt.flag);
  return {
    cluster: utf8(attempt.cluster),
    endpoint: utf8(attempt.endpoint),
    reused: bit('reused'),
    hedge: bit('hedge'),
    answered: bit('answered'),
    status: attempt.status === 0 ? null : attempt.status,
    flag,
    ended: endOf(attempt, bit, flag),
    ms: {
      chosen: ms(attempt.chosenUs),
      connecting: ms(attempt.connectingUs),
      connected: ms(attempt.connectedUs),
      sent: ms(attempt.sentUs),
      firstByte: ms(attempt.firstByteUs),
      ended: ms(attempt.endedUs),
    },
    spanId: orNull(attempt.span),
  };
}

function endOf({ status }: NativeAttemptRecord, bit: (name: keyof typeof ATTEMPT_BIT) => boolean, flag: ShownFlag | null): string {
  if (bit('answered')) return flag === null ? `answered ${status}` : `answered ${status}, then: ${flag.text}`;
  if (bit('cancelled')) return 'given up, as another attempt had answered';
  if (bit('stale')) return 'the upstream had closed this kept connection: a new one takes its place';
  if (status !== 0) return `answered ${status}, which was not passed on${flag === null ? '' : `: ${flag.text}`}`;
  return flag === null ? 'ended without an answer' : flag.text;
}

function outcomeOf({ status, flag, detail, aborted, local, fallback, attempts, attemptCount, webSocket, cluster }: Omit<ShownRequest, 'outcome'>): string {
  const why = flag === null ? '' : `: ${detail ?? flag.text}`;
  if (status === null) return `not answered${why}`;
  if (local) return `answered ${status} by the proxy itself${why}${attemptCount === 0 ? '' : `, after ${count(attemptCount, 'attempt')}`}`;
  const at = attempts.findIndex(({ answered }) => answered);
  const by = attempts[at];
  const from = by === undefined ? `cluster ${cluster ?? '?'}` : `${by.endpoint} of cluster ${by.cluster}${attemptCount > 1 ? `, ${by.hedge ? 'a second attempt beside a slow one' : `after ${count(attemptCount, 'attempt')}`}` : ''}`;
  const standIn = fallback ? ', which stood in for another' : '';
  if (webSocket !== null && status === 101) return `WebSocket with ${from}${standIn}, closed${webSocket.closeCode === null ? '' : ` with ${webSocket.closeCode}`}${why}`;
  return aborted ? `answer of ${status} from ${from}${standIn} broken off${why}` : `answered ${status} by ${from}${standIn}`;
}

function flagOf(index: number): ShownFlag | null {
  const name = RESPONSE_FLAG[index];
  return name === undefined || name === 'none' ? null : { name, text: FLAG_SENTENCES[name] };
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
const ms = (us: number): number | null => (us < 0 ? null : us / 1000);
const orNull = (text: string): string | null => (text === '' ? null : text);
/** Names come from the configuration; they may have been cut within a character. */
const utf8 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');
