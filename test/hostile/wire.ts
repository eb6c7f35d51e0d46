/** A connection to the proxy that says what it is told, and what comes back as statuses instead of exceptions. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { readMessage, type Message } from '../support/http-message.ts';
import type { Outcome } from './cases/case.ts';
import { sendPieces } from './splits.ts';

/** Long enough for an answer that comes at all, from a proxy that is busy with other cases. */
const SILENCE_MS = 700;
/** Until a connection that is to be closed is. */
const CLOSE_MS = 3000;

export class Wire {
  readonly #socket: Socket;
  readonly #toHead: boolean;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #total = 0;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, toHead: boolean) {
    this.#socket = socket;
    this.#toHead = toHead;
    const over = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#total += bytes.length;
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    socket.on('error', over).on('end', over).on('close', over);
  }

  static async open(port: number, { toHead = false, tls = false } = {}): Promise<Wire> {
    const socket = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect({ port, host: '127.0.0.1' });
    await new Promise<void>((resolve, reject) => socket.once(tls ? 'secureConnect' : 'connect', resolve).once('error', reject));
    return new Wire(socket, toHead);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Everything that came and is not taken off as an answer. */
  get rest(): string {
    return this.#received.toString('latin1');
  }

  /** Reads no more. */
  hold(): void {
    this.#socket.pause();
  }

  send(bytes: string | Buffer): void {
    if (!this.#ended) this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  async sendAll(pieces: readonly Buffer[]): Promise<void> {
    await sendPieces((piece) => this.send(piece), pieces, () => !this.#ended);
  }

  /** The next answer that is not an interim one, or how the connection ended without one. Throws when it is malformed. */
  async answer(silenceMs = SILENCE_MS): Promise<{ outcome: Outcome; message: Message | null }> {
    for (;;) {
      const found = readMessage(this.#received, { kind: 'response', toHead: this.#toHead, ended: this.#ended });
      if (found !== null) {
        this.#received = this.#received.subarray(found.length);
        if (found.message.status >= 200 || found.message.status === 101) return { outcome: found.message.status, message: found.message };
        continue;
      }
      if (this.#ended) return { outcome: this.#received.length === 0 ? 'close' : 'abort', message: null };
      if (!(await this.#more(silenceMs))) return { outcome: 'silence', message: null };
    }
  }

  /** Resolves when anything has come. */
  async some(limitMs = CLOSE_MS): Promise<void> {
    if (this.#total === 0 && !this.#ended) await this.#more(limitMs);
  }

  /** Whether the other side ends the connection, now or soon. */
  async ends(limitMs = CLOSE_MS): Promise<boolean> {
    const until = performance.now() + limitMs;
    while (!this.#ended && performance.now() < until) await this.#more(until - performance.now());
    return this.#ended;
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** False when nothing comes for that long. */
  async #more(limitMs: number): Promise<boolean> {
    const before = this.#total;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, limitMs);
    });
    clearTimeout(timer);
    return this.#ended || this.#total !== before;
  }
}
