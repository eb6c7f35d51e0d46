/**
 * One request and its answer as the listener sees it: owner of the uWS response object, writer of the events that the
 * engine reports. Instances are pooled by ExchangeTable and keep their callbacks, so that a request makes no closure.
 */
import type { HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import { EVENT_FLAG, SEND } from '../binding/abi.ts';
import { addon } from '../binding/load.ts';
import { answerBodiless, answerBodilessAndClose, answerWhole, endChunks, flush, tryEnd, writeChunk, writeHead, writeHeadAndChunk, writeHeadAndTryEnd } from './corked.ts';
import { endConnection, keepReading, stopReading } from './downstream-socket.ts';
import { WebSocketBridge } from './websocket.ts';

const { abort, pause, resume, sendBody } = addon;

/** A chunked piece and its framing stay inside uWS's 16 KiB cork buffer: this version loses data when flushing it fails. */
const CHUNK_BYTES = 8 * 1024;
/** What a head and a first chunk may have together, with room for what uWS adds to both. */
const CORKED_BYTES = 15 * 1024;
/** Request bytes that are read and dropped, after an early answer, to let the client see that answer. */
const DISCARD_BYTES = 1024 * 1024;
/** An answer whose last bytes a client does not take for this long is cut. */
const TAIL_STALL_MS = 60_000;

/**
 * uWS pauses both directions or none. So when the upstream takes no more of a request while the client does not take its
 * answer, the client is let through for one read at a time, at growing intervals: the answer could not move
 * otherwise. What it sends meanwhile is buffered, up to this; a client that only sends is cut.
 */
const OVERRUN_BYTES = 32 * 1024 * 1024;
const FIRST_SLICE_MS = 2;
const LAST_SLICE_MS = 500;

/**
 * What uWS waits for on a socket is kept, when it is paused, in two variables for all sockets of the thread: one for
 * those with bytes in uWS's own buffer, one for the others. Which of them resume() reads depends on the buffer by then, and one
 * that was never written holds "nothing": the socket would be dead. So the first request of a thread that has a body writes the
 * latter. (Not one without: resume() arms a timer of 10 s, which uWS sets anew only while a body arrives.)
 */
let pollEventsKept = false;

const NO_BYTES = new Uint8Array(0);

/** What the table and the draining worker need to know of each other. */
export interface ExchangeHost {
  readonly draining: boolean;
  release(exchange: Exchange): void;
  /** Keep a long exchange alive against uWS's fixed timers: `touch` is called every few seconds. */
  keepAlive(exchange: Exchange): void;
  /** The exchange is a WebSocket from now on, until it is released. */
  upgraded(bridge: WebSocketBridge): void;
}

type Mode = 'waiting' | 'length' | 'chunked';

/** Separate, since uWS calls onData with nothing to say whose it is, and goes on doing so after an early end. */
class BodyReceiver {
  owner: Exchange | null;
  readonly onData: (piece: ArrayBuffer, last: boolean) => void;

  constructor(owner: Exchange) {
    this.owner = owner;
    this.onData = (piece, last) => this.owner?.receive(piece, last);
  }
}

export class Exchange {
  readonly slot: number;
  /** generation << 20 | slot; what the engine calls this exchange. 0 while free. */
  handle = 0;
  generation = 0;
  res!: HttpResponse;
  readonly onAborted: () => void;
  readonly onWritable: (offset: number) => boolean;
  live = false;
  /** Not null from the upgrade until this exchange is released. */
  bridge: WebSocketBridge | null = null;

  readonly #host: ExchangeHost;
  #receiver: BodyReceiver;
  #done = false;
  #mode: Mode = 'waiting';
  #expectsBody = false;
  #bodyComplete = true;
  #upstreamDone = false;
  #upstreamPaused = false;
  #clientPaused = false;
  #total = 0;
  /** The connection ends with this streamed answer. */
  #close = false;
  #pending: Uint8Array = NO_BYTES;
  #pendingAt = 0;
  #blocked = false;
  #progressed = false;
  #lastProgressMs = 0;
  #discarded = 0;
  #overrun = 0;
  #sliceMs = FIRST_SLICE_MS;
  #key = '';
  /** Of the last handshake; nobody looks at it for a plain request. */
  #context: us_socket_context_t | undefined;
  #held: { head: Uint8Array; body: Uint8Array; flags: number } | null = null;

  constructor(slot: number, host: ExchangeHost) {
    this.slot = slot;
    this.#host = host;
    this.#receiver = new BodyReceiver(this);
    this.onAborted = () => this.#aborted();
    this.onWritable = () => this.#writable();
  }

  begin(res: HttpResponse): void {
    this.res = res;
    this.#done = false;
    this.#mode = 'waiting';
    this.#blocked = false;
    this.#overrun = 0;
    this.#sliceMs = FIRST_SLICE_MS;
    this.#expectsBody = false;
    this.#bodyComplete = true;
    res.onAborted(this.onAborted);
  }

  /** After `begin`, for a request that uWS can upgrade. */
  beginUpgrade(key: string, context: us_socket_context_t): void {
    this.#key = key;
    this.#context = context;
  }

  /** Call in the handler itself: uWS drops the bytes of a body that nobody has asked for by then. */
  expectBody(): void {
    this.#expectsBody = true;
    this.#bodyComplete = false;
    this.#discarded = 0;
    this.res.onData(this.#receiver.onData);
    if (!pollEventsKept) {
      pollEventsKept = true;
      this.res.pause();
      this.res.resume();
    }
  }

  receive(piece: ArrayBuffer, last: boolean): void {
    if (this.#done || this.#bodyComplete) return;
    this.#bodyComplete = last;
    if (this.#held !== null) {
      this.#discarded += piece.byteLength;
      if (last || this.#discarded > DISCARD_BYTES) this.#answerHeld();
      return;
    }
    if (!last && !this.live) this.#stayAlive();
    this.#progress();
    const size = piece.byteLength;
    if (sendBody(this.handle, piece, last) !== SEND.pause) return;
    if (this.#blocked) {
      this.#overrun += size;
      if (this.#overrun > OVERRUN_BYTES) {
        this.#cut();
        return;
      }
      const handle = this.handle;
      setTimeout(() => {
        if (this.handle === handle) this.resumeRequest();
      }, this.#sliceMs);
      this.#sliceMs = Math.min(this.#sliceMs * 2, LAST_SLICE_MS);
    }
    this.#clientPaused = true;
    this.res.pause();
  }

  // ---- events from the engine

  complete(head: Uint8Array, body: Uint8Array, flags: number): void {
    if (this.#done) return;
    this.#upstreamDone = true;
    if (!this.#bodyComplete) {
      // Answered before the request was read: read on for a while, or the client's own sending hides the answer from it.
      this.#held = { head: head.slice(), body: body.slice(), flags };
      if (this.#clientPaused) this.#resumeClient();
      if (!this.live) this.#stayAlive();
      return;
    }
    this.#answer(head, body, flags);
  }

  head(head: Uint8Array, body: Uint8Array, flags: number, length: number): void {
    if (this.#done) return;
    this.#upstreamDone = false;
    this.#upstreamPaused = false;
    this.#blocked = false;
    this.#pending = NO_BYTES;
    this.res.onWritable(this.onWritable);
    this.#mode = (flags & EVENT_FLAG.chunked) !== 0 ? 'chunked' : 'length';
    this.#total = length;
    this.#stayAlive();
    this.#close = this.#host.draining || !this.#bodyComplete || (flags & EVENT_FLAG.close) !== 0;
    if (body.length === 0 || (this.#mode === 'chunked' && head.length + CHUNK_BYTES > CORKED_BYTES)) {
      writeHead(this.res, head, this.#close);
      this.#write(body);
    } else if (this.#mode === 'length') {
      this.#took(body, 0, writeHeadAndTryEnd(this.res, head, this.#close, body, length));
    } else {
      const first = body.subarray(0, CHUNK_BYTES);
      this.#tookChunk(first, writeHeadAndChunk(this.res, head, this.#close, first));
      this.#write(body.subarray(CHUNK_BYTES));
    }
  }

  body(piece: Uint8Array, last: boolean): void {
    if (this.#done) return;
    if (last) this.#upstreamDone = true;
    this.#write(piece);
  }

  /** The upstream's answer broke off. The client must see that: no proper end, just the end of the connection. */
  abort(): void {
    if (this.#done) return;
    this.#finish();
    this.res.close();
  }

  /** The upstream took the handshake: from here on it is the bridge that speaks with both sides. */
  upgraded(lines: Uint8Array, protocol: Uint8Array): void {
    if (this.#done || this.#context === undefined) return;
    this.#done = true;
    this.bridge = new WebSocketBridge(this.handle);
    this.#host.upgraded(this.bridge);
    this.bridge.open(this.res, lines, this.#key, protocol, this.#context);
  }

  /** The last event of an exchange that was upgraded. */
  closed(code: number, reason: Uint8Array): void {
    this.bridge?.end(code, reason);
    this.#finish();
  }

  resumeRequest(): void {
    if (this.bridge !== null) {
      this.bridge.resumeClient();
      return;
    }
    if (!this.#done && this.#clientPaused) this.#resumeClient();
  }

  /** Every few seconds while alive: re-arms uWS's timers if anything moved, and cuts a tail that does not. */
  touch(nowMs: number): void {
    if (this.#done) return;
    if (this.#held !== null) {
      this.#answerHeld();
      return;
    }
    const stalled = !this.#progressed && nowMs - this.#lastProgressMs > TAIL_STALL_MS;
    if (stalled && this.#upstreamDone) {
      this.#cut();
      return;
    }
    // Once an answer streams, the engine's idle timeout rules: an event stream may be silent for longer than uWS waits, and a
    // slow reader is not seen to progress until a good part of the socket buffer is free. An upload must move, or
    // uWS's own minimum rate applies.
    if ((this.#progressed || this.#mode !== 'waiting') && !this.#clientPaused) {
      this.res.pause();
      this.res.resume();
    }
    if (this.#progressed) this.#lastProgressMs = nowMs;
    this.#progressed = false;
  }

  // ---- writing

  #answer(head: Uint8Array, body: Uint8Array, flags: number): void {
    const close = (flags & EVENT_FLAG.close) !== 0 || this.#host.draining || !this.#bodyComplete;
    this.#finish();
    if ((flags & EVENT_FLAG.bodiless) === 0) answerWhole(this.res, head, body, close, (flags & EVENT_FLAG.sayClose) !== 0);
    else if (close) answerBodilessAndClose(this.res, head);
    else answerBodiless(this.res, head);
  }

  #answerHeld(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#answer(held.head, held.body, held.flags);
  }

  #write(piece: Uint8Array): void {
    if (this.#mode === 'length') {
      if (piece.length !== 0) this.#writeLength(piece);
      return;
    }
    for (let at = 0; at < piece.length && !this.#done; at += CHUNK_BYTES) this.#writeChunk(piece.subarray(at, at + CHUNK_BYTES));
    this.#endChunksIfDone();
  }

  #writeLength(piece: Uint8Array): void {
    if (this.#blocked) {
      // Only a piece that was on its way when the upstream was paused.
      this.#pending = Buffer.concat([this.#pending, piece]);
      return;
    }
    const before = this.res.getWriteOffset();
    this.#took(piece, before, this.#tryEnd(piece, before + piece.length === this.#total));
  }

  /** What the client's socket made of a piece that begins `before` bytes into the body. */
  #took(piece: Uint8Array, before: number, [ok, done]: [boolean, boolean]): void {
    if (done) return;
    if (ok) {
      this.#moved();
      return;
    }
    const taken = this.res.getWriteOffset() - before;
    this.#pending = piece.slice(taken);
    this.#pendingAt = before + taken;
    this.#block();
  }

  #writeChunk(piece: Uint8Array): void {
    this.#tookChunk(piece, writeChunk(this.res, piece));
  }

  #tookChunk(piece: Uint8Array, ok: boolean): void {
    if (!ok) {
      this.#overrun += piece.length;
      this.#block();
      return;
    }
    this.#moved();
    // While the client is paused uWS does not tell that its buffer has drained; a write that goes through does.
    if (this.#blocked) this.#unblock();
  }

  #block(): void {
    this.#blocked = true;
    // The failed write has made uWS wait for both directions: the client is read again.
    this.#clientPaused = false;
    if (!this.#upstreamPaused && !this.#upstreamDone) {
      this.#upstreamPaused = true;
      pause(this.handle);
    }
  }

  #unblock(): void {
    this.#blocked = false;
    if (this.#upstreamPaused) {
      this.#upstreamPaused = false;
      resume(this.handle);
    }
  }

  #writable(): boolean {
    if (this.#done) return true;
    this.#progressed = true;
    const rest = this.#mode === 'length' ? this.#pending.subarray(this.res.getWriteOffset() - this.#pendingAt) : NO_BYTES;
    if (rest.length !== 0) {
      const [ok, done] = this.#tryEnd(rest, this.res.getWriteOffset() + rest.length === this.#total);
      if (done) return true;
      if (!ok) return false;
    } else {
      // For a response with an onWritable uWS leaves its own buffer alone, and forgets that it waited.
      flush(this.res);
    }
    this.#pending = NO_BYTES;
    this.#unblock();
    if (this.#mode === 'chunked') this.#endChunksIfDone();
    return true;
  }

  #endChunksIfDone(): void {
    if (!this.#upstreamDone || this.#blocked || this.#done) return;
    const socket = this.#close ? stopReading(this.res) : 0;
    this.#finish();
    endChunks(this.res);
    if (this.#close) endConnection(socket);
  }

  /** Ends the exchange when the client's socket takes the last piece. */
  #tryEnd(piece: Uint8Array, last: boolean): [boolean, boolean] {
    const closing = last && this.#close;
    const socket = closing ? stopReading(this.res) : 0;
    const result = tryEnd(this.res, piece, this.#total);
    if (result[1]) this.#finish();
    if (closing && result[1]) endConnection(socket);
    else if (closing) keepReading(socket);
    return result;
  }

  // ---- life

  #progress(): void {
    this.#progressed = true;
  }

  /** The client takes its answer. */
  #moved(): void {
    this.#progressed = true;
    this.#overrun = 0;
    this.#sliceMs = FIRST_SLICE_MS;
  }

  #stayAlive(): void {
    if (this.live) return;
    this.live = true;
    this.#progressed = true;
    this.#host.keepAlive(this);
  }

  #resumeClient(): void {
    this.#clientPaused = false;
    // A write that failed meanwhile has made uWS wait for both directions already; this pause saves that where resume() looks.
    this.res.pause();
    this.res.resume();
    // uWS sends what it has buffered whenever it has read, and tells nobody; and whether it waited for writability may have
    // been overwritten by another socket. So a write is tried: if it fails, it waits again, and the next slice is longer.
    if (this.#blocked) this.#writable();
  }

  /** Ends both sides: the client is told by the end of its connection, the engine by us. */
  #cut(): void {
    const handle = this.handle;
    this.abort();
    abort(handle);
  }

  #aborted(): void {
    if (this.#done) return;
    const handle = this.handle;
    this.#finish();
    abort(handle);
  }

  /** Nothing may touch `res` on this exchange's behalf from here on, but for the statement that ends it. */
  #finish(): void {
    this.#done = true;
    this.#held = null;
    this.#pending = NO_BYTES;
    this.#clientPaused = false;
    if (this.#expectsBody && !this.#bodyComplete) {
      // uWS may still call the old receiver.
      this.#receiver.owner = null;
      this.#receiver = new BodyReceiver(this);
    }
    this.#host.release(this);
  }
}
