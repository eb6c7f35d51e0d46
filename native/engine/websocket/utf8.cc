#include "engine/websocket/utf8.h"

#include <array>
#include <cstring>

namespace millrace {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;
constexpr size_t kBlock = 32;

// Bit offsets. After the lead bytes E0, ED, F0 and F4 the second byte has a range of its own
// (RFC 3629 section 4), after the others 80..BF.
enum Offset : uint64_t {
  kBetween = 0,
  kBad = 6,
  kOneMore = 12,
  kTwoMore = 18,
  kThreeMore = 24,
  kAfterE0 = 30,  // A0..BF: less would be overlong
  kAfterEd = 36,  // 80..9F: more would be a surrogate
  kAfterF0 = 42,  // 90..BF: less would be overlong
  kAfterF4 = 48,  // 80..8F: more would be above U+10FFFF
};

constexpr uint64_t afterLead(unsigned byte) {
  if (byte < 0x80) return kBetween;
  if (byte < 0xc2) return kBad;  // continuation bytes, and leads of overlong forms
  if (byte < 0xe0) return kOneMore;
  if (byte == 0xe0) return kAfterE0;
  if (byte == 0xed) return kAfterEd;
  if (byte < 0xf0) return kTwoMore;
  if (byte == 0xf0) return kAfterF0;
  if (byte < 0xf4) return kThreeMore;
  return byte == 0xf4 ? kAfterF4 : kBad;
}

constexpr std::array<uint64_t, 256> kSteps = [] {
  std::array<uint64_t, 256> steps{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto within = [byte](unsigned low, unsigned high, uint64_t then) {
      return byte >= low && byte <= high ? then : uint64_t{kBad};
    };
    steps[byte] =
        afterLead(byte) << kBetween | uint64_t{kBad} << kBad |
        within(0x80, 0xbf, kBetween) << kOneMore | within(0x80, 0xbf, kOneMore) << kTwoMore |
        within(0x80, 0xbf, kTwoMore) << kThreeMore | within(0xa0, 0xbf, kOneMore) << kAfterE0 |
        within(0x80, 0x9f, kOneMore) << kAfterEd | within(0x90, 0xbf, kTwoMore) << kAfterF0 |
        within(0x80, 0x8f, kTwoMore) << kAfterF4;
  }
  return steps;
}();

inline uint64_t walk(uint64_t state, const char* data, size_t n) noexcept {
  for (size_t i = 0; i < n; ++i) state = kSteps[static_cast<uint8_t>(data[i])] >> (state & 63);
  return state;
}

}  // namespace

bool Utf8Validator::feed(const char* data, size_t n) noexcept {
  uint64_t state = state_;
  for (; n >= kBlock; data += kBlock, n -= kBlock) {
    uint64_t words[kBlock / 8];
    std::memcpy(words, data, kBlock);
    const bool ascii = ((words[0] | words[1] | words[2] | words[3]) & kHighBits) == 0;
    if (ascii && (state & 63) == kBetween) continue;
    state = walk(state, data, kBlock);
  }
  state = walk(state, data, n);
  state_ = state;
  return (state & 63) != kBad;
}

bool isUtf8(std::string_view text) noexcept {
  Utf8Validator validator;
  return validator.feed(text.data(), text.size()) && validator.complete();
}

}  // namespace millrace
