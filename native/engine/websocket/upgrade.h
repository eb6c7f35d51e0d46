#ifndef MILLRACE_ENGINE_WEBSOCKET_UPGRADE_H_
#define MILLRACE_ENGINE_WEBSOCKET_UPGRADE_H_

#include <cstdint>
#include <string_view>

#include "engine/http/request_head.h"
#include "engine/http/response_parser.h"

namespace millrace {

// The two halves of a WebSocket handshake (RFC 6455 section 4) as heads of HTTP. Pure functions.

enum class UpgradeRequest : uint8_t {
  kNone,        // not a WebSocket handshake: an ordinary request
  kWebSocket,   // a good one
  kBadVersion,  // to be answered 426 with Sec-WebSocket-Version: 13
  kBadKey,
  kHasBody,
};

// Section 4.2.1. A request whose Upgrade does not name websocket, whose Connection does not name
// Upgrade, or whose method is not GET asks for nothing that must be granted: it is ordinary.
UpgradeRequest readUpgradeRequest(const RequestHead& request) noexcept;

// The lines of the handshake that the proxy makes itself, for the end of an upstream head.
// `key` has 24 characters.
inline constexpr std::string_view kUpgradeLines =
    "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: ";

// Checks a 101 (section 4.1, "the client MUST validate the server's response") against the head
// that was sent. `*protocol` becomes the sub-protocol that the upstream chose, a view into
// `answer`, or empty. kNone when all is well.
ResponseError checkUpgradeAnswer(std::string_view sent_head, const ResponseHead& answer,
                                 std::string_view* protocol) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_UPGRADE_H_
