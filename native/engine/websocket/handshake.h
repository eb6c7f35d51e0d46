#ifndef MILLRACE_ENGINE_WEBSOCKET_HANDSHAKE_H_
#define MILLRACE_ENGINE_WEBSOCKET_HANDSHAKE_H_

#include <cstddef>
#include <string_view>

#include "base/rng.h"
#include "engine/websocket/close_code.h"

namespace millrace {

// The two values of an opening handshake (RFC 6455 section 4). They prove that the peer understood
// a WebSocket request and did not answer by accident or from a cache; they are no secrets.

inline constexpr size_t kWebSocketKeySize = 24;
inline constexpr size_t kWebSocketAcceptSize = 28;

// A new Sec-WebSocket-Key: base64 of 16 random bytes.
void makeKey(Rng& rng, char out[kWebSocketKeySize]) noexcept;

// The Sec-WebSocket-Accept that answers a key (section 4.2.2): base64 of the SHA-1 of the key and a
// fixed GUID. `key` is of kWebSocketKeySize; other lengths give an answer that nobody expects.
void acceptOf(std::string_view key, char out[kWebSocketAcceptSize]) noexcept;

// Whether this can be a Sec-WebSocket-Key: 24 characters of base64 that stand for 16 bytes. The
// four bits of the last character that mean nothing may be set: some clients send any letters, no
// server minds, and the key is never decoded.
bool isKey(std::string_view text) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_HANDSHAKE_H_
