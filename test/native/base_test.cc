#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "harness.h"

using millrace::murmur3;
using millrace::Rng;

CASE("murmur3 gives the published values") {
  EXPECT_EQ(murmur3("", 0), 0u);
  EXPECT_EQ(murmur3("", 1), 0x514e28b7u);
  EXPECT_EQ(murmur3("hello", 0), 0x248bfa47u);
  EXPECT_EQ(murmur3("hello, world", 0), 0x149bbb7fu);
  EXPECT_EQ(murmur3("The quick brown fox jumps over the lazy dog", 0), 0x2e4ff723u);
}

CASE("murmur3 of every prefix equals the hash of that prefix alone") {
  std::string text;
  Rng rng(millrace::test::seed());
  for (int i = 0; i < 200; ++i) text += static_cast<char>(rng.below(256));
  for (std::size_t step = 1; step < 9; ++step) {
    millrace::Murmur3Prefixes prefixes(text, 2);
    for (std::size_t length = 0; length <= text.size(); length += step) {
      EXPECT_EQ(prefixes.hash(length), murmur3(std::string_view(text).substr(0, length), 2),
                "length " + std::to_string(length) + " step " + std::to_string(step));
    }
  }
}

CASE("xoshiro256** gives the reference sequence of seed 0") {
  Rng rng(0);
  EXPECT_EQ(rng.next(), 11091344671253066420u);
  EXPECT_EQ(rng.next(), 13793997310169335082u);
  EXPECT_EQ(rng.next(), 1900383378846508768u);
}

CASE("equal seeds give equal sequences and others do not") {
  Rng a(7);
  Rng b(7);
  Rng c(8);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(b.next(), value);
    equal += c.next() == value ? 1 : 0;
  }
  EXPECT_EQ(equal, 0);
}

CASE("below stays under its bound and is even") {
  Rng rng(millrace::test::seed());
  EXPECT_EQ(rng.below(0), 0u);
  EXPECT_EQ(rng.below(1), 0u);
  int counts[10] = {};
  for (int i = 0; i < 100000; ++i) {
    const uint32_t value = rng.below(10);
    EXPECT(value < 10);
    ++counts[value % 10];
  }
  for (const int count : counts) EXPECT(count > 9500 && count < 10500, std::to_string(count));
}
