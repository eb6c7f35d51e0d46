/** The parsers of messages apart from any connection: for conformance tests. Text is latin1, one code unit a byte. */
import { addon } from './load.ts';
import type { NativeRequest, NativeResponse } from './native.ts';

export interface ResponseOptions {
  /** The request was HEAD: no body follows, whatever the head says. */
  toHead?: boolean;
  /** The connection ends after the last byte. */
  closed?: boolean;
  /** Where the pieces end in which the bytes arrive, ascending. */
  ends?: readonly number[];
}

/**
 * Reads an answer as the reactor does. `interim` are the status codes of 1xx answers before it; `status` and its like are there
 * when the head was whole and without fault; `error` says what is wrong with the head or the body, after which `body` is
 * what came before; `truncated` is the error of a connection that ended too early; `rest` counts bytes after the end.
 */
export function parseResponse(bytes: Uint8Array, { toHead = false, closed = false, ends = [] }: ResponseOptions = {}): NativeResponse {
  return addon.parseResponse(bytes, Uint32Array.from(ends), toHead, closed);
}

/** Checks a request head as the engine gets it from the listener: method, target, and fields with names in lower case. */
export function parseRequest(method: string, target: string, fields: readonly (readonly [name: string, value: string])[], maxBytes = 65_536): NativeRequest {
  const pieces = [method, target, ...fields.flat()];
  return addon.parseRequest(Buffer.from(pieces.join(''), 'latin1'), Int32Array.from(pieces, ({ length }) => length), maxBytes);
}
