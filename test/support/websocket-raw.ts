/** Both ends of a WebSocket by hand: a client and an upstream that send any bytes, and read frames strictly. */
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { RawClient } from './client.ts';
import { sendPieces } from '../hostile/splits.ts';
import { Message, readHead } from './http-message.ts';
import { Origin } from './origin.ts';
import { LIMIT_MS, eventually, within } from './wait.ts';
import { FrameReader, KEY, OPCODE, acceptOf, closeCode, type Frame } from './websocket-frames.ts';

/** The frames that come out of a socket whose handshake is over. */
export class FrameStream {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** In order, or not. */
  ended = false;
  #error: Error | null = null;
  #wake: (() => void)[] = [];

  /** masked: what comes is from a client. */
  constructor(socket: Socket, masked: boolean, first: Buffer = Buffer.alloc(0)) {
    this.socket = socket;
    const reader = new FrameReader(masked);
    const read = (bytes: Buffer): void => {
      try {
        this.frames.push(...reader.push(bytes));
      } catch (error) {
        this.#error = error as Error;
        socket.destroy();
      }
      this.#changed();
    };
    const over = (): void => {
      this.ended = true;
      this.#changed();
    };
    socket.on('data', read).on('error', over).on('end', over).on('close', over);
    if (socket.destroyed) over();
    read(first);
  }

  send(...pieces: readonly Buffer[]): void {
    for (const bytes of pieces) if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** Resolves once the condition holds; fails when the connection is over first. */
  async until(condition: () => boolean, what: string, limitMs = LIMIT_MS): Promise<void> {
    const shown = (): string => `${what}; received: ${this.summary}`;
    await within(
      (async () => {
        for (;;) {
          if (this.#error !== null) throw this.#error;
          if (condition()) return;
          if (this.ended) throw new Error(`the connection ended before ${shown()}`);
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      })(),
      shown,
      limitMs,
    );
  }

  /** Resolves with frame number `n`, from 0. */
  async frame(n: number): Promise<Frame> {
    await this.until(() => this.frames.length > n, `frame ${n}`);
    return this.frames[n] as Frame;
  }

  async end(): Promise<void> {
    await this.until(() => this.ended, 'the end of the connection');
  }

  /** The code of the close frame that came; null while there is none. */
  get closeCode(): number | null {
    const found = this.frames.find(({ opcode }) => opcode === OPCODE.close);
    return found === undefined ? null : closeCode(found);
  }

  get summary(): string {
    return JSON.stringify(this.frames.map(({ opcode, payload }) => `${opcode}:${payload.length > 40 ? `${payload.length} bytes` : payload.toString('latin1')}`));
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

export interface HandshakeOptions {
  port: number;
  target?: string;
  tls?: ConnectionOptions;
  /** Replaces a field of the usual handshake, or adds one; null leaves it out. */
  headers?: Record<string, string | null>;
  method?: string;
}

/** The bytes of a client's handshake (RFC 6455 section 4.1). */
export function handshakeBytes({ target = '/', headers = {}, method = 'GET' }: Omit<HandshakeOptions, 'port'> = {}): Buffer {
  const fields: Record<string, string | null> = { Host: 'a.test', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': '13', ...headers };
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}\r\n`]));
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** One handshake on a connection of its own, and its answer. */
export async function handshake(options: HandshakeOptions): Promise<{ answer: Message; client: RawClient }> {
  const client = await RawClient.connect(options);
  client.send(handshakeBytes(options));
  return { answer: await client.response(), client };
}

/** A client whose handshake was accepted. */
export class RawWebSocketClient extends FrameStream {
  readonly answer: Message;

  private constructor(client: RawClient, answer: Message) {
    const rest = client.received;
    client.socket.removeAllListeners('data');
    super(client.socket, false, rest);
    this.answer = answer;
  }

  static async open(options: HandshakeOptions): Promise<RawWebSocketClient> {
    const { answer, client } = await handshake(options);
    if (answer.status !== 101) throw new Error(`the handshake was refused: ${answer.head.text}\n${answer.text}`);
    const accept = answer.header('sec-websocket-accept');
    if (accept !== acceptOf(options.headers?.['Sec-WebSocket-Key'] ?? KEY)) throw new Error(`Sec-WebSocket-Accept: ${accept}`);
    return new RawWebSocketClient(client, answer);
  }
}

/** The 101 of a server (RFC 6455 section 4.2.2); `more` has whole lines. */
export function acceptance(request: Message, more = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(request.header('sec-websocket-key') ?? '')}\r\n${more}\r\n`;
}

export type Script = (connection: FrameStream, request: Message) => void;

/** An upstream that takes every handshake and then does what its script says; other requests are answered with 200. */
export class RawWebSocketOrigin {
  readonly origin: Origin;
  readonly connections: FrameStream[] = [];
  script: Script;
  /** Makes the answer to a handshake, in one packet for each piece. */
  accept: (request: Message) => string | string[] = acceptance;

  private constructor(origin: Origin, script: Script) {
    this.origin = origin;
    this.script = script;
  }

  static async start(script: Script = () => undefined): Promise<RawWebSocketOrigin> {
    let self = null as RawWebSocketOrigin | null;
    const origin = await Origin.start({
      onConnection: ({ socket }) => {
        let bytes: Buffer = Buffer.alloc(0);
        const onData = (piece: Buffer): void => {
          bytes = Buffer.concat([bytes, piece]);
          const start = readHead(bytes);
          if (start === null) return;
          const request = new Message(start.head, Buffer.alloc(0));
          origin.requests.push(request);
          if (request.header('upgrade') === undefined) {
            bytes = bytes.subarray(start.length);
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
            return;
          }
          socket.off('data', onData);
          const stream = new FrameStream(socket, true, bytes.subarray(start.length));
          self?.connections.push(stream);
          const pieces = [self?.accept(request) ?? ''].flat().map((piece) => Buffer.from(piece, 'latin1'));
          void sendPieces((piece) => stream.send(piece), pieces, () => !stream.ended).then(() => self?.script(stream, request));
        };
        socket.on('data', onData);
      },
    });
    self = new RawWebSocketOrigin(origin, script);
    return self;
  }

  get address(): string {
    return this.origin.address;
  }

  /** Connection number `n`, from 0; waits for it. */
  connection(n: number): Promise<FrameStream> {
    return eventually(() => {
      const connection = this.connections[n];
      if (connection === undefined) throw new Error(`${this.connections.length} WebSockets were opened`);
      return connection;
    });
  }
}
