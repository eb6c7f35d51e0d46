/** A port that accepts nothing: its backlog is full, so the kernel drops every further SYN, and a connect to it hangs. */
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { keep } from './keep.ts';

const SOURCE = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(workerData, 0, 0); // the loop stands still: nothing is accepted
  process.exit();
});`;

export class DeafListener {
  readonly port: number;
  readonly #worker: Worker;
  readonly #gate: Int32Array;
  readonly #fillers: Socket[];

  private constructor(port: number, worker: Worker, gate: Int32Array, fillers: Socket[]) {
    this.port = port;
    this.#worker = worker;
    this.#gate = gate;
    this.#fillers = fillers;
  }

  static async start(): Promise<DeafListener> {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(SOURCE, { eval: true, workerData: gate });
    const port = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    // A backlog of 1 holds two connections; the others wait like the proxy's will.
    await Promise.all(fillers.slice(0, 2).map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    return keep(new DeafListener(port, worker, gate, fillers));
  }

  async close(): Promise<void> {
    for (const socket of this.#fillers) socket.destroy();
    Atomics.store(this.#gate, 0, 1);
    Atomics.notify(this.#gate, 0);
    await this.#worker.terminate();
  }
}
