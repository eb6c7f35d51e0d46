/** Connections that ask for nothing. */
import { connect, type Socket } from 'node:net';
import { keep } from '../support/keep.ts';

export class Crowd {
  /** Open now. */
  readonly open = new Set<Socket>();
  readonly #all: Socket[];
  /** Those that were connected, and those that were refused, reset or closed. */
  connected = 0;
  ended = 0;

  constructor(port: number, size: number) {
    this.#all = Array.from({ length: size }, () => {
      const socket = connect(port, '127.0.0.1', () => {
        this.connected++;
        this.open.add(socket);
      });
      socket.on('error', () => undefined).on('end', () => socket.destroy()).resume();
      return socket.on('close', () => {
        this.ended++;
        this.open.delete(socket);
      });
    });
    keep(this);
  }

  close(): Promise<void> {
    for (const socket of this.#all) socket.destroy();
    return Promise.resolve();
  }
}
