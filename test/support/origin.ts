/** A scripted upstream on a raw socket: it says exactly what the test tells it to, and remembers what it was sent. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { Message, readHead, readMessage } from './http-message.ts';
import { keep } from './keep.ts';

export class OriginConnection {
  readonly socket: Socket;
  /** 1 for the first connection of this origin. */
  readonly number: number;
  requests = 0;

  constructor(socket: Socket, number: number) {
    this.socket = socket;
    this.number = number;
  }

  send(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Ends in order (FIN). */
  end(bytes: string | Buffer = ''): void {
    this.socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }
}

export type Answer = (request: Message, connection: OriginConnection) => void;

export interface OriginOptions {
  host?: string;
  /** A unix socket instead. */
  path?: string;
  tls?: TlsOptions;
  /** Whole requests, body included. */
  answer?: Answer;
  /** Heads, before the body has come: then the body is not read by the origin, and `answer` is not called. */
  onHead?: Answer;
  /** Everything by hand. */
  onConnection?: (connection: OriginConnection) => void;
}

export const ok = (body = 'ok', headers = ''): string => `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

export class Origin {
  readonly requests: Message[] = [];
  /** Accepted so far. */
  connections = 0;
  readonly open = new Set<OriginConnection>();
  answer: Answer;
  readonly #server: Server;
  readonly #options: OriginOptions;

  private constructor(options: OriginOptions) {
    this.#options = options;
    this.answer = options.answer ?? ((_request, connection) => connection.send(ok()));
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = options.tls === undefined ? createServer({ noDelay: true }, accept) : createTlsServer({ noDelay: true, ...options.tls }, accept);
    // A handshake that the proxy breaks off is what some tests are about.
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(options: OriginOptions = {}): Promise<Origin> {
    const origin = new Origin(options);
    await new Promise<void>((resolve, reject) => {
      origin.#server.once('error', reject);
      if (options.path !== undefined) origin.#server.listen(options.path, resolve);
      else origin.#server.listen(0, options.host ?? '127.0.0.1', resolve);
    });
    return keep(origin);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As an endpoint is written in a configuration. */
  get address(): string {
    if (this.#options.path !== undefined) return `unix:${this.#options.path}`;
    const host = this.#options.host ?? '127.0.0.1';
    return host.includes(':') ? `[${host}]:${this.port}` : `${host}:${this.port}`;
  }

  /** The last request. */
  get last(): Message {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('the origin has seen no request');
    return request;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { socket } of this.open) socket.destroy();
    await closed;
  }

  #accept(socket: Socket | TLSSocket): void {
    const connection = new OriginConnection(socket, ++this.connections);
    this.open.add(connection);
    socket.on('error', () => undefined);
    socket.on('close', () => this.open.delete(connection));
    if (this.#options.onConnection !== undefined) {
      this.#options.onConnection(connection);
      return;
    }
    let bytes: Buffer = Buffer.alloc(0);
    let skipping = false;
    socket.on('data', (piece: Buffer) => {
      if (skipping) return;
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
      if (this.#options.onHead !== undefined) {
        const start = readHead(bytes);
        if (start === null) return;
        skipping = true;
        const request = new Message(start.head, bytes.subarray(start.length));
        this.#seen(request, connection);
        this.#options.onHead(request, connection);
        return;
      }
      for (;;) {
        const found = readMessage(bytes, { kind: 'request' });
        if (found === null) return;
        bytes = bytes.subarray(found.length);
        this.#seen(found.message, connection);
        this.answer(found.message, connection);
      }
    });
  }

  #seen(request: Message, connection: OriginConnection): void {
    connection.requests++;
    this.requests.push(request);
  }
}
