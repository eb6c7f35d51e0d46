/** One side of a WebSocket made by the `ws` package, a client or a server, with all that came kept for the test to look at. */
import { WebSocket, type ClientOptions } from 'ws';
import { keep } from './keep.ts';
import { LIMIT_MS, within } from './wait.ts';

export interface Closed {
  code: number;
  reason: string;
}

export type Payload = string | Buffer;

export class Peer {
  readonly socket: WebSocket;
  /** Text as strings, binary as buffers; in order. */
  readonly messages: Payload[] = [];
  readonly pings: string[] = [];
  readonly pongs: string[] = [];
  readonly closed: Promise<Closed>;
  /** Gets the messages instead of `messages`, when they are too many to be kept. */
  take: ((message: Payload) => void) | null = null;
  /** As `closed` resolves; null until then. */
  end: Closed | null = null;
  #wake: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? (data as Buffer) : (data as Buffer).toString('utf8');
      if (this.take === null) this.messages.push(message);
      else this.take(message);
      this.#changed();
    });
    socket.on('ping', (data) => {
      this.pings.push(data.toString('latin1'));
      this.#changed();
    });
    socket.on('pong', (data) => {
      this.pongs.push(data.toString('latin1'));
      this.#changed();
    });
    socket.on('error', () => undefined); // a close always follows
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.end = { code, reason: reason.toString('utf8') };
        resolve(this.end);
        this.#changed();
      });
    });
  }

  /** Opens a WebSocket; rejects when the handshake is refused. */
  static async open(url: string, { protocols = [], ...options }: ClientOptions & { protocols?: string[] } = {}): Promise<Peer> {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, rejectUnauthorized: false, maxFragments: 0, ...options } as ClientOptions);
    const peer = new Peer(socket);
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      }),
      `the WebSocket ${url}`,
    );
    return keep(peer);
  }

  send(payload: Payload): void {
    this.socket.send(payload, { binary: typeof payload !== 'string' });
  }

  /** Resolves with message number `n`, from 0. */
  async message(n: number, limitMs = LIMIT_MS): Promise<Payload> {
    await this.until(() => this.messages.length > n, `message ${n}`, limitMs);
    return this.messages[n] as Payload;
  }

  /** Resolves once the condition holds; fails when the connection is over first. */
  async until(condition: () => boolean, what: string, limitMs = LIMIT_MS): Promise<void> {
    const shown = (): string => `${what}; ${this.messages.length} messages came, pings ${JSON.stringify(this.pings.slice(-3))}, pongs ${JSON.stringify(this.pongs.slice(-3))}`;
    await within(
      (async () => {
        while (!condition()) {
          if (this.end !== null) throw new Error(`closed with ${JSON.stringify(this.end)} before ${shown()}`);
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      })(),
      shown,
      limitMs,
    );
  }

  /** How it ended; waits for it. */
  over(limitMs = LIMIT_MS): Promise<Closed> {
    return within(this.closed, 'the close', limitMs);
  }

  /** Sends it there and waits until it is back. */
  async echoed(payload: Payload): Promise<void> {
    const n = this.messages.length;
    this.send(payload);
    const back = await this.message(n);
    if (!Buffer.from(back).equals(Buffer.from(payload)) || typeof back !== typeof payload) throw new Error(`another message came back: ${String(back).slice(0, 100)}`);
  }

  /** Cuts the connection without a close frame. */
  kill(): void {
    this.socket.terminate();
  }

  close(): Promise<void> {
    this.socket.terminate();
    return Promise.resolve();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
