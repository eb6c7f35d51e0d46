import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopback } from '../config/address.ts';
import type { AdminConfig, AdminTokenConfig } from '../config/types.ts';
import { listenError } from '../control/listeners.ts';
import type { ControlView } from '../control/view.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { StartError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { AdminCounters } from './admin-counters.ts';
import { problem, type AdminAnswer } from './answer.ts';
import { loadAssets, type Assets } from './assets.ts';
import { Authenticator, type Rejection } from './auth.ts';
import { Connections } from './connections.ts';
import { perform, route, type Dispatcher } from './dispatch.ts';
import { FailedLogins } from './failed-logins.ts';
import { refuseForeign } from './guard.ts';
import type { Operation } from './operation.ts';
import { OPERATIONS } from './operations/index.ts';
import { BODY_TIMES, type BodyTimes } from './request-body.ts';
import { Router } from './router.ts';
import { Pipeline, Turns } from './turns.ts';

/** Heads are small and come at once; bodies have limits of their own, so the one for whole requests is only a net. */
const LIMITS = { maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 40_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000 };
export const MAX_CONNECTIONS = 128;
/** Requests that wait on one connection for those before them. Clients of this port send the next when they have the answer. */
const MOST_PIPELINED = 16;
/** An answer must have been read by then, or it is cut off. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Answers that wait for slow readers hold no more than that together; a large one is some MB. */
const MOST_UNREAD_BYTES = 128 * 1024 * 1024;
/** How long the rest of a refused body is thrown away, so that its sender reads the answer instead of a reset. */
const LINGER_MS = 1_000;
/** Answers that are being sent when the server closes may be finished. */
const CLOSE_LIMIT_MS = 2_000;
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'", 'cross-origin-resource-policy': 'same-origin' };

export interface AdminServerOptions {
  bodyTimes?: BodyTimes;
  answerTimeoutMs?: number;
  /** Default: the files of this build. */
  assets?: Assets;
  /** Those of the servers before it. */
  counters?: AdminCounters;
  clock?: Clock;
}

/** A request that may be answered, in whose name; or what it is answered instead. */
type Admitted = { refused: null; operation: Operation; params: Record<string, string>; who: string };
type Refused = { refused: AdminAnswer; operation: Operation | null };

/** The operator's port. */
export class AdminServer {
  readonly host: string;
  readonly #server: Server;
  readonly #log: Logger;
  readonly #dispatcher: Dispatcher;
  readonly #auth: Authenticator;
  readonly #failedLogins: FailedLogins;
  readonly #counters: AdminCounters;
  readonly #connections = new Connections(MAX_CONNECTIONS);
  readonly #pipeline = new Pipeline(MOST_PIPELINED);
  readonly #answerTimeoutMs: number;
  #unreadBytes = 0;
  /** Of the answers that are not texts: how many are being sent them. */
  readonly #readers = new Map<Uint8Array, number>();
  #closing = false;

  private constructor({ host, tokens }: AdminConfig, view: ControlView, log: Logger, options: AdminServerOptions) {
    this.host = host;
    this.#log = log;
    this.#auth = new Authenticator(tokens);
    this.#counters = options.counters ?? new AdminCounters();
    this.#failedLogins = new FailedLogins(this.#counters, log, options.clock ?? systemClock);
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    const admin = { operations: OPERATIONS, assets: options.assets ?? loadAssets(), counters: this.#counters };
    this.#dispatcher = { router: new Router(OPERATIONS), view, admin, bodyTimes: options.bodyTimes ?? BODY_TIMES, turns: new Turns() };
    this.#server = createServer(LIMITS, this.#serve);
    // Without this Node would ask for the body of a request that is about to be refused.
    this.#server.on('checkContinue', this.#serve);
    this.#server.on('connection', (socket) => {
      if (!this.#connections.add(socket)) this.#counters.connectionsRefused++;
    });
    this.#server.on('upgrade', (_request, socket) => socket.destroy());
  }

  /** Throws a StartError when the address cannot be had. */
  static async open(config: AdminConfig, view: ControlView, log: Logger, options: AdminServerOptions = {}): Promise<AdminServer> {
    if (config.tokens.length === 0 && !isLoopback(config.host)) throw new StartError(`admin: ${config.host} is not a loopback address, and there are no tokens`, 'use 127.0.0.1, or add admin.tokens');
    const admin = new AdminServer(config, view, log, options);
    const server = admin.#server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: config.host, port: config.port, exclusive: true }, resolve);
      });
    } catch (error) {
      throw listenError('admin', config.host, config.port, error);
    }
    server.on('error', (error) => log.error({ err: error }, 'admin server failed'));
    return admin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Of answers on their way. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Holds from the next request on. Beyond loopback the last tokens stay, if there are to be none: it is about to move. */
  replaceTokens(tokens: readonly AdminTokenConfig[]): void {
    if (tokens.length > 0 || isLoopback(this.host)) this.#auth.replace(tokens);
  }

  /** Takes no more connections, and lets the answers on their way arrive. */
  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), CLOSE_LIMIT_MS);
    await closed;
    clearTimeout(cut);
  }

  readonly #serve = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    if (!this.#pipeline.begin(socket, () => this.#begin(request, response))) socket.destroy();
  };

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (socket.destroyed) {
      this.#pipeline.end(socket);
      return;
    }
    const admitted = this.#admit(request);
    const { operation } = admitted;
    // What nobody had to show a token for may be cut off for somebody else.
    const holds = admitted.refused === null && admitted.operation.access !== 'open';
    if (holds) this.#connections.begin(socket);
    response.on('close', () => {
      if (holds) this.#connections.end(socket);
      this.#pipeline.end(socket);
    });
    this.#answer(admitted, request, response)
      .catch((error: unknown) => {
        this.#log.error({ err: error, method: request.method, target: request.url }, 'admin request failed');
        return problem(500, 'internal error, see the log');
      })
      .then((answer) => {
        if (answer === null || response.destroyed) return;
        const sent = this.#unreadBytes > MOST_UNREAD_BYTES ? problem(503, 'too many answers wait for slow readers: try again') : answer;
        this.#counters.answered(operation, sent.status);
        this.#send(request, response, sent);
      })
      .catch((error: unknown) => {
        this.#log.error({ err: error, method: request.method, target: request.url }, 'admin answer failed');
        response.destroy();
      });
  }

  /** Who may, and what: the answer to those who may not. */
  #admit(request: IncomingMessage): Admitted | Refused {
    const foreign = refuseForeign(request.headers, this.host);
    const routed = route(this.#dispatcher.router, request);
    const operation = 'operation' in routed ? routed.operation : null;
    if (foreign !== null) return { refused: problem(foreign.status, foreign.message), operation };
    // An IPv4 peer of a socket that is open for both.
    const peer = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    if (this.#auth.open || operation?.access === 'open') return 'operation' in routed ? { refused: null, ...routed, who: peer } : { refused: routed, operation };
    const caller = this.#auth.identify(request.headers.authorization);
    if (typeof caller === 'string') {
      this.#failedLogins.note(caller, peer, request.method ?? '', request.url ?? '');
      return { refused: unauthorized(caller), operation };
    }
    if (!('operation' in routed)) return { refused: routed, operation };
    if (caller.readOnly && routed.operation.access === 'change') return { refused: problem(403, `the token ${JSON.stringify(caller.name)} is readOnly: use another one for changes`), operation };
    return { refused: null, ...routed, who: caller.name };
  }

  async #answer(admitted: Admitted | Refused, request: IncomingMessage, response: ServerResponse): Promise<AdminAnswer | null> {
    if (admitted.refused !== null) return admitted.refused;
    return perform(this.#dispatcher, admitted, request, () => {
      if (request.headers.expect !== undefined) response.writeContinue();
    });
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: AdminAnswer): void {
    const unread = !request.complete;
    const bytes = Buffer.byteLength(body);
    response.writeHead(status, {
      ...HEADERS,
      ...(type === '' ? {} : { 'content-type': type }),
      ...(status === 204 || status === 304 ? {} : { 'content-length': bytes }),
      ...headers,
      // An unread body would be taken for the next request's head.
      ...(unread || this.#closing ? { connection: 'close' } : {}),
    });
    this.#hold(body, bytes);
    const limit = setTimeout(() => request.socket.destroy(), this.#answerTimeoutMs);
    response.on('close', () => {
      clearTimeout(limit);
      this.#release(body, bytes);
    });
    if (unread) lingeringEnd(request, response, body);
    else response.end(body);
  }

  /** Bytes that several readers share are in memory once; a text is encoded for each. */
  #hold(body: string | Uint8Array, bytes: number): void {
    if (typeof body === 'string') {
      this.#unreadBytes += bytes;
      return;
    }
    const readers = this.#readers.get(body) ?? 0;
    if (readers === 0) this.#unreadBytes += bytes;
    this.#readers.set(body, readers + 1);
  }

  #release(body: string | Uint8Array, bytes: number): void {
    if (typeof body !== 'string') {
      const readers = (this.#readers.get(body) ?? 1) - 1;
      if (readers > 0) {
        this.#readers.set(body, readers);
        return;
      }
      this.#readers.delete(body);
    }
    this.#unreadBytes -= bytes;
  }
}

/** The answer is complete for its reader by its content-length; the connection ends when the sender has sent everything, or soon. */
function lingeringEnd(request: IncomingMessage, response: ServerResponse, body: string | Uint8Array): void {
  if (body.length > 0) response.write(body);
  const end = (): void => {
    clearTimeout(limit);
    response.end();
  };
  const limit = setTimeout(end, LINGER_MS);
  request.on('end', end).on('error', () => undefined).on('close', end).resume();
}

function unauthorized(reason: Rejection): AdminAnswer {
  const challenge = `Bearer realm="millrace"${reason === 'wrong' ? ', error="invalid_token"' : ''}`;
  const error = reason === 'wrong' ? 'this token is not one of admin.tokens' : 'this needs a token: send the header "authorization: Bearer <token>" with one of admin.tokens';
  return problem(401, error, undefined, { 'www-authenticate': challenge });
}
