#ifndef MILLRACE_ENGINE_WEBSOCKET_SHA1_H_
#define MILLRACE_ENGINE_WEBSOCKET_SHA1_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace millrace {

// SHA-1 (RFC 3174), for Sec-WebSocket-Accept and for nothing else: it no longer protects anything.
// Of our own, since Node's OpenSSL is not there in the native tests, which run without Node, and
// may be configured (FIPS) to refuse SHA-1 at run time. About 1 us for the 60 bytes of a handshake.
std::array<uint8_t, 20> sha1(std::string_view message) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_SHA1_H_
