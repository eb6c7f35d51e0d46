#include "engine/websocket/sha1.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace millrace {
namespace {

constexpr size_t kBlock = 64;
constexpr size_t kLengthBytes = 8;

using State = std::array<uint32_t, 5>;

// RFC 3174 section 6.1.
void addBlock(State& state, const uint8_t* block) noexcept {
  std::array<uint32_t, 80> w;
  for (size_t t = 0; t < 16; ++t) {
    w[t] = uint32_t{block[4 * t]} << 24 | uint32_t{block[4 * t + 1]} << 16 |
           uint32_t{block[4 * t + 2]} << 8 | block[4 * t + 3];
  }
  for (size_t t = 16; t < 80; ++t) w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  auto [a, b, c, d, e] = state;
  for (size_t t = 0; t < 80; ++t) {
    uint32_t f;
    if (t < 20) {
      f = ((b & c) | (~b & d)) + 0x5a827999u;
    } else if (t < 40) {
      f = (b ^ c ^ d) + 0x6ed9eba1u;
    } else if (t < 60) {
      f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    } else {
      f = (b ^ c ^ d) + 0xca62c1d6u;
    }
    const uint32_t next = std::rotl(a, 5) + f + e + w[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

}  // namespace

std::array<uint8_t, 20> sha1(std::string_view message) noexcept {
  State state{0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
  std::array<uint8_t, kBlock> block;
  const uint64_t bits = uint64_t{message.size()} * 8;
  for (; message.size() >= kBlock; message.remove_prefix(kBlock)) {
    std::memcpy(block.data(), message.data(), kBlock);
    addBlock(state, block.data());
  }
  // A one bit, zeros, and the length at the end of a block.
  const size_t rest = message.size();
  block.fill(0);
  if (rest != 0) std::memcpy(block.data(), message.data(), rest);
  block[rest] = 0x80;
  if (rest >= kBlock - kLengthBytes) {
    addBlock(state, block.data());
    block.fill(0);
  }
  for (size_t i = 0; i < kLengthBytes; ++i)
    block[kBlock - 1 - i] = static_cast<uint8_t>(bits >> 8 * i);
  addBlock(state, block.data());

  std::array<uint8_t, 20> digest;
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace millrace
