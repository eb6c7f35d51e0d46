#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "engine/websocket/utf8.h"
#include "guarded.h"
#include "harness.h"
#include "websocket_driver.h"

// The automaton against a decoder that follows the letter of RFC 3629.
namespace millrace::test {
namespace {

std::string encode(uint32_t value, int size) {
  std::string out;
  for (int i = size - 1; i > 0; --i, value >>= 6)
    out.insert(out.begin(), static_cast<char>(0x80 | (value & 0x3f)));
  constexpr uint8_t kLead[] = {0, 0, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc};
  out.insert(out.begin(), static_cast<char>(kLead[size] | value));
  return out;
}

// Whether some continuation makes it valid.
bool isPrefix(const std::string& text) {
  if (isUtf8ByDecoding(text)) return true;
  // At most three bytes are missing, and the lowest or the highest of each will do.
  std::vector<std::string> tries = {text};
  for (int n = 0; n < 3; ++n) {
    std::vector<std::string> longer;
    for (const std::string& one : tries) {
      for (const char c : {'\x80', '\x8f', '\x90', '\x9f', '\xa0', '\xbf'}) {
        longer.push_back(one + c);
        if (isUtf8ByDecoding(longer.back())) return true;
      }
    }
    tries = std::move(longer);
  }
  return false;
}

CASE("takes every code point and nothing beside") {
  for (uint32_t value = 0; value < 0x200000; ++value) {
    const int shortest = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
    const bool scalar = value <= 0x10ffff && (value < 0xd800 || value >= 0xe000);
    if (isUtf8(encode(value, shortest)) != scalar) EXPECT_EQ(value, ~0u);
    for (int longer = shortest + 1; longer <= 4; ++longer)
      if (isUtf8(encode(value, longer))) EXPECT_EQ(value, ~1u);
  }
  EXPECT_EQ(isUtf8(encode(0x200000, 5)), false);
  EXPECT_EQ(isUtf8(encode(0x4000000, 6)), false);
  EXPECT_EQ(isUtf8(""), true);
}

CASE("agrees with a decoder on four bytes from the borders of all ranges, byte by byte") {
  const std::vector<int> borders = {0x00, 0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                    0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
                                    0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfb, 0xfd, 0xfe, 0xff};
  std::vector<std::string> texts = {""};
  for (int length = 1; length <= 4; ++length) {
    std::vector<std::string> longer;
    for (const std::string& text : texts) {
      for (const int border : borders) {
        const std::string all = text + static_cast<char>(border);
        Utf8Validator validator;
        validator.feed(text.data(), text.size());
        const bool valid = validator.feed(&all[all.size() - 1], 1);
        EXPECT_EQ(valid, isPrefix(all), "length " + std::to_string(length));
        EXPECT_EQ(valid && validator.complete(), isUtf8ByDecoding(all));
        EXPECT_EQ(isUtf8(all), isUtf8ByDecoding(all));
        // What is bad already needs not be followed further.
        if (valid && length < 4) longer.push_back(all);
        EXPECT_EQ(validator.feed("a", 1), isPrefix(all + "a"));
      }
    }
    texts = std::move(longer);
  }
}

CASE("does not skip letters inside of a character") {
  for (const std::string open : {"\xc3", "\xe2\x82", "\xf0\x9f\x98"}) {
    for (const std::size_t before : {0, 29, 30, 31, 32, 60, 61, 62, 63, 64}) {
      for (const std::size_t letters : {1, 8, 32, 64, 100}) {
        const std::string start = std::string(before, 'a') + open;
        const std::string rest(letters, 'a');
        EXPECT_EQ(isUtf8(start + rest + "\xa9"), false);
        Utf8Validator validator;
        EXPECT_EQ(validator.feed(start.data(), start.size()), true);
        EXPECT_EQ(validator.feed(rest.data(), rest.size()), false);
        EXPECT_EQ(validator.feed("\xa9", 1), false);
        EXPECT_EQ(validator.complete(), false);
      }
    }
  }
}

CASE("finds a bad byte anywhere in a long text, however it is cut, and reads no byte more") {
  Guarded guarded;
  Rng rng(seed());
  const std::vector<std::string> characters = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  const std::vector<std::string> spoilers = {"\x80",     "\xc0", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                             "\xe2\x82", "\xff"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const uint32_t kinds = 1 + rng.below(4);
    const uint32_t size = rng.below(200);
    while (text.size() < size) {
      if (rng.below(4) == 0) text.append(rng.below(70), 'a');
      text += characters[rng.below(kinds)];
    }
    if (rng.below(2) == 0) {
      const std::size_t at = rng.below(static_cast<uint32_t>(text.size()) + 1);
      const std::string& spoiler = spoilers[rng.below(static_cast<uint32_t>(spoilers.size()))];
      if (rng.below(2) == 0)
        text.insert(at, spoiler);
      else
        text.resize(at);
    }
    const bool expected = isUtf8ByDecoding(text);
    EXPECT_EQ(isUtf8(guarded.place(text)), expected);
    Utf8Validator validator;
    bool valid = true;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = 1 + rng.below(static_cast<uint32_t>(text.size() - at));
      const std::string_view piece = guarded.place(std::string_view(text).substr(at, n));
      const bool before = valid;
      valid = validator.feed(piece.data(), piece.size());
      EXPECT(before || !valid, "a bad text became good");
      at += n;
    }
    EXPECT_EQ(valid && validator.complete(), expected);
    validator.start();
    EXPECT_EQ(validator.complete(), true);
  }
}

}  // namespace
}  // namespace millrace::test
