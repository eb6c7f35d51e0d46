/** A client that sends exactly the bytes it is given and keeps every byte that comes back. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { readMessage, type Message } from './http-message.ts';
import { keep } from './keep.ts';
import { LIMIT_MS, within } from './wait.ts';

export interface ConnectOptions {
  port: number;
  host?: string;
  /** TLS when given. */
  tls?: ConnectionOptions;
}

export class RawClient {
  readonly socket: Socket;
  /** Everything that came and was not taken yet. */
  received: Buffer = Buffer.alloc(0);
  ended = false;
  error: NodeJS.ErrnoException | null = null;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
      this.#changed();
    });
    socket.on('error', (error) => {
      this.error = error;
      this.#changed();
    });
    const over = (): void => {
      this.ended = true;
      this.#changed();
    };
    socket.on('end', over).on('close', over);
  }

  static async connect({ port, host = '127.0.0.1', tls }: ConnectOptions): Promise<RawClient> {
    const socket = tls === undefined ? connectTcp({ port, host }) : connectTls({ port, host, rejectUnauthorized: false, ...tls });
    const client = new RawClient(socket);
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve());
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('closed while connecting')));
      }),
      `connect to port ${port}`,
    );
    return keep(client);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves once the condition holds; fails when the connection is over first. */
  async until(condition: () => boolean, what: string, limitMs = LIMIT_MS): Promise<void> {
    const shown = (): string => `${what}; received: ${JSON.stringify(this.received.toString('latin1', 0, 400))}`;
    await within(
      (async () => {
        while (!condition()) {
          if (this.ended) throw new Error(`the connection ended (${this.error?.code ?? 'in order'}) before ${shown()}`);
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
      })(),
      shown,
      limitMs,
    );
  }

  /** The next answer, taken off what was received. */
  async response(options: { toHead?: boolean; limitMs?: number } = {}): Promise<Message> {
    let found: { message: Message; length: number } | null = null;
    await this.until(
      () => (found = readMessage(this.received, { kind: 'response', toHead: options.toHead === true, ended: this.ended })) !== null,
      'a whole answer',
      options.limitMs,
    );
    const { message, length } = found as unknown as { message: Message; length: number };
    this.received = this.received.subarray(length);
    return message;
  }

  /** Resolves when the other side has ended the connection. */
  async end(limitMs = LIMIT_MS): Promise<void> {
    await this.until(() => this.ended, 'the end of the connection', limitMs);
  }

  close(): Promise<void> {
    this.socket.destroy();
    return Promise.resolve();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

export interface RequestOptions extends Partial<ConnectOptions> {
  method?: string;
  host?: string;
  headers?: readonly (readonly [string, string])[] | Record<string, string>;
  body?: string | Buffer;
  limitMs?: number;
}

/** The bytes of a plain request; a body brings its content-length. */
export function requestBytes(target: string, { method = 'GET', headers = {}, body }: RequestOptions = {}, authority = 'a.test'): Buffer {
  const list = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers as Record<string, string>);
  const host = list.some(([name]) => name.toLowerCase() === 'host') ? [] : [['Host', authority]];
  const length = body === undefined ? [] : [['Content-Length', String(Buffer.byteLength(body))]];
  const lines = [...host, ...list, ...length].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
  return body === undefined ? head : Buffer.concat([head, Buffer.from(body)]);
}

/** One request on a connection of its own. */
export async function request(port: number, target: string, options: RequestOptions = {}): Promise<Message> {
  const client = await RawClient.connect({ port, ...(options.tls === undefined ? {} : { tls: options.tls }) });
  client.send(requestBytes(target, options));
  try {
    return await client.response({ toHead: options.method === 'HEAD', ...(options.limitMs === undefined ? {} : { limitMs: options.limitMs }) });
  } finally {
    await client.close();
  }
}
