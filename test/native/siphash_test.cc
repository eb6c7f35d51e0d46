#include "base/siphash.h"

#include <set>
#include <string>

#include "base/rng.h"
#include "harness.h"

using namespace millrace;

namespace {

constexpr SipKey kKey{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

template <typename Hash>
uint64_t hashOf(std::string_view text, const SipKey& key = kKey) {
  Hash hash(key);
  hash.add(text);
  return hash.finish();
}

std::string counting(std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(i);
  return text;
}

}  // namespace

CASE("SipHash-2-4 gives the published values") {
  // Appendix A of the paper, and vectors.h of https://github.com/veorq/SipHash
  EXPECT_EQ(hashOf<SipHash24>(counting(15)), 0xa129ca6149be45e5u);
  EXPECT_EQ(hashOf<SipHash24>(""), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(hashOf<SipHash24>(counting(1)), 0x74f839c593dc67fdu);
  EXPECT_EQ(hashOf<SipHash24>(counting(8)), 0x93f5f5799a932462u);
}

CASE("SipHash-1-3 gives the values of Rust's") {
  EXPECT_EQ(hashOf<SipHash13>(""), 0xabac0158050fc4dcu);
  EXPECT_EQ(siphash13(kKey, ""), 0xabac0158050fc4dcu);
  EXPECT_EQ(hashOf<SipHash13>(counting(1)), 0xc9f49bf37d57ca93u);
}

CASE("the hash depends on the bytes and not on how they were cut") {
  Rng rng(test::seed());
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    SipHash13 pieces(kKey);
    for (uint32_t n = rng.below(12); n > 0; --n) {
      if (rng.below(2) == 0) {
        const uint32_t value = static_cast<uint32_t>(rng.next());
        pieces.add(value);
        for (int i = 0; i < 4; ++i) text += static_cast<char>(value >> (8 * i));
      } else {
        std::string piece(rng.below(20), '\0');
        for (char& c : piece) c = static_cast<char>(rng.next());
        pieces.add(std::string_view(piece));
        text += piece;
      }
    }
    EXPECT_EQ(pieces.finish(), hashOf<SipHash13>(text), std::to_string(text.size()));
  }
}

CASE("another key or one more zero byte gives another hash") {
  std::set<uint64_t> seen;
  for (std::size_t length = 0; length < 64; ++length) {
    seen.insert(hashOf<SipHash13>(std::string(length, '\0')));
    seen.insert(hashOf<SipHash13>(std::string(length, '\0'), {kKey.low, kKey.high + 1}));
  }
  EXPECT_EQ(seen.size(), std::size_t{128});
}
