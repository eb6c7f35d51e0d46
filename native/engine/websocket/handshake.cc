#include "engine/websocket/handshake.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "engine/websocket/sha1.h"

namespace millrace {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648 section 4, with padding.
void base64(std::span<const uint8_t> bytes, char* out) noexcept {
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t group = uint32_t{bytes[i]} << 16 |
                           (left > 1 ? uint32_t{bytes[i + 1]} : 0u) << 8 |
                           (left > 2 ? uint32_t{bytes[i + 2]} : 0u);
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[group >> 12 & 63];
    *out++ = left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    *out++ = left > 2 ? kAlphabet[group & 63] : '=';
  }
}

}  // namespace

void makeKey(Rng& rng, char out[kWebSocketKeySize]) noexcept {
  std::array<uint8_t, 16> nonce;
  for (size_t i = 0; i < nonce.size(); i += 8) {
    const uint64_t word = rng.next();
    std::memcpy(nonce.data() + i, &word, 8);
  }
  base64(nonce, out);
}

void acceptOf(std::string_view key, char out[kWebSocketAcceptSize]) noexcept {
  std::array<char, kWebSocketKeySize + kGuid.size()> message;
  const std::string_view used = key.substr(0, kWebSocketKeySize);
  if (!used.empty()) std::memcpy(message.data(), used.data(), used.size());
  std::memcpy(message.data() + used.size(), kGuid.data(), kGuid.size());
  base64(sha1({message.data(), used.size() + kGuid.size()}), out);
}

bool isKey(std::string_view text) noexcept {
  if (text.size() != kWebSocketKeySize || !text.ends_with("==")) return false;
  return text.substr(0, kWebSocketKeySize - 2).find_first_not_of(kAlphabet) ==
         std::string_view::npos;
}

}  // namespace millrace
