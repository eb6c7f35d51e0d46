#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "engine/websocket/close_code.h"
#include "engine/websocket/frame_writer.h"
#include "engine/websocket/mask_source.h"
#include "guarded.h"
#include "harness.h"
#include "websocket_driver.h"

namespace millrace::test {
namespace {

constexpr std::string_view kMaskBytes = "mask";

uint32_t wordOf(std::string_view mask_bytes) {
  uint32_t mask = 0;
  std::memcpy(&mask, mask_bytes.data(), 4);
  return mask;
}

std::string headOf(uint8_t opcode, uint64_t size, uint32_t mask) {
  char out[kMaxFrameHead];
  return {out, writeFrameHead(opcode, size, mask, out)};
}

std::string maskedFrame(uint8_t opcode, std::string payload, uint32_t mask) {
  maskInPlace(payload.data(), payload.size(), mask);
  return headOf(opcode, payload.size(), mask) + payload;
}

CASE("writes the masked frame of the RFC's examples") {
  // RFC 6455 section 5.7.
  EXPECT_EQ(maskedFrame(1, "Hello", wordOf("\x37\xfa\x21\x3d")),
            "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(maskedFrame(10, "Hello", wordOf("\x37\xfa\x21\x3d")),
            "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

CASE("writes every length in its shortest form") {
  const uint32_t mask = wordOf(kMaskBytes);
  for (const std::size_t size : {0, 1, 125, 126, 127, 65535, 65536, 70000}) {
    for (const uint8_t opcode : {1, 2, 9, 10}) {
      const std::string payload(size, static_cast<char>('a' + size % 26));
      EXPECT_EQ(maskedFrame(opcode, payload, mask),
                frame(static_cast<uint8_t>(0x80 | opcode), payload, true));
    }
  }
  EXPECT_EQ(headOf(2, (uint64_t{1} << 63) - 1, mask),
            "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask");
  EXPECT_EQ(headOf(2, 0x0102030405060708u, mask), "\x82\xff\1\2\3\4\5\6\7\bmask");
}

CASE("masks every byte and no other") {
  Guarded guarded;
  Rng rng(seed());
  for (std::size_t size = 0; size < 300; ++size) {
    const uint32_t mask = static_cast<uint32_t>(rng.next());
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(rng.next());
    std::string expected = text;
    char mask_bytes[4];
    std::memcpy(mask_bytes, &mask, 4);
    for (std::size_t i = 0; i < size; ++i) expected[i] ^= mask_bytes[i % 4];
    // Against the guard page, and with bytes around it that must stay, at every alignment.
    char* const at = const_cast<char*>(guarded.place("before" + text).data());
    maskInPlace(at + 6, size, mask);
    EXPECT_EQ(std::string(at, 6 + size), "before" + expected);
    std::string inside = "<" + text + ">after";
    maskInPlace(inside.data() + 1, size, mask);
    EXPECT_EQ(inside, "<" + expected + ">after");
    maskInPlace(inside.data() + 1, size, mask);
    EXPECT_EQ(inside, "<" + text + ">after");
  }
}

std::string closeOf(uint16_t code, std::string_view reason) {
  Guarded guarded;
  const std::span<char> out = guarded.last(kMaxCloseFrame);
  return {out.data(), writeClose(code, reason, wordOf(kMaskBytes), out)};
}

CASE("writes close frames") {
  EXPECT_EQ(closeOf(1000, ""), frame(0x88, "\x03\xe8", true));
  EXPECT_EQ(closeOf(4999, "bye"), frame(0x88,
                                        "\x13\x87"
                                        "bye",
                                        true));
  for (const uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535})
    EXPECT_EQ(closeOf(code, "not sent"), frame(0x88, "", true), std::to_string(code));
}

CASE("cuts close reasons between characters") {
  const std::string code = "\x03\xe9";
  const auto expect = [&](const std::string& reason, const std::string& kept) {
    EXPECT_EQ(closeOf(1001, reason), frame(0x88, code + kept, true));
    EXPECT_EQ(closeOf(1001, reason).size() <= kMaxCloseFrame, true);
  };
  const std::string long_one(123, 'a');
  expect(long_one, long_one);
  expect(long_one + "b", long_one);
  expect(long_one + std::string(100'000, 'b'), long_one);
  for (const std::string character : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (std::size_t before = 118; before <= 123; ++before) {
      const std::string head(before, 'a');
      const bool fits = before + character.size() <= 123;
      expect(head + character, fits ? head + character : head);
      // Whatever follows: as many as fit.
      const std::string kept = fits ? head + character : head;
      expect(head + character + std::string(50, 'b'),
             kept + std::string(fits ? 123 - kept.size() : 0, 'b'));
    }
  }
  // What is no UTF-8 at all is cut somewhere, too.
  EXPECT_EQ(closeOf(1001, std::string(200, '\x80')).size() <= kMaxCloseFrame, true);
}

CASE("masks follow from the key, and do not repeat") {
  MaskSource one({1, 2});
  MaskSource same({1, 2});
  MaskSource other({1, 3});
  std::set<uint32_t> seen;
  int differing = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint32_t mask = one.next();
    EXPECT_EQ(same.next(), mask);
    differing += other.next() != mask ? 1 : 0;
    seen.insert(mask);
  }
  // 1000 of 2^32: two are equal with a chance of 1 in 8600, and this key is not of those.
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(differing, 1000);
}

}  // namespace
}  // namespace millrace::test
