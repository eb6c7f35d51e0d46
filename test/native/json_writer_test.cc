#include "engine/explain/json_writer.h"

#include "base/rng.h"
#include "harness.h"

namespace millrace::test {
namespace {

std::string written(std::string_view text) { return JsonWriter().text(text).take(); }

CASE("commas and nesting") {
  JsonWriter json;
  json.beginObject()
      .field("a", uint32_t{1})
      .key("b")
      .beginArray()
      .number(2)
      .text("x")
      .beginObject();
  json.endObject().null().endArray().index("c", 0xffffffffu).index("d", 7).field("e", true);
  json.field("f", 0.25).key("g").beginArray().endArray().endObject();
  EXPECT_EQ(json.take(),
            std::string(R"({"a":1,"b":[2,"x",{},null],"c":null,"d":7,"e":true,"f":0.25,"g":[]})"));
}

CASE("UTF-8 is kept, every other byte and what could end a string is escaped") {
  EXPECT_EQ(written("caf\xc3\xa9 \xf0\x9f\x98\x80"),
            std::string("\"caf\xc3\xa9 \xf0\x9f\x98\x80\""));
  EXPECT_EQ(written("a\"b\\c\r\n"), std::string(R"("a\"b\\c\u000d\u000a")"));
  EXPECT_EQ(written(std::string_view("\0\x1f\x7f", 3)), std::string(R"("\u0000\u001f\u007f")"));
  // A lone byte, a cut character, one that is longer than needed, a surrogate, beyond the last.
  EXPECT_EQ(written("\xe9"), std::string(R"("\u00e9")"));
  EXPECT_EQ(written("\xe2\x82"), std::string(R"("\u00e2\u0082")"));
  EXPECT_EQ(written("\xc0\xaf"), std::string(R"("\u00c0\u00af")"));
  EXPECT_EQ(written("\xed\xa0\x80"), std::string(R"("\u00ed\u00a0\u0080")"));
  EXPECT_EQ(written("\xf4\x90\x80\x80"), std::string(R"("\u00f4\u0090\u0080\u0080")"));
}

CASE("any bytes give a string of visible characters that ends where it should") {
  Rng rng(seed());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(rng.below(12), '\0');
    for (char& c : bytes)
      c = static_cast<char>(rng.below(3) == 0 ? 0x80 + rng.below(128) : rng.below(256));
    const std::string text = written(bytes);
    bool escape = false;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      EXPECT(static_cast<uint8_t>(text[i]) >= 0x20);
      EXPECT(escape || text[i] != '"');
      escape = !escape && text[i] == '\\';
    }
    EXPECT(!escape && text.front() == '"' && text.back() == '"');
  }
}

CASE("numbers that are none are null") {
  EXPECT_EQ(JsonWriter().real(1.0 / 3).take(), std::string("0.333333"));
  EXPECT_EQ(JsonWriter().real(NAN).take(), std::string("null"));
  EXPECT_EQ(JsonWriter().real(INFINITY).take(), std::string("null"));
}

}  // namespace
}  // namespace millrace::test
