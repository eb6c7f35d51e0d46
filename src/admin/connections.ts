/**
 * Caps the connections of the admin server without letting anybody who only opens them keep the operator out: when all places are
 * taken, the one that has been idle for longest makes room.
 */
import type { Socket } from 'node:net';

interface Entry {
  /** Requests that were accepted and are not answered yet. */
  busy: number;
}

/** O(1) for a connection, O(connections) for one that is one too many. */
export class Connections {
  readonly #max: number;
  /** In the order in which they became idle, or came. */
  readonly #open = new Map<Socket, Entry>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a new connection; false when some connection had to be closed for it, or it was closed itself. */
  add(socket: Socket): boolean {
    const full = this.#open.size >= this.#max;
    if (full) {
      const idle = this.#oldestIdle();
      if (idle === undefined) {
        socket.destroy();
        return false;
      }
      this.#open.delete(idle);
      idle.destroy();
    }
    this.#open.set(socket, { busy: 0 });
    socket.once('close', () => this.#open.delete(socket));
    return !full;
  }

  /** A request that may be answered holds its connection. */
  begin(socket: Socket): void {
    const entry = this.#open.get(socket);
    if (entry !== undefined) entry.busy++;
  }

  end(socket: Socket): void {
    const entry = this.#open.get(socket);
    if (entry === undefined) return;
    entry.busy--;
    if (entry.busy > 0) return;
    // Last in the order now.
    this.#open.delete(socket);
    this.#open.set(socket, entry);
  }

  #oldestIdle(): Socket | undefined {
    for (const [socket, { busy }] of this.#open) if (busy === 0) return socket;
    return undefined;
  }
}
