#include "engine/http/chars.h"

#include <string>

#include "base/rng.h"
#include "engine/http/header_id.h"
#include "guarded.h"
#include "harness.h"

namespace millrace {
namespace {

bool isFieldValueByte(int c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }

CASE("field values are checked alike at every position") {
  test::Guarded memory;
  for (std::size_t length = 1; length <= 26; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (int c = 0; c < 256; ++c) {
        for (const char filler : {'a', '\xff', ' ', '\x80', '~'}) {
          std::string text(length, filler);
          text[at] = static_cast<char>(c);
          bool high = false;
          EXPECT_EQ(chars::isFieldValue(memory.place(text), &high), isFieldValueByte(c),
                    std::to_string(c));
          if (isFieldValueByte(c))
            EXPECT_EQ(high, c > 0x7f || (static_cast<uint8_t>(filler) > 0x7f && length > 1));
        }
      }
    }
  }
  bool high = true;
  EXPECT(chars::isFieldValue({}, &high));
  EXPECT(!high);
}

CASE("random field values are checked as byte by byte") {
  Rng rng(test::seed());
  test::Guarded memory;
  for (int round = 0; round < 100'000; ++round) {
    std::string text(rng.below(40), ' ');
    bool expected = true;
    for (char& c : text) {
      const uint32_t kind = rng.below(60);
      c = static_cast<char>(kind == 0 ? rng.below(256) : kind < 8 ? 9 : 0x20 + rng.below(0x5f));
      expected = expected && isFieldValueByte(static_cast<uint8_t>(c));
    }
    bool high;
    EXPECT_EQ(chars::isFieldValue(memory.place(text), &high), expected, std::to_string(round));
  }
}

CASE("header names are identified in any case and from nothing else") {
  struct Known {
    const char* name;
    HeaderId id;
  };
  constexpr Known kKnown[] = {
      {"connection", HeaderId::kConnection},
      {"content-length", HeaderId::kContentLength},
      {"date", HeaderId::kDate},
      {"expect", HeaderId::kExpect},
      {"host", HeaderId::kHost},
      {"http2-settings", HeaderId::kHttp2Settings},
      {"keep-alive", HeaderId::kKeepAlive},
      {"proxy-authenticate", HeaderId::kProxyAuthenticate},
      {"proxy-authorization", HeaderId::kProxyAuthorization},
      {"proxy-connection", HeaderId::kProxyConnection},
      {"te", HeaderId::kTe},
      {"trailer", HeaderId::kTrailer},
      {"transfer-encoding", HeaderId::kTransferEncoding},
      {"upgrade", HeaderId::kUpgrade},
      {"x-forwarded-for", HeaderId::kXForwardedFor},
      {"x-forwarded-host", HeaderId::kXForwardedHost},
      {"x-forwarded-proto", HeaderId::kXForwardedProto},
      {"x-request-id", HeaderId::kXRequestId},
  };
  for (const Known& known : kKnown) {
    const std::string name = known.name;
    std::string upper = name;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    EXPECT(identifyHeader(name) == known.id, name);
    EXPECT(identifyHeader(upper) == known.id, name);
    for (std::size_t i = 0; i < name.size(); ++i) {
      for (int c = 0; c < 256; ++c) {
        std::string other = name;
        other[i] = static_cast<char>(c);
        if (!chars::is(other[i], chars::kToken) || chars::lower(other[i]) == name[i]) continue;
        EXPECT(identifyHeader(other) == HeaderId::kOther, other);
      }
    }
    EXPECT(identifyHeader(name + "s") == HeaderId::kOther, name);
    EXPECT(identifyHeader(name.substr(1)) == HeaderId::kOther, name);
  }
  EXPECT(identifyHeader("") == HeaderId::kOther);
}

}  // namespace
}  // namespace millrace
