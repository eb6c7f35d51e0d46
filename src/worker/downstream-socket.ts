/** Sockets under uWS's responses, for what uWS cannot do with them; see native/api/downstream_socket_api.cc for how they are found. */
import type { HttpResponse } from 'uWebSockets.js';
import { addon } from '../binding/load.ts';

const { endSocket, findSocket, forgetSocket, isSocketStopped, pauseSocket } = addon;

/** The poll of this response's socket, which stays the same through an upgrade; 0 when it was not found. */
export function takeSocket(res: HttpResponse): number {
  res.pause();
  res.resume();
  const socket = findSocket();
  res.pause();
  const found = isSocketStopped(socket);
  res.resume();
  if (found) return socket;
  forgetSocket(socket);
  return 0;
}

/**
 * Before the write that ends a streamed answer with "connection: close": uWS can close behind a whole answer only. From here on
 * nothing that the client sends is read, so that what lies behind its request is not taken for another one. Give the result to
 * `endConnection` when the answer is complete, and to `keepReading` when the write did not go through.
 */
export function stopReading(res: HttpResponse): number {
  const socket = takeSocket(res);
  if (socket === 0) res.pause(); // then the connection ends by uWS's timer, some 10 s later
  else pauseSocket(socket);
  return socket;
}

/** The client gets what was written, and then the end. */
export function endConnection(socket: number): void {
  endSocket(socket);
}

/** A write that fails makes uWS read and write again by itself. */
export function keepReading(socket: number): void {
  forgetSocket(socket);
}
