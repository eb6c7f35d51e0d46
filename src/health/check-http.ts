import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HttpProbeConfig } from '../config/types-failover.ts';
import { bodyMatcher } from './body-match.ts';
import { failed, MAX_ANSWER_BYTES, passed, took, type Attempt, type Checker } from './check.ts';
import { excerpt, open, Phases, type Target } from './connect.ts';

const MAX_HEAD_BYTES = 16 * 1024;
/** 1xx answers before the final one. */
const MAX_INTERIM = 16;
/** Of a body that is not what it should be, as evidence. */
const EXCERPT_BYTES = 64;

/** A request, whose answer has one of the expected statuses and the expected body. Bodies end, or are cut off at MAX_ANSWER_BYTES. */
export class HttpChecker implements Checker {
  readonly #probe: HttpProbeConfig;
  readonly #agent: OneConnection;
  readonly #headers: Record<string, string>;
  readonly #wanted: string;
  readonly #body: ReturnType<typeof bodyMatcher> | null;
  /** An answer that has decided the last check and was not over then. */
  #unread: IncomingMessage | null = null;

  constructor(probe: HttpProbeConfig, target: Target, reuseConnection: boolean) {
    this.#probe = probe;
    this.#agent = new OneConnection(target, reuseConnection);
    this.#headers = { host: probe.host ?? target.authority, 'user-agent': 'millrace-health-check', accept: '*/*', ...Object.fromEntries(probe.headers) };
    this.#wanted = probe.expectedStatuses.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
    this.#body = probe.body === null ? null : bodyMatcher(probe.body);
  }

  begin(attempt: Attempt): () => string {
    this.#unread?.destroy();
    this.#unread = null;
    let current = this.#send(attempt, () => (current = this.#send(attempt, null)));
    return () => current.cancel();
  }

  close(): void {
    this.#agent.destroy();
  }

  /** `again`: what to do when a kept connection turns out to be closed; null = it is a failure. */
  #send(attempt: Attempt, again: (() => void) | null): { cancel: () => string } {
    const phases = new Phases();
    let waitingFor: string | null = null;
    let over = false;
    const { method, path } = this.#probe;
    // The agent connects by itself: no host is needed here.
    const sent: ClientRequest = request({ agent: this.#agent, method, path, headers: this.#headers, setHost: false, maxHeaderSize: MAX_HEAD_BYTES });
    const finish = (...result: Parameters<Attempt['finish']>): void => {
      over = true;
      attempt.finish(...result);
    };
    const fail = (error: unknown): void => {
      if (over) return;
      over = true;
      if (again !== null && sent.reusedSocket && waitingFor === null) again();
      else attempt.finish(phases.failure(error));
    };
    let interim = 0;
    sent.on('socket', (socket: Socket) => phases.follow(socket, attempt));
    sent.on('information', () => {
      if (++interim <= MAX_INTERIM) return;
      finish(failed('protocol', `more than ${MAX_INTERIM} interim answers`));
      sent.destroy();
    });
    sent.on('upgrade', (_response, socket) => {
      finish(failed('protocol', 'HTTP 101, which nobody asked for'));
      socket.destroy();
    });
    sent.on('response', (response: IncomingMessage) => {
      waitingFor = `HTTP ${response.statusCode}, but the answer did not end`;
      this.#receive(response, attempt, finish, fail);
    });
    sent.on('error', fail);
    // The last word when nothing else was said.
    sent.on('close', () => fail(new Error('connection closed')));
    sent.end();
    return {
      cancel: () => {
        over = true;
        sent.destroy();
        return waitingFor ?? phases.text;
      },
    };
  }

  #receive(response: IncomingMessage, attempt: Attempt, finish: Attempt['finish'], fail: (error: unknown) => void): void {
    const status = response.statusCode ?? 0;
    response.on('error', fail);
    if (!this.#probe.expectedStatuses.some(({ from, to }) => from <= status && status <= to)) {
      finish(failed('status', `HTTP ${status} ${took(attempt)}, expected ${this.#wanted}`));
      this.#drain(response);
      return;
    }
    const match = this.#body?.make() ?? null;
    let start = Buffer.alloc(0);
    let length = 0;
    const conclude = (matches: boolean, why: string): void => {
      if (matches) finish(passed(`HTTP ${status} ${took(attempt)}`));
      else finish(failed('body', `HTTP ${status} ${took(attempt)}, but ${why}: ${excerpt(start)}`));
    };
    const mismatch = `its body does not ${this.#body?.wants ?? ''}`;
    response.on('data', (piece: Buffer) => {
      if (start.length < EXCERPT_BYTES) start = Buffer.concat([start, piece.subarray(0, EXCERPT_BYTES - start.length)]);
      const room = MAX_ANSWER_BYTES - length;
      length += piece.length;
      match?.feed(piece.subarray(0, room));
      if (length <= MAX_ANSWER_BYTES) return;
      if (this.#body?.whole === true) conclude(false, `its body is longer than ${MAX_ANSWER_BYTES / 1024} KiB`);
      else conclude(match?.end() ?? true, `the first ${MAX_ANSWER_BYTES / 1024} KiB of its body do not ${this.#body?.wants ?? ''}`);
      response.destroy();
    });
    response.on('end', () => conclude(match?.end() ?? true, mismatch));
    response.on('aborted', () => fail(new Error(`HTTP ${status}, but the answer ended too early`)));
  }

  /** Reads the rest, when it is short and comes soon: then the connection can be used again. */
  #drain(response: IncomingMessage): void {
    this.#unread = response;
    let room = MAX_ANSWER_BYTES;
    response.on('data', (piece: Buffer) => {
      room -= piece.length;
      if (room < 0) response.destroy();
    });
    response.on('end', () => (this.#unread = null));
  }
}

/** Keeps at most one connection, which nobody may speak on while it is idle. */
class OneConnection extends Agent {
  readonly #target: Target;
  readonly #speaks = new WeakMap<Duplex, () => void>();

  constructor(target: Target, keepAlive: boolean) {
    // Only without a limit does node say "connection: close" when it keeps none.
    super({ keepAlive, maxSockets: keepAlive ? 1 : Infinity, maxFreeSockets: 1 });
    this.#target = target;
  }

  override createConnection(): Socket {
    return open(this.#target);
  }

  // Node's types hide that false means "do not keep it".
  override keepSocketAlive(socket: Duplex): boolean {
    const keep = (super.keepSocketAlive as (socket: Duplex) => boolean).call(this, socket);
    const speaks = (): void => void socket.destroy();
    this.#speaks.set(socket, speaks);
    socket.on('data', speaks);
    return keep;
  }

  override reuseSocket(socket: Duplex, sent: ClientRequest): void {
    const speaks = this.#speaks.get(socket);
    if (speaks !== undefined) socket.off('data', speaks);
    super.reuseSocket(socket, sent);
  }
}
