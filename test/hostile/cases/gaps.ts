/**
 * Rules of the listener that the code behind it cannot see through: uWebSockets.js 20.51.4 (C++ v20.70-71). Files are those of
 * uNetworking/uWebSockets/src. None crashes, and no upstream ever gets bytes that are not framed by us.
 */
export const GAP_RULES = {
  trimsHighBytes: 'HttpParser.h trims every byte that is "< 33" as a signed char from the edges of a value, bytes above 0x7f too (x86-64 only), so `\\xa05` arrives as `5`',
  waitsForLineEnd: 'HttpParser.h takes a CR that is not followed by LF for the end of what has arrived so far: it waits for more until its timer of 8-12 s closes the connection',
  waitsForRequestLine: 'HttpParser.h does not skip empty lines before a request: the CR looks like an incomplete request line, and it waits until its timer of 8-12 s closes the connection',
  emptyName: 'HttpParser.h ends the iteration over the fields at one without a name: those behind it are invisible to us and to its own framing, which then reads the body as a next request',
  lenientChunkSize: 'ChunkedEncoding.h reads every byte up to LF that is above 0x20 as a digit (`;` is 11, `g` is 16) unless its value is above 16, takes no digit at all for 0, and skips whatever follows a space or a bare CR; how it goes on depends on the packets',
  skipsChunkEnd: 'ChunkedEncoding.h skips two bytes after the data of a chunk and after the last chunk without looking at them',
  noTrailers: 'ChunkedEncoding.h knows no trailer section: the body is over after the last chunk, and the trailers are read as a next request, answered 505 with the end of the connection',
  noExtensions: 'ChunkedEncoding.h reads chunk extensions as digits of the size: 400, or a size that is not the sender\'s',
  noPipelining: 'HttpContext.h closes a connection on which a second request comes while the first is being answered, and both answers are lost',
  noAbsoluteForm: 'HttpParser.h takes nothing but a target that starts with "/": absolute-form and `*` are answered 505',
  onlyHttp11: 'HttpParser.h takes nothing but ` HTTP/1.1\\r\\n` at the end of a request line: HTTP/1.0 is answered 505',
} as const;

export type GapRule = keyof typeof GAP_RULES;
