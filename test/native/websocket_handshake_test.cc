#include <set>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "engine/websocket/handshake.h"
#include "engine/websocket/sha1.h"
#include "harness.h"

namespace millrace::test {
namespace {

std::string hex(std::string_view message) {
  std::string out;
  for (const uint8_t byte : sha1(message)) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

std::string acceptTo(std::string_view key) {
  char out[kWebSocketAcceptSize];
  acceptOf(key, out);
  return {out, sizeof out};
}

CASE("SHA-1 gives the published values") {
  // RFC 3174 section 7.3, FIPS 180 examples.
  EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  std::string digits;
  for (int i = 0; i < 80; ++i) digits += "01234567";
  EXPECT_EQ(hex(digits), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
  EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

CASE("SHA-1 pads at every length around a block") {
  // sha1sum of as many letters "a".
  EXPECT_EQ(hex(std::string(55, 'a')), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(hex(std::string(56, 'a')), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  EXPECT_EQ(hex(std::string(60, 'a')), "13d956033d9af449bfe2c4ef78c17c20469c4bf1");
  EXPECT_EQ(hex(std::string(63, 'a')), "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
  EXPECT_EQ(hex(std::string(64, 'a')), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  EXPECT_EQ(hex(std::string(65, 'a')), "11655326c708d70319be2610e8a57d9a5b959d3b");
}

CASE("Sec-WebSocket-Accept answers the key") {
  // RFC 6455 sections 1.3 and 4.2.2; the second pair is Wikipedia's.
  EXPECT_EQ(acceptTo("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(acceptTo("x3JJHMbDL1EzLkh9GBhXDw=="), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

CASE("keys are base64 of 16 random bytes") {
  Rng rng(seed());
  std::set<std::string> seen;
  std::set<char> letters;
  for (int i = 0; i < 2000; ++i) {
    char key[kWebSocketKeySize];
    makeKey(rng, key);
    const std::string text(key, sizeof key);
    EXPECT(isKey(text), text);
    // Four bits of the last character stand for nothing, and are zero.
    EXPECT(std::string_view("AQgw").find(text[21]) != std::string_view::npos, text);
    seen.insert(text);
    letters.insert(text.begin(), text.end() - 2);
  }
  EXPECT_EQ(seen.size(), 2000u);
  EXPECT_EQ(letters.size(), 64u);
}

CASE("keys of other forms are refused") {
  EXPECT(isKey("dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT(isKey("AAAAAAAAAAAAAAAAAAAAAA=="));
  EXPECT(isKey("++++//////////////////=="));
  const std::string good = "dGhlIHNhbXBsZSBub25jZQ==";
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string text = good;
    for (const char c : {' ', '-', '_', '.', ',', '\0', '\n', '\x7f', '\x80', '\xff'}) {
      text[i] = c;
      EXPECT_EQ(isKey(text), false, std::to_string(i));
    }
    text[i] = i < 22 ? '=' : 'A';
    EXPECT_EQ(isKey(text), false, std::to_string(i));
    EXPECT_EQ(isKey(good.substr(0, i)), false, std::to_string(i));
  }
  EXPECT_EQ(isKey(good + "="), false);
  EXPECT_EQ(isKey(" " + good), false);
  EXPECT_EQ(isKey("dGhlIHNhbXBsZSBub25jZTE="), false);  // 17 bytes
  EXPECT_EQ(isKey("dGhlIHNhbXBsZSBub25jZTEy"), false);  // 18 bytes
}

}  // namespace
}  // namespace millrace::test
