/** A data-plane worker: one long piscina task that runs listeners and a reactor until it is told to stop. */
import type { MessagePort } from 'node:worker_threads';
import { pack, unpack } from 'msgpackr';
import { WEBSOCKET_CLOSE } from '../binding/abi.ts';
import { addon } from '../binding/load.ts';
import { createLogger, type Logger } from '../core/logger.ts';
import { EVENT_WORDS, ExchangeTable } from './exchange-table.ts';
import { headLengths, UwsListener, type ConnectionCap } from './uws-listener.ts';
import type { ListenerSpec, MainMessage, WorkerMessage, WorkerTask } from './protocol.ts';

const EVENTS_PER_CALL = 4096;
const DATA_BYTES = 2 * 1024 * 1024;
const DRAIN_CHECK_MS = 20;
/**
 * Time for WebSockets that a drain ends to finish their closing handshakes. All of it: uWS does not tell when a client has closed its
 * socket, and one that is closed under an answer on its way would take the close frame with it.
 */
const WEBSOCKET_CLOSE_MS = 2000;

class Worker {
  readonly #port: MessagePort;
  /** For what happens to the thread, never for a request. */
  readonly #log: Logger;
  readonly #table: ExchangeTable;
  readonly #cap: ConnectionCap = { max: 0, open: 0 };
  readonly #listeners = new Map<string, UwsListener>();
  /** Listeners that left the configuration, with connections that are still open. */
  #closing: UwsListener[] = [];
  #drainTimer: NodeJS.Timeout | undefined;
  #stopped: () => void = () => undefined;
  readonly #exitHook = (): void => this.#closeAll();

  constructor(task: WorkerTask) {
    this.#port = task.port;
    this.#log = createLogger({ base: { worker: task.workerIndex } });
    this.#log.level = task.logLevel;
    const events = new Int32Array(EVENTS_PER_CALL * EVENT_WORDS);
    const data = new Uint8Array(DATA_BYTES);
    this.#table = new ExchangeTable(events, data);
    addon.reactorOpen(task.workerIndex, events, data, headLengths, this.#table.onEvents);
    // A thread that ends with uWS sockets open aborts the whole process: whatever happens, they are closed.
    process.on('exit', this.#exitHook);
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopped = resolve;
      this.#port.on('message', (bytes: Uint8Array) => this.#receive(unpack(bytes) as MainMessage));
      this.#send({ type: 'ready' });
    });
  }

  #send(message: WorkerMessage): void {
    this.#port.postMessage(pack(message));
  }

  #receive(message: MainMessage): void {
    switch (message.type) {
      case 'apply':
        this.#apply(message.id, message.listeners);
        break;
      case 'drain':
        this.#drain(message.id, message.limitMs);
        break;
      case 'logLevel':
        this.#log.level = message.level;
        this.#log.debug({ logLevel: message.level }, 'worker logs at another level');
        this.#send({ type: 'levelSet', id: message.id });
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  #apply(id: number, specs: ListenerSpec[]): void {
    const failed: { name: string; message: string }[] = [];
    const wanted = new Set(specs.map(keyOf));
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      listener.stopAccepting();
      this.#closing.push(listener);
    }
    this.#closing = this.#closing.filter((listener) => {
      if (listener.connections !== 0) return true;
      listener.close();
      return false;
    });
    for (const spec of specs) {
      this.#cap.max = spec.maxConnections;
      try {
        this.#open(spec);
      } catch (error) {
        failed.push({ name: spec.name, message: error instanceof Error ? error.message : String(error) });
      }
    }
    const listening = [...this.#listeners.values()].map(({ spec, port }) => ({ name: spec.name, port }));
    this.#log.debug({ listeners: listening.map(({ name }) => name), closing: this.#closing.length }, 'worker took listeners');
    this.#send({ type: 'applied', id, listening, failed });
  }

  #open(spec: ListenerSpec): void {
    const existing = this.#listeners.get(keyOf(spec));
    if (existing !== undefined) {
      existing.update(spec);
      return;
    }
    const listener = new UwsListener(spec, this.#table, this.#cap);
    if (!listener.listen()) {
      listener.close();
      throw new Error(`cannot listen on ${spec.host}:${spec.port}`);
    }
    this.#listeners.set(keyOf({ ...spec, port: listener.port }), listener);
  }

  #drain(id: number, limitMs: number): void {
    this.#table.draining = true;
    this.#log.debug({ limitMs, active: this.#table.active }, 'worker drains');
    for (const listener of this.#listeners.values()) listener.stopAccepting();
    const limit = performance.now() + limitMs;
    let quiet = 0;
    let lingerUntil: number | undefined;
    const answer = (complete: boolean): void => {
      clearInterval(this.#drainTimer);
      this.#log.debug({ complete }, 'worker drained');
      this.#send({ type: 'drained', id, complete });
    };
    this.#drainTimer = setInterval(() => {
      const now = performance.now();
      // Twice in a row: a request may arrive on an open connection just as the last one ends.
      quiet = this.#table.active === 0 ? quiet + 1 : 0;
      if (lingerUntil === undefined) {
        if (quiet >= 2) answer(true);
        else if (now < limit) return;
        else if (this.#table.webSockets === 0) answer(false);
        else {
          this.#table.endWebSockets(WEBSOCKET_CLOSE.goingAway, 'going away');
          lingerUntil = now + WEBSOCKET_CLOSE_MS;
        }
      } else if (now >= lingerUntil) {
        answer(quiet >= 2);
      }
    }, DRAIN_CHECK_MS);
  }

  #stop(): void {
    clearInterval(this.#drainTimer);
    this.#closeAll();
    process.off('exit', this.#exitHook);
    this.#table.close();
    addon.reactorClose();
    this.#port.close();
    this.#stopped();
  }

  #closeAll(): void {
    for (const listener of [...this.#listeners.values(), ...this.#closing]) listener.close();
    this.#listeners.clear();
    this.#closing = [];
  }
}

/**
 * Same key = same socket; certificates change underneath it. Whether it speaks TLS is fixed when the socket is made. The
 * port is the one that it got: whoever asked for port 0 learns it from the answer and names it afterwards.
 */
function keyOf(spec: ListenerSpec): string {
  return JSON.stringify([spec.name, spec.host, spec.port, spec.tls !== null]);
}

/** Resolves once the worker was told to stop and has closed everything. */
export default function main(task: WorkerTask): Promise<void> {
  return new Worker(task).run();
}
