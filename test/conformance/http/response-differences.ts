/**
 * Where the response parser and Node's own HTTP client (llhttp, strict) differ, and why. A difference that fits no row fails
 * the test. Rows tell by the message, not by Node's words for it, which change from one Node to the next.
 */
import type { NativeResponse } from '../../../src/binding/native.ts';
import type { ResponseMessage } from './response-messages.ts';
import type { NodeOutcome } from './wire.ts';

export interface Difference {
  name: string;
  /** Ours does not accept it, or both do and only this differs: never a danger. Else ours takes what Node refuses. */
  side: 'stricter' | 'more lenient' | 'reuse';
  why: string;
  /** Whether the row explains the difference. */
  holds: (ours: NativeResponse, node: NodeOutcome, message: ResponseMessage) => boolean;
}

const refusedAs =
  (sentence: string, needs: RegExp) =>
  (ours: NativeResponse, _node: NodeOutcome, { text }: ResponseMessage): boolean =>
    ours.error === sentence && needs.test(text);

/** Heads before the body, and the rest. */
function parts(text: string): { heads: string; body: string } {
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) return { heads: text, body: '' };
    const interim = /^HTTP\/1\.[01] 1\d\d/.test(text.slice(at));
    at = end + 4;
    if (!interim) return { heads: text.slice(0, at), body: text.slice(at) };
  }
}

const refusedByNode = (test: (heads: string, body: string) => boolean) => (ours: NativeResponse, node: NodeOutcome, { text }: ResponseMessage): boolean => {
  const { heads, body } = parts(text);
  return node.kind === 'refused' && (ours.error === undefined || ours.truncated) && test(heads, body);
};

const CHUNKED = /^transfer-encoding:[ \t]*chunked[ \t]*\r$/im;
const valuesOf = (heads: string, name: string): string[] => [...heads.matchAll(new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r$`, 'gim'))].map(([, value = '']) => value);
const reuses = (ours: NativeResponse, node: NodeOutcome): boolean => node.kind === 'answer' && ours.done && ours.persistent !== node.reusable;

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'transfer codings beside chunked',
    side: 'stricter',
    why: 'Node reads a body with an unknown coding up to the end of the connection, and ignores what stands before a last "chunked". A proxy that forwards must not guess: RFC 9112 6.1, 6.3; nginx refuses it, too',
    holds: refusedAs('Transfer-Encoding is not exactly chunked', /^transfer-encoding:/im),
  },
  {
    name: 'control bytes in the reason',
    side: 'stricter',
    why: 'Node takes nearly any byte in a reason phrase, a CR at its end among them. RFC 9112 4 allows HTAB, SP, visible and obs-text bytes',
    // eslint-disable-next-line no-control-regex
    holds: refusedAs('malformed status line', /(^|\r\n\r\n|^[\r\n]+)HTTP\/\d\.\d[^\r\n]*([\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n))/),
  },
  {
    name: 'line ends before the status line',
    side: 'stricter',
    why: 'Node skips them. An empty line is allowed before a request only (RFC 9112 2.2); before an answer it is a byte that belongs to no message',
    holds: (ours, _node, { text }) => ours.error !== undefined && !ours.truncated && ours.status === undefined && /(^|\r\n\r\n)[\r\n]/.test(text),
  },
  {
    name: 'versions beside HTTP/1.0 and HTTP/1.1',
    side: 'stricter',
    why: 'llhttp reads RTSP and ICY with the same parser, and takes 0.9 and 2.0 as versions. What their bodies would be framed by is not in RFC 9112',
    holds: (ours, _node, { text }) =>
      (ours.error === 'version is not HTTP/1.0 or HTTP/1.1' || ours.error === 'not HTTP/1.x: another protocol, or TLS') && /(^|\r\n\r\n)(HTTP\/[02-9]|R(T|$)|I(C|$))/.test(text),
  },
  {
    name: 'status codes outside 100-599',
    side: 'stricter',
    why: 'Node takes three digits of any value. RFC 9110 15: others are invalid, and 1xx framing rules need a class',
    holds: refusedAs('status code outside 100-599', /HTTP\/1\.[01] (0\d\d|[6-9]\d\d)/),
  },
  {
    name: '101 without asking',
    side: 'stricter',
    why: 'Node reads a 101 without Upgrade as an ordinary answer with a body. The proxy asked for no other protocol, so what follows is not HTTP (RFC 9110 15.2.2; CVE-2026-2833 of Pingora)',
    holds: refusedAs('101 without an upgrade request', /HTTP\/1\.[01] 101/),
  },
  {
    name: 'lengths of more than 18 digits',
    side: 'stricter',
    why: 'llhttp counts up to 2^64; the proxy stops at 10^18, so that no sum of lengths can wrap',
    holds: refusedAs('malformed Content-Length', /^content-length:[ \t]*\d{19,}/im),
  },
  {
    name: 'chunk sizes of more than 16 digits, or of 2^63 and more',
    side: 'stricter',
    why: 'llhttp counts zeros in front as nothing, and goes up to 2^64. Nobody sends either; a limit on digits is the simplest guard against overflow in whoever reads it next (RFC 9112 7.1)',
    holds: refusedAs('malformed chunk size', /[0-9a-f]{17}|(^|\n)[89a-f][0-9a-f]{15}/i),
  },
  {
    name: 'the end of an incomplete head that is wrong already',
    side: 'more lenient',
    why: 'llhttp judges byte by byte, the proxy when the head is whole; until then nothing of it goes anywhere. With its end, the head is refused (the test tries that)',
    holds: (ours, node) => node.kind === 'refused' && ours.status === undefined && (ours.error === undefined || ours.truncated),
  },
  {
    name: 'the same length twice',
    side: 'more lenient',
    why: 'RFC 9110 8.6 lets a recipient take a list of equal lengths for one; the proxy writes one of its own. llhttp refuses',
    holds: refusedByNode((heads) => {
      const values = valuesOf(heads, 'content-length').flatMap((value) => value.split(','));
      return values.length > 1 && new Set(values.map((value) => Number(value))).size === 1;
    }),
  },
  {
    name: 'a TAB behind a length',
    side: 'more lenient',
    why: 'white space around a value is no part of it, and a TAB is white space (RFC 9110 5.5). llhttp before 9.2 refuses it',
    holds: refusedByNode((heads) => /^content-length:[ \t]*\d+[ \t]*\t[ \t]*\r$/im.test(heads)),
  },
  {
    name: 'an interim answer that says close, or is HTTP/1.0',
    side: 'more lenient',
    why: 'llhttp takes no bytes after a message that closes. Interim answers have no say in it (RFC 9110 15.2: the final one does), and the proxy drops them',
    holds: refusedByNode((heads) => /^HTTP\/1\.0 1\d\d/m.test(heads) || /^HTTP\/1\.1 1\d\d[^]*?^(proxy-)?connection:[^\r]*close/im.test(heads)),
  },
  {
    name: 'framing fields in an interim answer',
    side: 'more lenient',
    why: 'A 1xx has no body whatever its fields say (RFC 9112 6.3), so they frame nothing; the proxy drops it. llhttp counts them',
    holds: refusedByNode((heads) => /^HTTP\/1\.[01] 1\d\d[^]*?^(content-length|transfer-encoding):[^]*?\r\n\r\nHTTP/im.test(heads)),
  },
  {
    name: 'white space and values in chunk extensions',
    side: 'more lenient',
    why: 'RFC 9112 7.1.1 allows white space around ";" and "=", and servers pad sizes with it; llhttp does not take it. The proxy passes over extensions as a whole: they end at the CR, no quote hides it, and they are not forwarded',
    holds: refusedByNode((heads, body) => CHUNKED.test(heads) && /^[0-9a-f]+([ \t]|[ \t]*;)[^\r\n]*(\r|$)/im.test(body)),
  },
  {
    name: 'framing fields in trailers',
    side: 'more lenient',
    why: 'RFC 9110 6.5.1: they must not be there and frame nothing. The proxy drops trailers; llhttp refuses',
    holds: refusedByNode((heads, body) => CHUNKED.test(heads) && /^(content-length|transfer-encoding):/im.test(body)),
  },
  {
    name: 'Proxy-Connection',
    side: 'reuse',
    why: 'llhttp reads it as Connection. It is no field of HTTP (RFC 9112 C.2.2); a connection that is closed in spite of what Connection says is found out before it is used again',
    holds: (ours, node, { text }) => reuses(ours, node) && /^proxy-connection:[ \t]*close/im.test(text),
  },
  {
    name: 'an answer to HEAD without a length',
    side: 'reuse',
    why: 'llhttp waits for the end of the connection without a length. An answer to HEAD ends with its head (RFC 9112 6.3), so the next one begins there',
    holds: (ours, node, { toHead }) => reuses(ours, node) && toHead && ours.persistent === true && ours.framing === 'none',
  },
  {
    name: 'keep-alive and close together',
    side: 'reuse',
    why: 'close wins (RFC 9112 9.3); llhttp goes by which of them comes last, or by keep-alive',
    holds: (ours, node, { text }) => reuses(ours, node) && ours.persistent === false && /^connection:[^]*keep-alive/im.test(text) && /^connection:[^]*close/im.test(text),
  },
];
