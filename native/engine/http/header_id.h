#ifndef MILLRACE_ENGINE_HTTP_HEADER_ID_H_
#define MILLRACE_ENGINE_HTTP_HEADER_ID_H_

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "engine/http/chars.h"

namespace millrace {

// The fields that the proxy itself reads or owns. Everything else is end-to-end and passes through.
enum class HeaderId : uint8_t {
  kOther,
  kAuthorization,
  kB3,
  kConnection,
  kContentLength,
  kContentRange,
  kContentType,
  kDate,
  kExpect,
  kHost,
  kHttp2Settings,
  kIfRange,
  kKeepAlive,
  kMaxForwards,
  kOrigin,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kRange,
  kSecWebSocketAccept,
  kSecWebSocketExtensions,
  kSecWebSocketKey,
  kSecWebSocketProtocol,
  kSecWebSocketVersion,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kXB3Flags,
  kXB3ParentSpanId,
  kXB3Sampled,
  kXB3SpanId,
  kXB3TraceId,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXMillraceAttempt,
  kXRequestId,
};

namespace internal {

// Up to 24 bytes as three words, folded to lower case; words overlap so that no byte past the end
// is read. Folding with 0x20 maps no other token byte onto a letter, '-' or a digit, so for tokens
// equality is exact.
struct FoldedName {
  uint64_t first = 0;
  uint64_t second = 0;
  uint64_t third = 0;
  friend constexpr bool operator==(const FoldedName&, const FoldedName&) = default;
};

constexpr uint64_t word(const char* at, size_t bytes) noexcept {
  if (!std::is_constant_evaluated()) {
    if (bytes == 8) {
      uint64_t value;
      std::memcpy(&value, at, 8);
      return value;
    }
    if (bytes == 4) {
      uint32_t value;
      std::memcpy(&value, at, 4);
      return value;
    }
  }
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i)
    value |= static_cast<uint64_t>(static_cast<uint8_t>(at[i])) << (8 * i);
  return value;
}

constexpr FoldedName fold(std::string_view name) noexcept {
  constexpr uint64_t kFold = 0x2020202020202020u;
  const char* at = name.data();
  const size_t n = name.size();
  if (n < 4) return {word(at, n) | kFold, kFold, kFold};
  if (n < 8) return {word(at, 4) | kFold, word(at + n - 4, 4) | kFold, kFold};
  if (n <= 16) return {word(at, 8) | kFold, word(at + n - 8, 8) | kFold, kFold};
  return {word(at, 8) | kFold, word(at + 8, 8) | kFold, word(at + n - 8, 8) | kFold};
}

}  // namespace internal

// A token in any case. One switch on the length, then comparisons of whole words.
inline HeaderId identifyHeader(std::string_view name) noexcept {
  if (name.size() < 2 || name.size() > 24) return HeaderId::kOther;
  const internal::FoldedName folded = internal::fold(name);
  const auto is = [&folded](const internal::FoldedName& known) { return folded == known; };
#define MILLRACE_NAME(text)                                             \
  ([] {                                                                 \
    static constexpr internal::FoldedName kName = internal::fold(text); \
    return kName;                                                       \
  }())
  switch (name.size()) {
    case 2:
      return is(MILLRACE_NAME("te"))   ? HeaderId::kTe
             : is(MILLRACE_NAME("b3")) ? HeaderId::kB3
                                       : HeaderId::kOther;
    case 4:
      return is(MILLRACE_NAME("host"))   ? HeaderId::kHost
             : is(MILLRACE_NAME("date")) ? HeaderId::kDate
                                         : HeaderId::kOther;
    case 5:
      return is(MILLRACE_NAME("range")) ? HeaderId::kRange : HeaderId::kOther;
    case 6:
      return is(MILLRACE_NAME("expect"))   ? HeaderId::kExpect
             : is(MILLRACE_NAME("origin")) ? HeaderId::kOrigin
                                           : HeaderId::kOther;
    case 7:
      return is(MILLRACE_NAME("upgrade"))   ? HeaderId::kUpgrade
             : is(MILLRACE_NAME("trailer")) ? HeaderId::kTrailer
                                            : HeaderId::kOther;
    case 8:
      return is(MILLRACE_NAME("if-range")) ? HeaderId::kIfRange : HeaderId::kOther;
    case 10:
      return is(MILLRACE_NAME("connection"))   ? HeaderId::kConnection
             : is(MILLRACE_NAME("keep-alive")) ? HeaderId::kKeepAlive
             : is(MILLRACE_NAME("tracestate")) ? HeaderId::kTracestate
             : is(MILLRACE_NAME("x-b3-flags")) ? HeaderId::kXB3Flags
                                               : HeaderId::kOther;
    case 11:
      return is(MILLRACE_NAME("traceparent"))   ? HeaderId::kTraceparent
             : is(MILLRACE_NAME("x-b3-spanid")) ? HeaderId::kXB3SpanId
                                                : HeaderId::kOther;
    case 12:
      return is(MILLRACE_NAME("content-type"))   ? HeaderId::kContentType
             : is(MILLRACE_NAME("x-request-id")) ? HeaderId::kXRequestId
             : is(MILLRACE_NAME("max-forwards")) ? HeaderId::kMaxForwards
             : is(MILLRACE_NAME("x-b3-traceid")) ? HeaderId::kXB3TraceId
             : is(MILLRACE_NAME("x-b3-sampled")) ? HeaderId::kXB3Sampled
                                                 : HeaderId::kOther;
    case 13:
      return is(MILLRACE_NAME("authorization"))   ? HeaderId::kAuthorization
             : is(MILLRACE_NAME("content-range")) ? HeaderId::kContentRange
                                                  : HeaderId::kOther;
    case 14:
      return is(MILLRACE_NAME("content-length"))   ? HeaderId::kContentLength
             : is(MILLRACE_NAME("http2-settings")) ? HeaderId::kHttp2Settings
                                                   : HeaderId::kOther;
    case 15:
      return is(MILLRACE_NAME("x-forwarded-for")) ? HeaderId::kXForwardedFor : HeaderId::kOther;
    case 16:
      return is(MILLRACE_NAME("x-forwarded-host"))   ? HeaderId::kXForwardedHost
             : is(MILLRACE_NAME("proxy-connection")) ? HeaderId::kProxyConnection
                                                     : HeaderId::kOther;
    case 17:
      return is(MILLRACE_NAME("transfer-encoding"))   ? HeaderId::kTransferEncoding
             : is(MILLRACE_NAME("sec-websocket-key")) ? HeaderId::kSecWebSocketKey
             : is(MILLRACE_NAME("x-forwarded-proto")) ? HeaderId::kXForwardedProto
             : is(MILLRACE_NAME("x-b3-parentspanid")) ? HeaderId::kXB3ParentSpanId
                                                      : HeaderId::kOther;
    case 18:
      return is(MILLRACE_NAME("proxy-authenticate"))   ? HeaderId::kProxyAuthenticate
             : is(MILLRACE_NAME("x-millrace-attempt")) ? HeaderId::kXMillraceAttempt
                                                       : HeaderId::kOther;
    case 19:
      return is(MILLRACE_NAME("proxy-authorization")) ? HeaderId::kProxyAuthorization
                                                      : HeaderId::kOther;
    case 20:
      return is(MILLRACE_NAME("sec-websocket-accept")) ? HeaderId::kSecWebSocketAccept
                                                       : HeaderId::kOther;
    case 21:
      return is(MILLRACE_NAME("sec-websocket-version")) ? HeaderId::kSecWebSocketVersion
                                                        : HeaderId::kOther;
    case 22:
      return is(MILLRACE_NAME("sec-websocket-protocol")) ? HeaderId::kSecWebSocketProtocol
                                                         : HeaderId::kOther;
    case 24:
      return is(MILLRACE_NAME("sec-websocket-extensions")) ? HeaderId::kSecWebSocketExtensions
                                                           : HeaderId::kOther;
    default:
      return HeaderId::kOther;
  }
#undef MILLRACE_NAME
}

// Hop-by-hop (RFC 9110 section 7.6.1): never forwarded, whatever Connection says.
inline bool isHopByHop(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kHttp2Settings:
      return true;
    default:
      return false;
  }
}

// What of a WebSocket handshake is between two neighbours: each side of the proxy has a key of its
// own, and an extension (permessage-deflate) would bind two connections that frame by themselves.
inline bool isWebSocketHop(HeaderId id) noexcept {
  return id == HeaderId::kSecWebSocketKey || id == HeaderId::kSecWebSocketVersion ||
         id == HeaderId::kSecWebSocketExtensions || id == HeaderId::kSecWebSocketAccept;
}

// A field that means one value (RFC 9110 section 5.3), and of which a gateway and an upstream that
// read different ones would make two requests: who it is from, what the body is, which part is
// asked for, how far it may go. Host and Content-Length have rules of their own.
inline bool isSingle(HeaderId id) noexcept {
  constexpr auto bit = [](HeaderId single) { return uint64_t{1} << static_cast<uint32_t>(single); };
  constexpr uint64_t kSingles = bit(HeaderId::kAuthorization) | bit(HeaderId::kContentRange) |
                                bit(HeaderId::kContentType) | bit(HeaderId::kIfRange) |
                                bit(HeaderId::kMaxForwards) | bit(HeaderId::kOrigin) |
                                bit(HeaderId::kRange);
  return (kSingles & bit(id)) != 0;
}

// "proxy" and "proxy-*", lower case, in requests: between a client and its own proxy, or (the bare
// one) what CGI turns into the name of a proxy to use. Never forwarded.
inline bool isProxyField(std::string_view name) noexcept {
  return name.size() >= 5 && std::memcmp(name.data(), "proxy", 5) == 0 &&
         (name.size() == 5 || name[5] == '-');
}

// A peer may name a field in Connection to have it removed, but not these: the proxy's own
// statements and those of proxies before it, framing and what the body is, credentials, and what a
// browser says or is told by itself must not vanish on a peer's word. Nobody may name what is meant
// for every recipient (RFC 9110 section 7.6.1). Asked only about fields that are named there.
inline bool isProtectedFromConnection(std::string_view name) noexcept {
  if (identifyHeader(name) != HeaderId::kOther) return true;
  for (std::string_view prefix : {"content-", "sec-", "x-forwarded-", "access-control-", "if-"}) {
    if (chars::equalsIgnoreCase(name.substr(0, prefix.size()), prefix)) return true;
  }
  for (std::string_view known :
       {"cookie", "set-cookie", "cache-control", "forwarded", "via", "x-real-ip", "location",
        "etag", "vary", "www-authenticate", "strict-transport-security", "x-frame-options",
        "x-content-type-options"}) {
    if (chars::equalsIgnoreCase(name, known)) return true;
  }
  return false;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_HEADER_ID_H_
