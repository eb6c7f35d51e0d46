#include "engine/http/request_head.h"

namespace millrace {

const char* describe(RequestError error) noexcept {
  switch (error) {
    case RequestError::kNone:
      return "nothing is wrong\n";
    case RequestError::kMalformed:
      return "malformed request\n";
    case RequestError::kMethod:
      return "malformed method: it is a word of at most 32 letters\n";
    case RequestError::kMethodRefused:
      return "this method is not proxied here: use one that Allow names\n";
    case RequestError::kTarget:
      return "malformed request target: percent-encode what is not visible ASCII, and leave the "
             "fragment out\n";
    case RequestError::kTargetTooLong:
      return "request target too long: shorten the path or the query\n";
    case RequestError::kPath:
      return "the path holds an encoded slash or backslash, a backslash, %00 or a broken escape, "
             "which is refused here\n";
    case RequestError::kMissingHost:
      return "missing Host: send the name of the host that is asked\n";
    case RequestError::kHost:
      return "malformed Host: send one host name or [IPv6 address], and a port up to 65535\n";
    case RequestError::kRepeatedHost:
      return "repeated Host: send it once\n";
    case RequestError::kHeaderName:
      return "malformed header name\n";
    case RequestError::kUnderscore:
      return "header names with an underscore are refused here: write a hyphen\n";
    case RequestError::kHeaderValue:
      return "control characters in a header value\n";
    case RequestError::kRepeatedHeader:
      return "a header that has one value was sent with two: send it once\n";
    case RequestError::kTooManyHeaders:
      return "too many header lines\n";
    case RequestError::kHeaderTooLong:
      return "header line too long\n";
    case RequestError::kHeadTooLarge:
      return "request head too large: send fewer or shorter headers\n";
    case RequestError::kContentLength:
      return "malformed or repeated Content-Length: send one decimal number\n";
    case RequestError::kTransferEncoding:
      return "malformed or repeated Transfer-Encoding: send chunked, once\n";
    case RequestError::kUnknownTransferCoding:
      return "unknown transfer coding: only chunked is understood here\n";
    case RequestError::kLengthAndTransferEncoding:
      return "both Content-Length and Transfer-Encoding: send one of them\n";
    case RequestError::kConnectionOptions:
      return "malformed Connection: it is a list of header names and options\n";
    case RequestError::kExpectation:
      return "unknown expectation: only 100-continue is understood here\n";
    case RequestError::kMaxForwards:
      return "malformed Max-Forwards: send one decimal number\n";
    case RequestError::kTraceBody:
      return "TRACE has no body\n";
    case RequestError::kWebSocketVersion:
      return "this WebSocket version is not supported: use 13\n";
    case RequestError::kWebSocketKey:
      return "missing, repeated or malformed Sec-WebSocket-Key: send 16 bytes in base64\n";
    case RequestError::kWebSocketBody:
      return "a WebSocket handshake has no body\n";
  }
  return "unknown\n";
}

uint32_t statusOf(RequestError error) noexcept {
  switch (error) {
    case RequestError::kMethodRefused:
      return 405;
    case RequestError::kTargetTooLong:
      return 414;
    case RequestError::kUnknownTransferCoding:
      return 501;
    case RequestError::kExpectation:
      return 417;
    case RequestError::kWebSocketVersion:
      return 426;
    case RequestError::kTooManyHeaders:
    case RequestError::kHeaderTooLong:
    case RequestError::kHeadTooLarge:
      return 431;
    default:
      return 400;
  }
}

}  // namespace millrace
