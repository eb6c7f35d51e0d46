#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "fuzz_driver.h"
#include "websocket_driver.h"

// Any bytes as the frames of an upstream: the first one says how large a message may be, the rest
// is the frames. However they are cut, the reader reads the same out of them, never past their end,
// never more than the limit, and no text that is not UTF-8.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;  // NOLINT
  if (size == 0) return 0;
  const std::string_view frames(reinterpret_cast<const char*>(data) + 1, size - 1);
  const test::WebSocketDriver driver{data[0]};
  Rng rng(murmur3(frames, data[0]));
  const std::string told = driver.runAllSplits(frames, rng, 2, false);
  // The driver tells what must not be in parentheses and capitals; payload comes in quotes.
  bool quoted = false;
  bool broken = told.starts_with("split at");
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (told[i] == '\'') quoted = !quoted;
    if (!quoted && told[i] == '(') broken = true;
  }
  if (broken) test::fuzzFault("read differently", told);
  return 0;
}

namespace millrace::test {

FuzzTarget fuzzTarget() {
  const std::string large(1, '\xff');
  const std::string kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  return {.name = "websocket",
          .seeds =
              {
                  large + frame(0x81, "Hello") + frame(0x82, "\xff\xfe") + closeFrame(1000, "bye"),
                  large + frame(0x01, kosme.substr(0, 3)) + frame(0x89, "ping") +
                      frame(0x80, kosme.substr(3)),
                  large + frame(0x81, "") + frame(0x8a, "") + frame(0x02, "") + frame(0x00, "x") +
                      frame(0x80, ""),
                  large + frame(0x82, std::string(200, 'x')) + frame(0x81, std::string(40, 'y')),
                  large + frame(0x89, std::string(125, 'p')) + frame(0x88, ""),
                  "\5" + frame(0x02, "abc") + frame(0x80, "de") + frame(0x81, "fghij") +
                      frame(0x82, "123456"),
                  large + frame(0x81, std::string(33, 'a') + kosme + kosme + "\xf0\x9f\x98\x80"),
                  large + frame(0x81, "masked", true),
              },
          .fragments = {frame(0x81, "a"),
                        frame(0x01, "\xc3"),
                        frame(0x80, "\xa9"),
                        frame(0x00, "b"),
                        frame(0x80, ""),
                        frame(0x89, "p"),
                        frame(0x88, ""),
                        frame(0x88, "\x03"),
                        closeFrame(1005),
                        closeFrame(3000, "\xff"),
                        std::string("\x81\x7e\0\x7d", 4),
                        std::string("\x82\x7e\0\x7e", 4),
                        std::string("\x82\x7f\0\0\0\0\0\1\0\0", 10),
                        std::string("\x82\x7f\x80\0\0\0\0\0\0\0", 10),
                        "\x81\x7f",
                        "\x89\x7e",
                        "\x81\x85mask",
                        "\xc1",
                        "\x83",
                        "\x8b",
                        "\x09",
                        "\xed\xa0\x80",
                        "\xf4\x90",
                        "\xe2\x82\xac",
                        "\xf0\x9f\x98\x80",
                        std::string(1, '\0')},
          .separator = "\x81",
          .inputs = 60'000};
}

}  // namespace millrace::test
