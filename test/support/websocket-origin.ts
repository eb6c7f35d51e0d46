/** A WebSocket upstream on the `ws` package that remembers its handshakes and its connections. */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { WebSocketServer, type ServerOptions } from 'ws';
import { keep } from './keep.ts';
import { eventually } from './wait.ts';
import { Peer } from './websocket-peer.ts';

export type Handle = (peer: Peer, request: IncomingMessage) => void;

/** What it does with a connection. */
export const echo: Handle = ({ socket }) => {
  socket.on('message', (data, isBinary) => {
    socket.send(data, { binary: isBinary });
    // No faster than the answers are taken, or a test of back-pressure would only fill this process.
    if (socket.bufferedAmount > HIGH_WATER && !socket.isPaused) {
      socket.pause();
      void eventually(() => socket.bufferedAmount === 0 || socket.readyState !== socket.OPEN, 120_000).finally(() => socket.resume());
    }
  });
};
/** Takes every message and says nothing. */
export const silent: Handle = () => undefined;
export const closing = (code?: number, reason = ''): Handle => ({ socket }) => (code === undefined ? socket.close() : socket.close(code, reason));

const HIGH_WATER = 4 * 1024 * 1024;

export interface WebSocketOriginOptions extends Pick<ServerOptions, 'handleProtocols' | 'maxPayload' | 'perMessageDeflate'> {
  tls?: TlsOptions;
  handle?: Handle;
  /** Further lines of the 101. */
  headers?: string[];
  /** Answers a handshake by itself, with anything but a WebSocket, and gives true. */
  refuse?: (request: IncomingMessage, socket: Socket) => boolean;
  /** Requests that are no handshakes; default: 200 with `plain <method>`. */
  plain?: (request: IncomingMessage, response: ServerResponse) => void;
}

export class WebSocketOrigin {
  /** Every request with `Upgrade: websocket`, refused ones too. */
  readonly handshakes: IncomingMessage[] = [];
  /** Every request without. */
  readonly plain: IncomingMessage[] = [];
  /** Every WebSocket that was opened, in order. */
  readonly peers: Peer[] = [];
  handle: Handle;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor({ tls, handle = echo, headers = [], refuse = () => false, plain, ...options }: WebSocketOriginOptions) {
    this.handle = handle;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.plain.push(request);
      if (plain === undefined) response.end(`plain ${request.method}`);
      else plain(request, response);
    };
    this.#server = tls === undefined ? createHttpServer(answer) : createHttpsServer(tls, answer);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    });
    const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxFragments: 0, ...options });
    webSockets.on('headers', (lines) => lines.push(...headers));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.handshakes.push(request);
      socket.on('error', () => undefined);
      if (refuse(request, socket)) return;
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        const peer = new Peer(webSocket);
        this.peers.push(peer);
        this.handle(peer, request);
      });
    });
  }

  static async start(options: WebSocketOriginOptions = {}): Promise<WebSocketOrigin> {
    const origin = new WebSocketOrigin(options);
    await new Promise<void>((resolve) => origin.#server.listen(0, '127.0.0.1', resolve));
    return keep(origin);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As an endpoint is written in a configuration. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** WebSockets that are not over yet. */
  get open(): number {
    return this.peers.filter(({ end }) => end === null).length;
  }

  /** Peer number `n`, from 0; waits for it. */
  peer(n: number): Promise<Peer> {
    return eventually(() => {
      const peer = this.peers[n];
      if (peer === undefined) throw new Error(`${this.peers.length} WebSockets were opened`);
      return peer;
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
