#ifndef MILLRACE_ENGINE_WEBSOCKET_FRAME_WRITER_H_
#define MILLRACE_ENGINE_WEBSOCKET_FRAME_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace {

// Writes the frames of a client to a server (RFC 6455 section 5): whole messages, always final,
// always masked. Pure functions. A mask is the four bytes of the word as they lie in memory; each
// frame takes a new one that the peer could not guess (section 5.3).

inline constexpr size_t kMaxFrameHead = 14;  // two bytes, eight of the length, four of the mask
inline constexpr size_t kMaxCloseReason = 123;
inline constexpr size_t kMaxCloseFrame = 2 + 4 + 2 + kMaxCloseReason;

// Head of a frame with `size` bytes of payload (below 2^63), in as few bytes as it goes. Returns
// the bytes written, at most kMaxFrameHead.
size_t writeFrameHead(uint8_t opcode, uint64_t size, uint32_t mask, char* out) noexcept;

// Masks a whole payload, or unmasks it.
void maskInPlace(char* data, size_t n, uint32_t mask) noexcept;

// A whole Close frame. A code that may not be sent (1005, 1006 ...) makes a frame without code and
// reason. A reason over 123 bytes is cut between two characters. `out` has room for kMaxCloseFrame.
// Returns the bytes written.
size_t writeClose(uint16_t code, std::string_view reason, uint32_t mask,
                  std::span<char> out) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_FRAME_WRITER_H_
