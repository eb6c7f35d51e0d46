/** What a case is, and short ways to write the bytes of one. A string stands for its latin1 bytes. */
import type { GapRule } from './gaps.ts';

/**
 * Status of the first final answer, or how it ended without one: `close` for a connection that was closed, `silence` for one that
 * waits for more, `abort` for an answer that was broken off before its end.
 */
export type Outcome = number | 'close' | 'silence' | 'abort';

/** A case that the listener does not let us handle as the rule wants: what happens today, and which rule of it is to blame. */
export interface Gap {
  rule: GapRule;
  today: readonly Outcome[];
  /** Most requests that reach the upstream; default: what the case says. Their framing is the proxy's own in any case. */
  forwarded?: number;
  /** The bytes behind the message are taken for a second request of the same client. */
  second?: true;
}

interface Case {
  /** Never changes and is never used again: C and U numbers are those of our collection of public reports. */
  id: string;
  name: string;
  /** Section of an RFC, the reports that made it famous. */
  rfc: string;
  bytes: string;
  /** What the rule allows. */
  allow: readonly Outcome[];
  gap?: Gap;
}

/** Sent by a client. No target with "smuggled" may ever reach the upstream, in any of them. */
export interface ClientCase extends Case {
  /** Most whole requests that the upstream may see; default: 1 if `allow` has a status below 400, else 0. */
  forwarded?: number;
  /** What the upstream must get when it gets anything: the body, */
  body?: string;
  /** the target, */
  target?: string;
  /** fields (name in lower case, value), */
  kept?: Readonly<Record<string, string>>;
  /** but not these. */
  absent?: readonly string[];
  /** What lies behind is an honest next request, which may be served. */
  next?: true;
  /** The connection ends after the answer. */
  closes?: true;
}

/** Sent by an upstream instead of an answer. "POISON" may never reach a client, in any of them. */
export interface UpstreamCase extends Case {
  /** Whether the connection may serve another request; undefined: as it likes. */
  reuse?: boolean;
  /** The upstream ends its connection after the bytes. */
  end?: 'close' | 'reset';
  /** Method of the request; default GET. A POST comes with half of its body. */
  method?: 'HEAD' | 'POST';
  /** Text of the body that the client must get. */
  body?: string;
  /** Must not be in the head that the client gets, in lower case. */
  absent?: readonly string[];
}

export interface Group<Of extends Case = Case> {
  title: string;
  /** What holds for all of them. */
  about: string;
  /** What a refusal by the engine is counted as: `reason` of millrace_downstream_protocol_errors_total, or of millrace_upstream_... */
  reasons?: readonly string[];
  cases: readonly Of[];
}

export const REFUSED = [400, 'close'] as const;
/** The listener says 505 to any request line that it cannot read. */
export const REFUSED_LINE = [400, 505, 'close'] as const;
export const REFUSED_CODING = [400, 501, 'close'] as const;
/** Read as meant, or refused. */
export const EITHER = [200, 400, 'close'] as const;

export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\nX-Id: smuggled\r\n\r\n';

const request = (line: string, fields: readonly string[], rest: string): string => `${line}\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${rest}`;

export const get = (fields: readonly string[] = [], rest = ''): string => request('GET /p HTTP/1.1', fields, rest);
export const post = (fields: readonly string[] = [], rest = ''): string => request('POST /p HTTP/1.1', fields, rest);
/** Another request line over an ordinary head. */
export const line = (startLine: string, fields: readonly string[] = [], rest = ''): string => request(startLine, fields, rest);
/** A GET whose Host field is this line. */
export const hosted = (hostLine: string): string => `GET /p HTTP/1.1\r\n${hostLine}\r\n\r\n`;
export const chunked = (body: string): string => post(['Transfer-Encoding: chunked'], body);

/** An answer of an upstream. */
export const answer = (fields: readonly string[], body = ''): string => `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`;
export const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\nPOISON';

/** Most whole requests that the upstream may see. */
export function mostForwarded(item: ClientCase): number {
  return item.gap?.forwarded ?? item.forwarded ?? (item.allow.some((outcome) => typeof outcome === 'number' && outcome < 400) ? 1 : 0);
}
