/**
 * Writes to a uWS response from outside its handler, each inside `cork`: without it every call is a send() of its own.
 *
 * uWS takes a function without arguments, and a closure per answer would be garbage, so the arguments go through the
 * variables of this module: set, corked, done, all in one turn.
 *
 * How a head is written: uWS validates neither status nor header values, and the engine has validated the whole
 * upstream head. So one `writeStatus` carries "200 OK\r\nname: value\r\n..." as raw bytes, instead of two strings and a call
 * per header. This leans on the pinned uWS version on purpose; a test pins the bytes.
 */
import type { HttpResponse, us_socket_context_t } from 'uWebSockets.js';

const SWITCHING = Buffer.from('101 Switching Protocols');
const LINE_END = Buffer.from('\r\n');

let res: HttpResponse;
let head: Uint8Array;
let body: Uint8Array;
let close = false;
let total = 0;
let written = false;
let ended: [boolean, boolean] = [false, false];

const whole = (): void => {
  res.writeStatus(head).end(body, close);
};
const wholeSaysClose = (): void => {
  res.writeStatus(head).writeHeader('connection', 'close').end(body, true);
};
const bodiless = (): void => {
  res.writeStatus(head).endWithoutBody();
};
const headOnly = (): void => {
  res.writeStatus(head);
};
const headAndClose = (): void => {
  res.writeStatus(head).writeHeader('connection', 'close');
};
const lengthPiece = (): void => {
  ended = res.tryEnd(body, total);
};
const headAndLengthPiece = (): void => {
  res.writeStatus(head);
  if (close) res.writeHeader('connection', 'close');
  ended = res.tryEnd(body, total);
};
const headAndChunk = (): void => {
  res.writeStatus(head);
  if (close) res.writeHeader('connection', 'close');
  written = res.write(body);
};
const chunk = (): void => {
  written = res.write(body);
};
const chunkEnd = (): void => {
  res.end();
};
const nothing = (): void => undefined;

/**
 * Head and body, and the end of the answer. `sayClose`: the client has asked for the end of the connection in so many words.
 * uWS ends it then, and takes it that the client knows; RFC 9112 section 9.6 wants it said all the same.
 */
export function answerWhole(response: HttpResponse, headBytes: Uint8Array, bodyBytes: Uint8Array, closeAfter: boolean, sayClose: boolean): void {
  res = response;
  head = headBytes;
  body = bodyBytes;
  close = closeAfter;
  response.cork(sayClose ? wholeSaysClose : whole);
}

/** An answer that has no body; a Content-Length is part of the head. */
export function answerBodiless(response: HttpResponse, headBytes: Uint8Array): void {
  res = response;
  head = headBytes;
  response.cork(bodiless);
}

/** The same, and the end of the connection, for which uWS has no call: the whole head is ours, and the socket closed behind it. */
export function answerBodilessAndClose(response: HttpResponse, headBytes: Uint8Array): void {
  writeHead(response, Buffer.concat([headBytes, Buffer.from(`\r\nconnection: close\r\ndate: ${new Date().toUTCString()}\r\n`)]), false);
  response.close();
}

/**
 * 101 with further header lines, "a: b\r\nc: d" or nothing. Calls the `open` handler; the response is gone afterwards.
 *
 * The one write outside of a cork, except for the head. In uWS 20.51.4, `cork` goes on with the response after its function, and
 * when that was upgraded where it was in memory, it reads a state that is freed, and now and then closes the new WebSocket for a
 * stray bit in it (uWebSockets fe7c01a). What this costs is a few system calls for each WebSocket (the kernel gathers them, see
 * `holdSocket`), and a warning of uWS on standard error, which is muted (see `muteNativeOutput`).
 */
export function upgrade(response: HttpResponse, lines: Uint8Array, data: object, key: string, protocol: string, context: us_socket_context_t): void {
  if (lines.length !== 0) {
    res = response;
    head = Buffer.concat([SWITCHING, LINE_END, lines]);
    response.cork(headOnly);
  }
  response.upgrade(data, key, protocol, '', context);
}

/** The beginning of a streamed answer. */
export function writeHead(response: HttpResponse, headBytes: Uint8Array, closeAfter: boolean): void {
  res = response;
  head = headBytes;
  response.cork(closeAfter ? headAndClose : headOnly);
}

/** The beginning of a streamed answer of known length and its first piece, in one packet; as `tryEnd`. */
export function writeHeadAndTryEnd(response: HttpResponse, headBytes: Uint8Array, closeAfter: boolean, piece: Uint8Array, totalBytes: number): [boolean, boolean] {
  res = response;
  head = headBytes;
  close = closeAfter;
  body = piece;
  total = totalBytes;
  response.cork(headAndLengthPiece);
  return ended;
}

/** The beginning of a streamed answer and its first chunk, which must fit into uWS's cork buffer together; as `writeChunk`. */
export function writeHeadAndChunk(response: HttpResponse, headBytes: Uint8Array, closeAfter: boolean, piece: Uint8Array): boolean {
  res = response;
  head = headBytes;
  close = closeAfter;
  body = piece;
  response.cork(headAndChunk);
  return written;
}

/** A piece of an answer of known length: [taken whole, the answer is complete]. What was not taken is not kept. */
export function tryEnd(response: HttpResponse, piece: Uint8Array, totalBytes: number): [boolean, boolean] {
  res = response;
  body = piece;
  total = totalBytes;
  response.cork(lengthPiece);
  return ended;
}

/** A chunk; uWS keeps what the socket does not take, and says false then. */
export function writeChunk(response: HttpResponse, piece: Uint8Array): boolean {
  res = response;
  body = piece;
  response.cork(chunk);
  return written;
}

export function endChunks(response: HttpResponse): void {
  res = response;
  response.cork(chunkEnd);
}

/** Sends what uWS has buffered, or makes it wait for writability again. */
export function flush(response: HttpResponse): void {
  response.cork(nothing);
}
