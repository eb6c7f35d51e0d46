#ifndef MILLRACE_BASE_HASH_H_
#define MILLRACE_BASE_HASH_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

static_assert(std::endian::native == std::endian::little,
              "the image is little-endian, read in place");

// MurmurHash3 x86_32 (https://github.com/aappleby/smhasher, public domain). The compiler of
// configurations computes the same function in TypeScript: keys of the image carry it.
//
// The prefixes of one string can be hashed in one pass: the state after the whole 4-byte blocks of
// a prefix is kept, and each prefix only adds its tail and the final mix.
class Murmur3Prefixes {
 public:
  Murmur3Prefixes(std::string_view text, uint32_t seed) noexcept
      : text_(text.data()), state_(seed) {}

  // Hash of the first `length` bytes. Lengths must not fall from call to call.
  uint32_t hash(std::size_t length) noexcept {
    const std::size_t blocks = length & ~std::size_t{3};
    for (; done_ < blocks; done_ += 4) {
      uint32_t block;
      std::memcpy(&block, text_ + done_, 4);
      state_ = std::rotl(state_ ^ mixBlock(block), 13) * 5 + 0xe6546b64u;
    }
    uint32_t tail = 0;
    switch (length & 3) {
      case 3:
        tail |= static_cast<uint32_t>(static_cast<uint8_t>(text_[blocks + 2])) << 16;
        [[fallthrough]];
      case 2:
        tail |= static_cast<uint32_t>(static_cast<uint8_t>(text_[blocks + 1])) << 8;
        [[fallthrough]];
      case 1:
        tail |= static_cast<uint8_t>(text_[blocks]);
    }
    uint32_t h = state_ ^ mixBlock(tail);  // mixBlock(0) is 0: no tail changes nothing
    h ^= static_cast<uint32_t>(length);
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
  }

 private:
  static uint32_t mixBlock(uint32_t k) noexcept {
    return std::rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u;
  }

  const char* text_;
  std::size_t done_ = 0;
  uint32_t state_;
};

inline uint32_t murmur3(std::string_view text, uint32_t seed) noexcept {
  return Murmur3Prefixes(text, seed).hash(text.size());
}

}  // namespace millrace

#endif  // MILLRACE_BASE_HASH_H_
