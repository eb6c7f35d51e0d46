/** The pooled exchanges of one worker, by handle, and the reader of the engine's events. */
import { EVENT, EVENT_FLAG, EVENT_KIND, LIMITS } from '../binding/abi.ts';
import { Exchange, type ExchangeHost } from './exchange.ts';
import type { WebSocketBridge } from './websocket.ts';

const SLOT_MASK = (1 << LIMITS.exchangeSlotBits) - 1;
/** Handles stay positive 31-bit integers. */
const MAX_GENERATION = (1 << (31 - LIMITS.exchangeSlotBits)) - 1;
const TOUCH_INTERVAL_MS = 4000;

export const EVENT_WORDS = EVENT.length;
const at = Object.fromEntries(EVENT.map((name, i) => [name, i])) as Record<(typeof EVENT)[number], number>;
const { kind: KIND, flags: FLAGS, status: STATUS, headOffset: HEAD, headLength: HEAD_LENGTH, bodyOffset: BODY, bodyLength: BODY_LENGTH, lengthLow: LOW, lengthHigh: HIGH } = at;

export class ExchangeTable implements ExchangeHost {
  draining = false;
  /** Requests that have no complete answer yet. */
  active = 0;
  readonly #slots: Exchange[] = [];
  readonly #free: Exchange[] = [];
  readonly #live = new Set<Exchange>();
  readonly #bridges = new Set<WebSocketBridge>();
  readonly #events: Int32Array;
  readonly #data: ArrayBufferLike;
  readonly #timer: NodeJS.Timeout;

  constructor(events: Int32Array, data: Uint8Array) {
    this.#events = events;
    this.#data = data.buffer;
    this.#timer = setInterval(() => this.#touch(), TOUCH_INTERVAL_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A free exchange with a fresh handle. */
  acquire(): Exchange {
    let exchange = this.#free.pop();
    if (exchange === undefined) {
      if (this.#slots.length > SLOT_MASK) throw new Error(`more than ${SLOT_MASK + 1} requests at once in one worker`);
      exchange = new Exchange(this.#slots.length, this);
      this.#slots.push(exchange);
    }
    exchange.generation = exchange.generation === MAX_GENERATION ? 1 : exchange.generation + 1;
    exchange.handle = (exchange.generation << LIMITS.exchangeSlotBits) | exchange.slot;
    this.active++;
    return exchange;
  }

  release(exchange: Exchange): void {
    exchange.handle = 0;
    if (exchange.live) {
      exchange.live = false;
      this.#live.delete(exchange);
    }
    if (exchange.bridge !== null) {
      this.#bridges.delete(exchange.bridge);
      exchange.bridge = null;
    }
    this.active--;
    this.#free.push(exchange);
  }

  keepAlive(exchange: Exchange): void {
    this.#live.add(exchange);
  }

  upgraded(bridge: WebSocketBridge): void {
    this.#bridges.add(bridge);
  }

  /** WebSockets that are open, or of which one side is not over yet. */
  get webSockets(): number {
    return this.#bridges.size;
  }

  /** Tells both sides of every WebSocket that it ends. */
  endWebSockets(code: number, reason: string): void {
    const bytes = Buffer.from(reason);
    for (const bridge of [...this.#bridges]) bridge.endBoth(code, bytes);
  }

  /** The one up-call of a loop turn. */
  readonly onEvents = (count: number): void => {
    const events = this.#events;
    const data = this.#data;
    for (let i = 0, base = 0; i < count; i++, base += EVENT_WORDS) {
      const handle = events[base]!;
      const exchange = this.#slots[handle & SLOT_MASK];
      // The client may have gone after the engine wrote the event.
      if (exchange === undefined || exchange.handle !== handle) continue;
      const flags = events[base + FLAGS]!;
      const body = new Uint8Array(data, events[base + BODY], events[base + BODY_LENGTH]);
      switch (events[base + KIND]) {
        case EVENT_KIND.complete:
          exchange.complete(new Uint8Array(data, events[base + HEAD], events[base + HEAD_LENGTH]), body, flags);
          break;
        case EVENT_KIND.head: {
          const length = (events[base + HIGH]! >>> 0) * 2 ** 32 + (events[base + LOW]! >>> 0);
          exchange.head(new Uint8Array(data, events[base + HEAD], events[base + HEAD_LENGTH]), body, flags, length);
          break;
        }
        case EVENT_KIND.body:
          exchange.body(body, (flags & EVENT_FLAG.last) !== 0);
          break;
        case EVENT_KIND.abort:
          exchange.abort();
          break;
        case EVENT_KIND.resumeRequest:
          exchange.resumeRequest();
          break;
        case EVENT_KIND.upgraded:
          exchange.upgraded(new Uint8Array(data, events[base + HEAD], events[base + HEAD_LENGTH]), body);
          break;
        case EVENT_KIND.message: {
          let next = i + 1;
          while (next < count && events[next * EVENT_WORDS] === handle && events[next * EVENT_WORDS + KIND] === EVENT_KIND.message) next++;
          if (next === i + 1) this.#message(exchange, base, body);
          else exchange.bridge?.corked(() => this.#messages(exchange, i, next));
          base += (next - 1 - i) * EVENT_WORDS;
          i = next - 1;
          break;
        }
        case EVENT_KIND.closed:
          exchange.closed(events[base + STATUS]!, body);
          break;
      }
    }
  };

  #messages(exchange: Exchange, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const base = i * EVENT_WORDS;
      this.#message(exchange, base, new Uint8Array(this.#data, this.#events[base + BODY], this.#events[base + BODY_LENGTH]));
    }
  }

  #message(exchange: Exchange, base: number, piece: Uint8Array): void {
    exchange.bridge?.fromUpstream(this.#events[base + STATUS]!, piece, (this.#events[base + FLAGS]! & EVENT_FLAG.messageEnd) !== 0);
  }

  #touch(): void {
    const now = performance.now();
    for (const exchange of this.#live) exchange.touch(now);
  }
}
