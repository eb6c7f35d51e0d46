/**
 * One proxied WebSocket, from the 101 to the end of both sides. The client's side is uWS's, which gives and takes whole
 * messages; the upstream's side is the engine's, which gives a message in pieces. Either side may end first:
 *
 *   client closes     close handler -> sendClose(code) -> the engine ends the upstream's side -> closed event
 *   upstream closes   closed event -> end(code) on the client's side
 *   drain             both at once
 *
 * What uWS 20.51.4 does and cannot be told to leave: it answers pings itself (they are passed on all the same, and the
 * upstream's answer ends in the engine's hands); it takes frames that are not masked, lengths that are not minimal and
 * a close frame of one byte; it answers a broken frame by closing the socket without a close frame; and it takes close codes
 * 1012 to 3999 for invalid: the upstream then hears of a close without a code.
 */
import type { HttpResponse, WebSocket, us_socket_context_t } from 'uWebSockets.js';
import { SEND, WEBSOCKET_CLOSE, WEBSOCKET_OPCODE } from '../binding/abi.ts';
import { addon } from '../binding/load.ts';
import { upgrade } from './corked.ts';
import { takeSocket } from './downstream-socket.ts';

const { pause, resume, sendMessage, sendClose, holdSocket, pauseSocket, resumeSocket, forgetSocket } = addon;

/** What uWS keeps for us with each socket. A plain object, since it copies properties. */
export interface WebSocketData {
  bridge: WebSocketBridge;
}
export type ClientSocket = WebSocket<WebSocketData>;

const NO_BYTES = new Uint8Array(0);

/**
 * What uWS says of a connection that it cut, by its own words: it reports 1006 for all of them. A text that is not here is an
 * end without a close frame. "Invalid close payload" stands for rightful codes, too, and the client had said goodbye: no code.
 */
const CODE_OF_VIOLATION: ReadonlyMap<string, number> = new Map([
  ['Received too big message', WEBSOCKET_CLOSE.tooBig],
  ['Received invalid UTF-8', WEBSOCKET_CLOSE.invalidPayload],
  ['Received invalid WebSocket frame', WEBSOCKET_CLOSE.protocolError],
  ['Received invalid close payload', WEBSOCKET_CLOSE.noStatus],
]);

export class WebSocketBridge {
  /** Of the exchange that this was; the engine keeps it until its closed event. */
  readonly #handle: number;
  /** Null once the client's side is over. */
  #client: ClientSocket | null = null;
  /** Of the native gate; 0 = not found, then the engine cuts a client that sends faster than its upstream takes. */
  #socket = 0;
  #clientPaused = false;
  #upstreamPaused = false;
  /** Pieces of the message that the upstream has begun. */
  #pieces: Uint8Array[] = [];

  constructor(handle: number) {
    this.#handle = handle;
  }

  /** Writes the 101. `lines`: further header lines of it. */
  open(res: HttpResponse, lines: Uint8Array, key: string, protocol: Uint8Array, context: us_socket_context_t): void {
    this.#socket = takeSocket(res);
    // uWS writes a 101 in pieces: one segment shall carry them.
    holdSocket(this.#socket, true);
    upgrade(res, lines, { bridge: this } satisfies WebSocketData, key, Buffer.from(protocol).toString('latin1'), context);
    holdSocket(this.#socket, false);
  }

  // ---- the client's side, called by uWS

  opened(client: ClientSocket): void {
    this.#client = client;
  }

  /** `payload` is uWS's memory: valid during the call, and masked in place by it. */
  fromClient(opcode: number, payload: ArrayBuffer): void {
    if (this.#client === null) return;
    if (sendMessage(this.#handle, opcode, payload) === SEND.pause) this.#clientPaused = true;
    // Again for every message of the read that is being parsed, and when a write to the client has made uWS read it again.
    if (this.#clientPaused) pauseSocket(this.#socket);
  }

  drained(): void {
    if (this.#client === null) return;
    if (this.#upstreamPaused && this.#client.getBufferedAmount() === 0) {
      this.#upstreamPaused = false;
      resume(this.#handle);
    }
    // uWS waits for bytes to read again once this call is over.
    if (this.#clientPaused) setImmediate(() => this.#pauseAgain());
  }

  /** The client's side is over, in whatever way. Its socket may linger, but is no longer ours. */
  closedByClient(code: number, text: ArrayBuffer): void {
    if (this.#client === null) return;
    this.#forgetClient();
    const reason = new Uint8Array(text);
    const violation = code === WEBSOCKET_CLOSE.abnormal ? CODE_OF_VIOLATION.get(Buffer.from(reason).toString()) : undefined;
    if (violation !== undefined) sendClose(this.#handle, violation, NO_BYTES);
    else sendClose(this.#handle, code, code === WEBSOCKET_CLOSE.abnormal ? NO_BYTES : reason);
  }

  // ---- the upstream's side, called with the engine's events

  /** A piece of a message; control frames come whole, also between the pieces of a message. */
  fromUpstream(opcode: number, piece: Uint8Array, last: boolean): void {
    const client = this.#client;
    if (client === null) return;
    if (opcode === WEBSOCKET_OPCODE.ping) {
      this.#sent(client.ping(piece));
    } else if (opcode === WEBSOCKET_OPCODE.text || opcode === WEBSOCKET_OPCODE.binary) {
      if (!last) {
        this.#pieces.push(piece.slice());
        return;
      }
      let message = piece;
      if (this.#pieces.length !== 0) {
        message = Buffer.concat([...this.#pieces, piece]);
        this.#pieces = [];
      }
      this.#sent(client.send(message, opcode === WEBSOCKET_OPCODE.binary, false));
    }
    // A pong: the ping that it answers was passed on, but uWS has answered the client already.
  }

  /** What `send` sends to the client goes out in one write. */
  corked(send: () => void): void {
    const client = this.#client;
    if (client === null) return;
    client.cork(send);
    // Small messages that the socket did not take when the cork was pulled are reported by nothing else.
    if (!this.#upstreamPaused && client.getBufferedAmount() !== 0) this.#sent(0);
  }

  /** The upstream takes messages again. */
  resumeClient(): void {
    if (!this.#clientPaused) return;
    this.#clientPaused = false;
    resumeSocket(this.#socket);
  }

  /** The upstream's side is over. */
  end(code: number, reason: Uint8Array): void {
    const client = this.#client;
    if (client === null) return;
    this.#forgetClient();
    if (code === WEBSOCKET_CLOSE.noStatus) client.end();
    else if (code === WEBSOCKET_CLOSE.abnormal) client.close();
    else client.end(code, reason);
  }

  // ---- both

  /** Closes both sides, of which one may be over already. A closed event follows. */
  endBoth(code: number, reason: Uint8Array): void {
    if (this.#client === null) return;
    this.end(code, reason);
    sendClose(this.#handle, code, reason);
  }

  #sent(status: number): void {
    if (status === 1) return;
    if (!this.#upstreamPaused) {
      this.#upstreamPaused = true;
      pause(this.#handle);
    }
    // The write that failed has made uWS wait for both directions.
    if (this.#clientPaused) pauseSocket(this.#socket);
  }

  #pauseAgain(): void {
    if (this.#clientPaused && this.#client !== null) pauseSocket(this.#socket);
  }

  #forgetClient(): void {
    // It is read again: uWS has yet to see the client's close frame, or the end of its connection.
    if (this.#clientPaused) resumeSocket(this.#socket);
    this.#clientPaused = false;
    this.#client = null;
    this.#pieces = [];
    forgetSocket(this.#socket);
    this.#socket = 0;
  }
}
