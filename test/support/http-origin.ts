/** An upstream on node:http, for bodies too large for the scripted one. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { keep } from './keep.ts';

export class HttpOrigin {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<HttpOrigin> {
    const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return keep(new HttpOrigin(server));
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
