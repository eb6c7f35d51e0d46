import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { GrpcProbeConfig } from '../config/types-failover.ts';
import { failed, passed, took, type Attempt, type Checker, type Result } from './check.ts';
import { open, Phases, shown, type Target } from './connect.ts';
import { decodeResponse, encodeRequest, MAX_MESSAGE_BYTES, SERVING_STATUS } from './grpc-message.ts';

const MAX_HEAD_BYTES = 16 * 1024;
const MAX_HEADERS = 64;
/** Least that node takes: memory of one session, in MB. */
const MAX_SESSION_MEMORY = 1;
/** gRPC's codes that a health service answers with; others are shown as numbers. */
const CODES: Readonly<Record<string, string>> = { '5': 'it does not know the service', '12': 'it has no health service', '14': 'unavailable', '16': 'unauthenticated' };

type Head = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** grpc.health.v1.Health/Check, over TLS with ALPN h2 or over plain TCP with HTTP/2 from the first byte. SERVING passes. */
export class GrpcChecker implements Checker {
  readonly #probe: GrpcProbeConfig;
  readonly #target: Target;
  readonly #reuse: boolean;
  readonly #timeoutMs: number;
  #session: ClientHttp2Session | null = null;

  constructor(probe: GrpcProbeConfig, target: Target, reuseConnection: boolean, timeoutMs: number) {
    this.#probe = probe;
    this.#target = target;
    this.#reuse = reuseConnection;
    this.#timeoutMs = timeoutMs;
  }

  begin(attempt: Attempt): () => string {
    const kept = this.#session;
    const isKept = kept !== null && !kept.closed && !kept.destroyed;
    if (!isKept) this.close();
    let current = this.#call(attempt, isKept ? kept : null, () => {
      this.close();
      current = this.#call(attempt, null, null);
    });
    return () => {
      const text = current();
      this.close();
      return text;
    };
  }

  close(): void {
    this.#session?.destroy();
    this.#session = null;
  }

  /** `again`: what to do when a kept session turns out to be closed. */
  #call(attempt: Attempt, kept: ClientHttp2Session | null, again: (() => void) | null): () => string {
    const phases = new Phases();
    let over = false;
    let answered = false;
    /** A session outlives many calls. */
    const release = (): void => {
      over = true;
      session.off('error', fail).off('close', closed);
    };
    const finish = (result: Result): void => {
      if (over) return;
      release();
      // What went wrong below HTTP/2 would go wrong again.
      if (!this.#reuse || (result.kind === 'failed' && result.failure !== 'serving')) this.close();
      attempt.finish(result);
    };
    const fail = (error: unknown): void => {
      if (over) return;
      if (kept !== null && again !== null && !answered) {
        release();
        again();
      } else finish(phases.failure(error));
    };
    const session = kept ?? this.#connect(attempt, phases, finish, fail);
    if (kept !== null) attempt.connected();
    const closed = (): void => fail(new Error('connection closed'));
    session.on('error', fail).on('close', closed);
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(this.#head(), { endStream: false });
    } catch (error) {
      // The session ended between two turns.
      fail(error);
      return () => phases.text;
    }
    this.#receive(stream, attempt, finish, fail, () => (answered = true));
    stream.end(encodeRequest(this.#probe.service));
    return () => {
      release();
      return answered ? 'an answer began, but did not end' : phases.text;
    };
  }

  #connect(attempt: Attempt, phases: Phases, finish: (result: Result) => void, fail: (error: unknown) => void): ClientHttp2Session {
    const { tls, authority } = this.#target;
    const socket = open(this.#target, ['h2']);
    phases.follow(socket, attempt);
    // Before the session hears of it, whose own errors say less.
    socket.on('error', fail);
    if (tls !== null) {
      socket.once('secureConnect', () => {
        if ((socket as TLSSocket).alpnProtocol !== 'h2') finish(failed('protocol', 'it does not speak HTTP/2: ALPN h2 was not agreed'));
      });
    }
    const session = connect(`${tls === null ? 'http' : 'https'}://${authority}`, {
      createConnection: () => socket,
      maxSessionMemory: MAX_SESSION_MEMORY,
      maxHeaderListPairs: MAX_HEADERS,
      maxReservedRemoteStreams: 0,
      maxSettings: 32,
      settings: { enablePush: false, maxHeaderListSize: MAX_HEAD_BYTES },
    });
    // Also while it is idle.
    session.on('error', () => undefined);
    session.on('stream', (pushed: ClientHttp2Stream) => pushed.close(constants.NGHTTP2_REFUSED_STREAM));
    session.unref();
    this.#session = session;
    return session;
  }

  #head(): Record<string, string> {
    const { host } = this.#probe;
    return {
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      ':authority': host ?? this.#target.authority,
      ':scheme': this.#target.tls === null ? 'http' : 'https',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'millrace-health-check',
      'grpc-timeout': `${Math.min(this.#timeoutMs, 99_999_999)}m`,
    };
  }

  #receive(stream: ClientHttp2Stream, attempt: Attempt, finish: (result: Result) => void, fail: (error: unknown) => void, answers: () => void): void {
    let head: Head = {};
    let trailers: IncomingHttpHeaders = {};
    let body = Buffer.alloc(0);
    stream.on('response', (headers) => {
      answers();
      head = headers;
    });
    stream.on('trailers', (headers: IncomingHttpHeaders) => (trailers = headers));
    stream.on('data', (piece: Buffer) => {
      body = Buffer.concat([body, piece]);
      if (body.length <= MAX_MESSAGE_BYTES + 5) return;
      finish(failed('protocol', `the answer is longer than ${MAX_MESSAGE_BYTES} bytes`));
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('end', () => finish(verdictOf(head, trailers, body, took(attempt))));
    stream.on('error', fail);
    stream.on('close', () => fail(new Error('the stream was closed without an answer')));
  }
}

function verdictOf(head: Head, trailers: IncomingHttpHeaders, body: Buffer, when: string): Result {
  const status = head[':status'];
  if (status === undefined) return failed('closed', 'the stream was closed without an answer');
  if (status !== 200) return failed('status', `HTTP ${status} ${when}, expected 200`);
  const type = head['content-type'] ?? '';
  if (!type.startsWith('application/grpc')) return failed('protocol', `not gRPC: content-type ${JSON.stringify(shown(type, 64))}`);
  const code = textOf(trailers['grpc-status'] ?? head['grpc-status']);
  if (code === '') return failed('protocol', 'not gRPC: no grpc-status');
  if (code !== '0') {
    const message = shown(textOf(trailers['grpc-message'] ?? head['grpc-message']), 100);
    return failed('serving', `gRPC status ${shown(code, 8)} ${when}${message === '' ? '' : `: ${message}`}${CODES[code] === undefined ? '' : ` (${CODES[code]})`}`);
  }
  const decoded = decodeResponse(body);
  if ('wrong' in decoded) return failed('protocol', `not gRPC: ${decoded.wrong}`);
  if (decoded.status === 1) return passed(`SERVING ${when}`);
  return failed('serving', `${SERVING_STATUS[decoded.status] ?? `status ${decoded.status}`} ${when}, expected SERVING`);
}

const textOf = (value: string | string[] | undefined): string => (Array.isArray(value) ? value.join() : (value ?? ''));
