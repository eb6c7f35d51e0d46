#include "engine/websocket/frame_writer.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "engine/websocket/close_code.h"
#include "engine/websocket/frame_reader.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kMask = 0x80;

// The most bytes of the reason that fit and do not end inside of a character.
std::string_view cutReason(std::string_view reason) noexcept {
  if (reason.size() <= kMaxCloseReason) return reason;
  size_t end = kMaxCloseReason;
  while (end > kMaxCloseReason - 3 && (static_cast<uint8_t>(reason[end]) & 0xc0) == 0x80) --end;
  return reason.substr(0, end);
}

}  // namespace

size_t writeFrameHead(uint8_t opcode, uint64_t size, uint32_t mask, char* out) noexcept {
  out[0] = static_cast<char>(kFin | opcode);
  size_t n = 2;
  if (size < 126) {
    out[1] = static_cast<char>(kMask | size);
  } else {
    const bool wide = size > 0xffff;
    out[1] = static_cast<char>(kMask | (wide ? 127 : 126));
    for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8)
      out[n++] = static_cast<char>(size >> shift);
  }
  std::memcpy(out + n, &mask, 4);
  return n + 4;
}

void maskInPlace(char* data, size_t n, uint32_t mask) noexcept {
  const uint64_t wide = uint64_t{mask} << 32 | mask;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    std::memcpy(&word, data + i, 8);
    word ^= wide;
    std::memcpy(data + i, &word, 8);
  }
  for (; i < n; ++i) data[i] = static_cast<char>(data[i] ^ static_cast<char>(mask >> 8 * (i & 3)));
}

size_t writeClose(uint16_t code, std::string_view reason, uint32_t mask,
                  std::span<char> out) noexcept {
  MILLRACE_DCHECK(out.size() >= kMaxCloseFrame);
  const bool empty = !isSendableCloseCode(code);
  reason = empty ? std::string_view() : cutReason(reason);
  const size_t size = empty ? 0 : 2 + reason.size();
  char* const payload = out.data() + writeFrameHead(opcode::kClose, size, mask, out.data());
  if (!empty) {
    payload[0] = static_cast<char>(code >> 8);
    payload[1] = static_cast<char>(code);
    if (!reason.empty()) std::memcpy(payload + 2, reason.data(), reason.size());
    maskInPlace(payload, size, mask);
  }
  return static_cast<size_t>(payload - out.data()) + size;
}

}  // namespace millrace
