import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../core/logger.ts';
import { listenError } from '../control/listeners.ts';
import type { ControlView } from '../control/view.ts';
import { refuseForeign } from './guard.ts';
import { PAGES, indexText, text, type AdminAnswer } from './pages.ts';

/** Nothing that asks for an admin page is large or slow. */
const LIMITS = { maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000 };
const MAX_CONNECTIONS = 128;
/** An answer that is not read is cut off after this. */
const SOCKET_TIMEOUT_MS = 30_000;
/** HEAD comes with GET. */
const ALLOWED = 'GET, HEAD';
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'", 'cross-origin-resource-policy': 'same-origin' };

/** The operator's port: reads the state of the proxy, changes nothing. */
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
  static async open(address: { host: string; port: number }, view: ControlView, log: Logger): Promise<AdminServer> {
    const server = createServer(LIMITS, (request, response) => {
      try {
        send(request, response, answer(view, request, address.host));
      } catch (error) {
        log.error({ err: error, target: request.url }, 'admin request failed');
        if (response.headersSent) response.destroy();
        else send(request, response, text(500, 'internal error, see the log\n'));
      }
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.setTimeout(SOCKET_TIMEOUT_MS);
    server.on('upgrade', (_request, socket) => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ ...address, exclusive: true }, resolve);
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

function answer(view: ControlView, request: IncomingMessage, boundHost: string): AdminAnswer & { allow?: string } {
  const refusal = refuseForeign(request.headers, boundHost);
  if (refusal !== null) return text(refusal.status, `${refusal.message}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return { ...text(405, 'the admin endpoint only answers GET and HEAD\n'), allow: ALLOWED };
  if (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) !== 0) return text(413, 'a request here has no body\n');
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  if (page === undefined) return text(404, `there is nothing at ${JSON.stringify(path)}\n\n${indexText()}`);
  return page.answer(view, { query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)), accept: request.headers.accept ?? '' });
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, allow }: AdminAnswer & { allow?: string }): void {
  response.writeHead(status, {
    ...HEADERS,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(allow === undefined ? {} : { allow }),
    // An unread body would be taken for the next request's head.
    ...(request.complete || request.method === 'GET' || request.method === 'HEAD' ? {} : { connection: 'close' }),
  });
  response.end(body);
}
