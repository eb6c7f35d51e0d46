import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listenError } from '../control/listeners.ts';

/** A small upstream that tells which one it is and what reached it: what `millrace quickstart` proxies to. */
export class DemoUpstream {
  readonly name: string;
  readonly #server: Server;

  private constructor(name: string, server: Server) {
    this.name = name;
    this.#server = server;
  }

  /** Throws a StartError when the address cannot be had. */
  static async open(name: string, host: string, port: number): Promise<DemoUpstream> {
    const server = createServer((request, response) => answer(name, request, response));
    // Longer than the proxy's pool keeps an idle connection, so that it is never this side that closes first.
    server.keepAliveTimeout = 60_000;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, exclusive: true }, resolve);
      });
    } catch (error) {
      throw listenError(`demo upstream ${name}`, host, port, error);
    }
    return new DemoUpstream(name, server);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  let bodyBytes = 0;
  request.on('data', (chunk: Buffer) => {
    bodyBytes += chunk.length;
  });
  request.on('end', () => {
    const seen = { upstream: name, method: request.method, target: request.url, headers: request.headers, bodyBytes };
    const body = `${JSON.stringify(seen, null, 2)}\n`;
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body), 'x-upstream': name });
    response.end(body);
  });
  request.on('error', () => response.destroy());
}
