#ifndef MILLRACE_BASE_SIPHASH_H_
#define MILLRACE_BASE_SIPHASH_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// 128 bits that a client must not know: who knows them can make two inputs collide.
struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

// SipHash-c-d (Aumasson, Bernstein: https://www.aumasson.jp/siphash/siphash.pdf), a keyed hash for
// short inputs, in pieces: the result depends on the bytes, not on how they were cut. Allocates
// nothing. About c rounds per eight bytes and d at the end, each near a nanosecond.
template <int kCompressionRounds, int kFinalRounds>
class SipHash {
 public:
  explicit SipHash(const SipKey& key) noexcept
      : v0_(key.low ^ 0x736f6d6570736575u),
        v1_(key.high ^ 0x646f72616e646f6du),
        v2_(key.low ^ 0x6c7967656e657261u),
        v3_(key.high ^ 0x7465646279746573u) {}

  void add(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    length_ += left;
    if (held_ != 0) {
      // Up to a whole word first.
      while (held_ < 8 && left != 0) {
        tail_ |= uint64_t{static_cast<uint8_t>(*at++)} << (8 * held_++);
        --left;
      }
      if (held_ < 8) return;
      compress(tail_);
      tail_ = 0;
      held_ = 0;
    }
    for (; left >= 8; left -= 8, at += 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      compress(word);
    }
    for (; left != 0; --left) tail_ |= uint64_t{static_cast<uint8_t>(*at++)} << (8 * held_++);
  }

  // Four bytes, the lowest first.
  void add(uint32_t value) noexcept {
    length_ += 4;
    const std::size_t free = 8 - held_;
    tail_ |= uint64_t{value} << (8 * held_);
    if (free > 4) {
      held_ += 4;
      return;
    }
    compress(tail_);
    tail_ = uint64_t{value} >> (8 * free);
    held_ = 4 - free;
  }

  // The end: nothing may be added afterwards.
  uint64_t finish() noexcept {
    compress(tail_ | uint64_t{length_ & 0xff} << 56);
    v2_ ^= 0xff;
    for (int i = 0; i < kFinalRounds; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void compress(uint64_t word) noexcept {
    v3_ ^= word;
    for (int i = 0; i < kCompressionRounds; ++i) round();
    v0_ ^= word;
  }

  void round() noexcept {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t tail_ = 0;     // bytes that are no whole word yet
  std::size_t held_ = 0;  // how many, below 8
  std::size_t length_ = 0;
};

using SipHash24 = SipHash<2, 4>;
// Fewer rounds, as Rust, Python and Perl use for tables that strangers fill.
using SipHash13 = SipHash<1, 3>;

inline uint64_t siphash13(const SipKey& key, std::string_view text) noexcept {
  SipHash13 hash(key);
  hash.add(text);
  return hash.finish();
}

}  // namespace millrace

#endif  // MILLRACE_BASE_SIPHASH_H_
