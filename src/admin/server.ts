import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../core/logger.ts';
import { listenError } from '../control/listeners.ts';
import type { ControlView } from '../control/view.ts';
import { problem, type AdminAnswer } from './answer.ts';
import { loadAssets, type Assets } from './assets.ts';
import { perform, route, type Dispatcher } from './dispatch.ts';
import { refuseForeign } from './guard.ts';
import { OPERATIONS } from './operations/index.ts';
import { BODY_TIMES, type BodyTimes } from './request-body.ts';
import { Router } from './router.ts';

/** Heads are small and come at once; bodies have limits of their own, so the one for whole requests is only a net. */
const LIMITS = { maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 40_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000 };
const MAX_CONNECTIONS = 128;
/** An answer that is not read is cut off after this. */
const SOCKET_TIMEOUT_MS = 30_000;
/** How long the rest of a refused body is thrown away, so that its sender reads the answer instead of a reset. */
const LINGER_MS = 1_000;
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'", 'cross-origin-resource-policy': 'same-origin' };

export interface AdminServerOptions {
  bodyTimes?: BodyTimes;
  /** Default: the files of this build. */
  assets?: Assets;
}

/** The operator's port. */
export class AdminServer {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.host = host;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Throws a StartError when the address cannot be had. */
  static async open(address: { host: string; port: number }, view: ControlView, log: Logger, options: AdminServerOptions = {}): Promise<AdminServer> {
    const dispatcher: Dispatcher = { router: new Router(OPERATIONS), view, admin: { operations: OPERATIONS, assets: options.assets ?? loadAssets() }, bodyTimes: options.bodyTimes ?? BODY_TIMES };
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const ready = (): void => {
        if (request.headers.expect !== undefined) response.writeContinue();
      };
      answerOf(dispatcher, request, address.host, ready)
        .catch((error: unknown) => {
          log.error({ err: error, method: request.method, target: request.url }, 'admin request failed');
          return problem(500, 'internal error, see the log');
        })
        .then((sent) => {
          if (sent !== null && !response.destroyed) send(request, response, sent);
        })
        .catch((error: unknown) => {
          log.error({ err: error, method: request.method, target: request.url }, 'admin answer failed');
          response.destroy();
        });
    };
    const server = createServer(LIMITS, answer);
    server.on('checkContinue', answer);
    server.maxConnections = MAX_CONNECTIONS;
    server.setTimeout(SOCKET_TIMEOUT_MS);
    server.on('upgrade', (_request, socket) => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
      });
    } catch (error) {
      throw listenError('admin', address.host, address.port, error);
    }
    server.on('error', (error) => log.error({ err: error }, 'admin server failed'));
    return new AdminServer(server, address.host);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answerOf(dispatcher: Dispatcher, request: IncomingMessage, boundHost: string, ready: () => void): Promise<AdminAnswer | null> {
  const refusal = refuseForeign(request.headers, boundHost);
  if (refusal !== null) return problem(refusal.status, refusal.message);
  const routed = route(dispatcher.router, request);
  if ('status' in routed) return routed;
  return perform(dispatcher, routed, request, request.socket.remoteAddress ?? '', ready);
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: AdminAnswer): void {
  const unread = !request.complete;
  response.writeHead(status, {
    ...HEADERS,
    ...(type === '' ? {} : { 'content-type': type }),
    ...(status === 204 || status === 304 ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...headers,
    // An unread body would be taken for the next request's head.
    ...(unread ? { connection: 'close' } : {}),
  });
  if (!unread) {
    response.end(body);
    return;
  }
  // The answer is complete for its reader by its content-length; the connection ends when the sender has seen it, or soon.
  response.write(body);
  const end = (): void => {
    clearTimeout(limit);
    response.end();
  };
  const limit = setTimeout(end, LINGER_MS);
  request.on('end', end).on('error', () => undefined).on('close', end).resume();
}
