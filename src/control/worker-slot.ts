import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { pack, unpack } from 'msgpackr';
import type { Piscina } from 'piscina';
import type { ListenerSpec, MainMessage, WorkerMessage, WorkerTask } from '../worker/protocol.ts';

export type AppliedMessage = Extract<WorkerMessage, { type: 'applied' }>;

/**
 * starting: thread not ready yet · running: takes orders · stopping: was told to stop · exited: no thread; it is replaced
 * unless it was told to stop.
 */
export type WorkerState = 'starting' | 'running' | 'stopping' | 'exited';

export interface WorkerSlotEvents {
  onReady: () => void;
  /** The thread is gone. `error` is null when the task ended by itself. */
  onExit: (error: unknown) => void;
}

/** The worker died before it answered. */
export class WorkerGoneError extends Error {
  override readonly name = 'WorkerGoneError';
}

/** One worker thread after another under the same index: the orders sent to it, and the answers awaited from it. */
export class WorkerSlot {
  readonly index: number;
  readonly #pool: Piscina;
  readonly #filename: string;
  #task: Omit<WorkerTask, 'port'>;
  readonly #events: WorkerSlotEvents;
  readonly #waiting = new Map<number, { resolve: (message: WorkerMessage) => void; reject: (error: Error) => void }>();
  #port: MessagePort | undefined;
  #state: WorkerState = 'exited';
  #nextId = 1;

  constructor(pool: Piscina, filename: string, task: Omit<WorkerTask, 'port'>, events: WorkerSlotEvents) {
    this.index = task.workerIndex;
    this.#pool = pool;
    this.#filename = filename;
    this.#task = task;
    this.#events = events;
  }

  get state(): WorkerState {
    return this.#state;
  }

  start(): void {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#state = 'starting';
    port1.on('message', (bytes: Uint8Array) => this.#receive(unpack(bytes) as WorkerMessage));
    // Named with the task and not with the pool: a module that cannot be loaded then fails its task instead of a thread without one,
    // and the task would wait for ever.
    this.#pool.run({ ...this.#task, port: port2 } satisfies WorkerTask, { transferList: [port2], filename: this.#filename }).then(
      () => this.#exited(null),
      (error: unknown) => this.#exited(error),
    );
  }

  /** Resolves with the worker's answer; rejects with WorkerGoneError when it dies first. */
  async apply(listeners: ListenerSpec[]): Promise<AppliedMessage> {
    return (await this.#request({ type: 'apply', id: this.#nextId++, listeners })) as AppliedMessage;
  }

  /** Resolves when nothing is in flight, or soon after the limit; true when all was finished. */
  async drain(limitMs: number): Promise<boolean> {
    const message = await this.#request({ type: 'drain', id: this.#nextId++, limitMs });
    return message.type === 'drained' && message.complete;
  }

  /** Also that of the threads to come. False when there is none to tell now. */
  async setLogLevel(level: string): Promise<boolean> {
    this.#task = { ...this.#task, logLevel: level };
    if (this.#state === 'exited') return false;
    return this.#request({ type: 'logLevel', id: this.#nextId++, level }).then(
      () => true,
      () => false,
    );
  }

  /** The task ends soon after; `onExit` tells. */
  stop(): void {
    if (this.#state === 'exited' || this.#state === 'stopping') return;
    this.#state = 'stopping';
    this.#send({ type: 'stop', id: this.#nextId++ });
  }

  #request(message: Exclude<MainMessage, { type: 'stop' }>): Promise<WorkerMessage> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'exited') {
        reject(new WorkerGoneError(`worker ${this.index} is not running`));
        return;
      }
      this.#waiting.set(message.id, { resolve, reject });
      this.#send(message);
    });
  }

  #send(message: MainMessage): void {
    // A copy: `pack` returns a view into a shared block, and posting a view clones its whole block.
    this.#port?.postMessage(new Uint8Array(pack(message)));
  }

  #receive(message: WorkerMessage): void {
    if (message.type === 'ready') {
      if (this.#state !== 'starting') return;
      this.#state = 'running';
      this.#events.onReady();
      return;
    }
    this.#waiting.get(message.id)?.resolve(message);
    this.#waiting.delete(message.id);
  }

  #exited(error: unknown): void {
    this.#state = 'exited';
    this.#port?.close();
    this.#port = undefined;
    for (const { reject } of this.#waiting.values()) reject(new WorkerGoneError(`worker ${this.index} died`));
    this.#waiting.clear();
    this.#events.onExit(error);
  }
}
