import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Connections } from '../../../src/admin/connections.ts';

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

describe('connections of the admin server', () => {
  it('make room by the one that has been idle for longest', () => {
    const connections = new Connections(3);
    const [a, b, c, d, e] = Array.from({ length: 5 }, () => new Socket()) as [Socket, Socket, Socket, Socket, Socket];
    expect([a, b, c].map((socket) => connections.add(socket))).toEqual([true, true, true]);
    connections.begin(a);
    connections.end(a); // the newest of the idle ones now
    expect(connections.add(d)).toBe(false);
    expect([a, b, c, d].map(({ destroyed }) => destroyed)).toEqual([false, true, false, false]);
    connections.begin(c);
    connections.add(e);
    expect([a, c, d, e].map(({ destroyed }) => destroyed)).toEqual([true, false, false, false]);
  });

  it('that all have work to do are kept, and the new one goes', () => {
    const connections = new Connections(2);
    const [a, b, c] = [new Socket(), new Socket(), new Socket()];
    for (const socket of [a, b]) {
      connections.add(socket);
      connections.begin(socket);
    }
    expect(connections.add(c)).toBe(false);
    expect([a, b, c].map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
  });

  it('that ended leave their places', async () => {
    const connections = new Connections(1);
    const [a, b] = [new Socket(), new Socket()];
    connections.add(a);
    const gone = closed(a);
    a.destroy();
    await gone;
    expect(connections.add(b)).toBe(true);
    // What ends late is none of them any more.
    connections.end(a);
    expect(b.destroyed).toBe(false);
  });
});
