#ifndef MILLRACE_ENGINE_WEBSOCKET_CLOSE_CODE_H_
#define MILLRACE_ENGINE_WEBSOCKET_CLOSE_CODE_H_

#include <cstdint>

namespace millrace {

// WebSocket close codes: RFC 6455 section 7.4 and the registry that it opened
// (https://www.iana.org/assignments/websocket).
namespace close_code {

inline constexpr uint16_t kNormal = 1000;
inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kProtocolError = 1002;
inline constexpr uint16_t kNone = 1005;      // never on the wire: the Close frame had no code
inline constexpr uint16_t kAbnormal = 1006;  // never on the wire: there was no Close frame
inline constexpr uint16_t kInvalidPayload = 1007;
inline constexpr uint16_t kTooBig = 1009;
inline constexpr uint16_t kBadGateway = 1014;

}  // namespace close_code

// Whether a Close frame may carry the code, in either direction. 1004 was never given a meaning,
// 1005, 1006 and 1015 are for programs to tell themselves, 1016-2999 are kept for later versions;
// 3000-3999 are for libraries, 4000-4999 for applications.
inline constexpr bool isSendableCloseCode(uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_CLOSE_CODE_H_
