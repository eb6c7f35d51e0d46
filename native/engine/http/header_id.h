#ifndef MILLRACE_ENGINE_HTTP_HEADER_ID_H_
#define MILLRACE_ENGINE_HTTP_HEADER_ID_H_

#include <cstdint>
#include <string_view>

#include "engine/http/chars.h"

namespace millrace {

// The fields that the proxy itself reads or owns. Everything else is end-to-end and passes through.
enum class HeaderId : uint8_t {
  kOther,
  kConnection,
  kContentLength,
  kDate,
  kExpect,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
};

// Name in any case; one switch on the length, then at most three comparisons.
inline HeaderId identifyHeader(std::string_view name) noexcept {
  const auto is = [name](std::string_view known) { return chars::equalsIgnoreCase(name, known); };
  switch (name.size()) {
    case 2: return is("te") ? HeaderId::kTe : HeaderId::kOther;
    case 4: return is("host") ? HeaderId::kHost : is("date") ? HeaderId::kDate : HeaderId::kOther;
    case 6: return is("expect") ? HeaderId::kExpect : HeaderId::kOther;
    case 7: return is("upgrade") ? HeaderId::kUpgrade : is("trailer") ? HeaderId::kTrailer : HeaderId::kOther;
    case 10: return is("connection") ? HeaderId::kConnection : is("keep-alive") ? HeaderId::kKeepAlive : HeaderId::kOther;
    case 12: return is("x-request-id") ? HeaderId::kXRequestId : HeaderId::kOther;
    case 14: return is("content-length") ? HeaderId::kContentLength : is("http2-settings") ? HeaderId::kHttp2Settings : HeaderId::kOther;
    case 15: return is("x-forwarded-for") ? HeaderId::kXForwardedFor : HeaderId::kOther;
    case 16:
      return is("x-forwarded-host") ? HeaderId::kXForwardedHost
             : is("proxy-connection") ? HeaderId::kProxyConnection : HeaderId::kOther;
    case 17:
      return is("transfer-encoding") ? HeaderId::kTransferEncoding
             : is("x-forwarded-proto") ? HeaderId::kXForwardedProto : HeaderId::kOther;
    case 18: return is("proxy-authenticate") ? HeaderId::kProxyAuthenticate : HeaderId::kOther;
    case 19: return is("proxy-authorization") ? HeaderId::kProxyAuthorization : HeaderId::kOther;
    default: return HeaderId::kOther;
  }
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

// A peer may name a field in Connection to have it removed, but not these: the proxy's own statements,
// framing, and credentials must not vanish on a peer's word.
inline bool isProtectedFromConnection(std::string_view name) noexcept {
  switch (identifyHeader(name)) {
    case HeaderId::kHost:
    case HeaderId::kContentLength:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXRequestId:
      return true;
    default:
      break;
  }
  for (std::string_view known : {"authorization", "cookie", "set-cookie", "cache-control", "forwarded", "x-real-ip"}) {
    if (chars::equalsIgnoreCase(name, known)) return true;
  }
  return false;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_HEADER_ID_H_
