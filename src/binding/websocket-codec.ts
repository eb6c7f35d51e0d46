/** The WebSocket codec of the engine, apart from any connection: for tests and benches. */
import { addon } from './load.ts';

export interface WebSocketPiece {
  /** 1 text, 2 binary, 8 close, 9 ping, 10 pong; a continuation has that of its message. */
  opcode: number;
  data: Uint8Array;
  /** Of the message. */
  end: boolean;
  /** Opcode 8: 1005 = none; `data` is the reason. */
  closeCode: number;
}

export interface WebSocketReading {
  pieces: WebSocketPiece[];
  /** Bytes of the input up to the end, or up to where the error was found. */
  consumed: number;
  /** A sentence; empty = none. */
  error: string;
  /** Of the error; 1000 = none. */
  closeCode: number;
  /** A frame or a message has begun and is not complete. */
  midMessage: boolean;
}

export interface WebSocketReader {
  feed(bytes: Uint8Array): WebSocketReading;
}

/** Reads what a server sends. */
export function createWebSocketReader(maxMessage: number): WebSocketReader {
  return new addon.WebSocketReader(maxMessage);
}

/** A whole frame from a client; the mask is a word whose lowest byte comes first. */
export const writeWebSocketFrame = (opcode: number, payload: Uint8Array, mask: number): Uint8Array => addon.writeWebSocketFrame(opcode, payload, mask);
/** A whole Close frame from a client. */
export const writeWebSocketClose = (code: number, reason: Uint8Array, mask: number): Uint8Array => addon.writeWebSocketClose(code, reason, mask);
/** The Sec-WebSocket-Accept that answers a key. */
export const webSocketAccept = (key: string): string => addon.webSocketAccept(key);

/** Mean nanoseconds of a loop in C++ to read these frames, all of them, once. */
export const timeWebSocketReads = (frames: Uint8Array, n: number): number => addon.timeWebSocketReads(frames, n);
/** The same to mask a payload. */
export const timeWebSocketMasking = (payload: Uint8Array, n: number): number => addon.timeWebSocketMasking(payload, n);
/** The same to validate a text. */
export const timeUtf8 = (text: Uint8Array, n: number): number => addon.timeUtf8(text, n);
