#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/websocket/close_code.h"
#include "engine/websocket/frame_reader.h"
#include "harness.h"
#include "websocket_driver.h"

// Frames of a server: what is taken, what is refused, and with which close code. Each row is read
// whole, byte by byte and cut at every byte.
namespace millrace::test {
namespace {

struct Row {
  const char* what;
  std::string frames;
  std::string expected;
};

void checkRows(const std::vector<Row>& rows, WebSocketDriver driver = {}) {
  Rng rng(seed());
  for (const Row& row : rows)
    EXPECT_EQ(driver.runAllSplits(row.frames, rng), row.expected, row.what);
}

template <std::size_t N>
std::string bytes(const char (&text)[N]) {
  return std::string(text, N - 1);
}

// A head with the length written in 2 or 8 bytes, whether it has to be or not.
std::string headOf(uint8_t first_byte, int length_bytes, uint64_t length) {
  std::string out{static_cast<char>(first_byte), static_cast<char>(length_bytes == 2 ? 126 : 127)};
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(length >> (8 * i));
  return out;
}

const std::string kReserved = "error 1002: reserved bits are set in a frame";
const std::string kUnknown = "error 1002: frame with an unknown opcode";
const std::string kMasked = "error 1002: masked frame from a server";
const std::string kFragmented = "error 1002: fragmented control frame";
const std::string kControlTooLong = "error 1002: control frame over 125 bytes";
const std::string kNotMinimal = "error 1002: frame length in more bytes than it needs";
const std::string kLengthTooLarge = "error 1002: frame length of 2^63 or more";
const std::string kTooLarge = "error 1009: message over the limit";
const std::string kUnexpected = "error 1002: continuation without a message";
const std::string kExpected = "error 1002: new message inside of a fragmented one";
const std::string kInvalid = "error 1007: text is not valid UTF-8";
const std::string kBadCode = "error 1002: close code that may not be sent";
const std::string kOneByte = "error 1002: close frame of one byte";

CASE("frames of the RFC's examples are read") {
  // RFC 6455 section 5.7.
  checkRows({
      {"unmasked text", bytes("\x81\x05\x48\x65\x6c\x6c\x6f"), "text 'Hello'"},
      {"masked text", bytes("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), kMasked},
      {"fragmented text", bytes("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"), "text 'Hello'"},
      {"ping", bytes("\x89\x05\x48\x65\x6c\x6c\x6f"), "ping 'Hello'"},
      {"pong", bytes("\x8a\x05\x48\x65\x6c\x6c\x6f"), "pong 'Hello'"},
  });
  Rng rng(seed());
  for (const std::size_t size : {256, 65536}) {
    const std::string payload(size, 'b');
    const std::string head =
        size == 256 ? bytes("\x82\x7e\x01\x00") : bytes("\x82\x7f\0\0\0\0\0\1\0\0");
    EXPECT_EQ(WebSocketDriver().runAllSplits(head + payload, rng),
              WebSocketDriver().run(frame(0x82, payload), {}));
    EXPECT(WebSocketDriver().run(head + payload, {}).starts_with("binary " + std::to_string(size)));
  }
}

CASE("frames come one after the other") {
  checkRows({
      {"nothing", "", ""},
      {"empty messages", frame(0x81, "") + frame(0x82, "") + frame(0x81, ""),
       "text '' binary '' text ''"},
      {"all kinds", frame(0x81, "a") + frame(0x89, "") + frame(0x8a, "b") + frame(0x82, "\xff"),
       "text 'a' ping '' pong 'b' binary '\xff'"},
      {"quotes and parentheses", frame(0x81, "'("), "text '''('"},
      {"NUL", frame(0x81, bytes("a\0b")), "text '" + bytes("a\0b") + "'"},
      {"first byte only", bytes("\x81"), "open"},
      {"no payload yet", bytes("\x81\x01"), "open"},
      {"control without its payload", bytes("\x89\x02x"), "open"},
      {"half a length", bytes("\x81\x7e\x01"), "open"},
      {"half a payload", bytes("\x82\x02x"), "open"},
      {"half a message", frame(0x01, "a"), "open"},
      {"half a message, empty so far", frame(0x02, ""), "open"},
  });
}

CASE("frames have every length in its shortest form") {
  Rng rng(seed());
  const WebSocketDriver driver;
  for (const std::size_t size :
       {0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537}) {
    const std::string payload(size, 'x');
    for (const char* kind : {"text", "binary"}) {
      const std::string one = frame(kind[0] == 't' ? 0x81 : 0x82, payload);
      const std::size_t head = one.size() - size;
      EXPECT_EQ(head, size < 126 ? 2u : size < 65536 ? 4u : 10u);
      const std::string told = driver.runAllSplits(one + frame(0x89, "next"), rng);
      EXPECT(told.starts_with(kind), told);
      EXPECT(told.ends_with("ping 'next'"), told);
      if (size > 40) EXPECT(told.find(" " + std::to_string(size) + " bytes") != told.npos, told);
      EXPECT_EQ(driver.run(one.substr(0, one.size() - 1), {}), "open");
    }
  }
}

CASE("frames with a length in a longer form are refused") {
  for (const int length_bytes : {2, 8}) {
    for (const uint64_t length : {0ull, 1ull, 125ull, 126ull, 65535ull, 65536ull}) {
      if (length_bytes == 2 && length == 65536) continue;
      const bool minimal = length_bytes == 2 ? length >= 126 : length > 65535;
      checkRows({{"binary", headOf(0x82, length_bytes, length), minimal ? "open" : kNotMinimal},
                 {"text", headOf(0x01, length_bytes, length), minimal ? "open" : kNotMinimal}});
    }
  }
}

CASE("frames with a length of 2^63 and more are refused, and huge ones are over the limit") {
  const uint64_t half = uint64_t{1} << 63;
  checkRows({
      {"2^63", headOf(0x82, 8, half), kLengthTooLarge},
      {"2^63 + 1", headOf(0x82, 8, half + 1), kLengthTooLarge},
      {"2^64 - 1", headOf(0x82, 8, ~uint64_t{0}), kLengthTooLarge},
      {"2^63 - 1", headOf(0x82, 8, half - 1), kTooLarge},
      {"2^32", headOf(0x82, 8, uint64_t{1} << 32), kTooLarge},
  });
  // Without a limit the sum of the lengths still does not overflow.
  checkRows({{"2^63 - 1 alone", headOf(0x82, 8, half - 1), "open"}}, {~uint64_t{0}});
  checkRows({{"after a byte", frame(0x02, "x") + headOf(0x80, 8, half - 1), "open"}}, {half});
  checkRows({{"after two", frame(0x02, "xy") + headOf(0x80, 8, half - 1), kTooLarge}}, {half});
}

CASE("frames with reserved bits are refused") {
  for (const int bits : {0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70}) {
    for (const int opcode : {0, 1, 2, 3, 8, 9, 10, 15}) {
      const std::string first(1, static_cast<char>(0x80 | bits | opcode));
      checkRows({{"at the first byte", first, kReserved},
                 {"in a message", frame(0x01, "a") + first, kReserved},
                 {"after a message", frame(0x81, "a") + first, "text 'a' " + kReserved}});
    }
  }
}

CASE("frames with unknown opcodes are refused") {
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    for (const int fin : {0, 0x80}) {
      const std::string first(1, static_cast<char>(fin | opcode));
      checkRows({{"at the first byte", first, kUnknown},
                 {"with the rest", first + bytes("\x02xx"), kUnknown},
                 {"in a message", frame(0x02, "a") + first, kUnknown}});
    }
  }
}

CASE("frames that are masked are refused at their second byte") {
  for (const int opcode : {1, 2, 8, 9, 10}) {
    const auto first = static_cast<uint8_t>(0x80 | opcode);
    checkRows({{"whole", frame(first, "ab", true), kMasked},
               {"empty", frame(first, "", true), kMasked},
               {"two bytes", frame(first, "ab", true).substr(0, 2), kMasked}});
  }
  checkRows({{"continuation", frame(0x01, "a") + frame(0x80, "b", true), kMasked},
             {"long", frame(0x82, std::string(300, 'x'), true), kMasked},
             {"long control", bytes("\x89\xff"), kMasked}});
}

CASE("control frames are whole and short") {
  const std::string longest(125, 'p');
  Rng rng(seed());
  for (const int opcode : {8, 9, 10}) {
    checkRows({
        {"fragmented", std::string(1, static_cast<char>(opcode)), kFragmented},
        {"fragmented in a message", frame(0x01, "a") + static_cast<char>(opcode), kFragmented},
        {"126", bytes("\x89\x7e").replace(0, 1, 1, static_cast<char>(0x80 | opcode)),
         kControlTooLong},
        {"127", bytes("\x89\x7f").replace(0, 1, 1, static_cast<char>(0x80 | opcode)),
         kControlTooLong},
    });
  }
  for (const uint8_t first : {0x89, 0x8a}) {
    const std::string told =
        WebSocketDriver().runAllSplits(frame(first, longest) + frame(first, "z"), rng);
    EXPECT(told.find("125 bytes") != told.npos, told);
    EXPECT(told.ends_with("'z'"), told);
  }
  EXPECT(WebSocketDriver()
             .runAllSplits(closeFrame(1000, longest.substr(2)), rng)
             .starts_with("close 1000 123 bytes"));
}

CASE("fragments make messages") {
  checkRows({
      {"two", frame(0x01, "a") + frame(0x80, "b"), "text 'ab'"},
      {"many", frame(0x02, "a") + frame(0x00, "b") + frame(0x00, "c") + frame(0x80, "d"),
       "binary 'abcd'"},
      {"empty last", frame(0x01, "a") + frame(0x80, ""), "text 'a'"},
      {"empty first", frame(0x01, "") + frame(0x80, "a"), "text 'a'"},
      {"all empty", frame(0x01, "") + frame(0x00, "") + frame(0x00, "") + frame(0x80, ""),
       "text ''"},
      {"control in between",
       frame(0x01, "a") + frame(0x89, "1") + frame(0x00, "b") + frame(0x8a, "2") + frame(0x89, "") +
           frame(0x80, "c"),
       "ping '1' pong '2' ping '' text 'abc'"},
      {"close in between", frame(0x01, "a") + closeFrame(1001) + frame(0x80, "b"), "close 1001 ''"},
      {"message after message", frame(0x01, "a") + frame(0x80, "b") + frame(0x82, "c"),
       "text 'ab' binary 'c'"},
      {"continuation first", frame(0x80, "a"), kUnexpected},
      {"continuation that is not last", frame(0x00, "a"), kUnexpected},
      {"continuation after a whole one", frame(0x81, "a") + frame(0x80, "b"),
       "text 'a' " + kUnexpected},
      {"continuation after the last", frame(0x01, "a") + frame(0x80, "b") + frame(0x80, "c"),
       "text 'ab' " + kUnexpected},
      {"continuation after a ping", frame(0x89, "a") + frame(0x80, "b"), "ping 'a' " + kUnexpected},
      {"text inside", frame(0x01, "a") + frame(0x81, "b"), kExpected},
      {"binary inside", frame(0x01, "a") + frame(0x02, "b"), kExpected},
      {"binary inside of binary", frame(0x02, "a") + frame(0x89, "x") + frame(0x82, "b"),
       "ping 'x' " + kExpected},
  });
}

CASE("messages over the limit are refused at their head") {
  const WebSocketDriver five{5};
  checkRows(
      {
          {"at the limit", frame(0x81, "abcde"), "text 'abcde'"},
          {"above", frame(0x81, "abcdef"), kTooLarge},
          {"above, head only", bytes("\x82\x06"), kTooLarge},
          {"above, long form", headOf(0x82, 2, 126), kTooLarge},
          {"fragments at the limit", frame(0x02, "abc") + frame(0x00, "") + frame(0x80, "de"),
           "binary 'abcde'"},
          {"empty at the limit", frame(0x02, "abcde") + frame(0x80, ""), "binary 'abcde'"},
          {"fragments above", frame(0x02, "abc") + frame(0x80, "def").substr(0, 2), kTooLarge},
          {"many fragments above",
           frame(0x02, "ab") + frame(0x00, "cd") + frame(0x00, "e") + frame(0x00, "f").substr(0, 2),
           kTooLarge},
          {"each message has its own", frame(0x81, "abcde") + frame(0x81, "fghij"),
           "text 'abcde' text 'fghij'"},
          {"control is not counted", frame(0x02, "abcd") + frame(0x89, "123456") + frame(0x80, "e"),
           "ping '123456' binary 'abcde'"},
          {"close is not counted", closeFrame(1000, "good bye"), "close 1000 'good bye'"},
      },
      five);
  checkRows(
      {{"nothing at all", frame(0x81, ""), "text ''"}, {"a byte", frame(0x81, "a"), kTooLarge}},
      {0});
}

CASE("close frames have nothing, or a code that may be sent and a reason") {
  checkRows({
      {"empty", frame(0x88, ""), "close 1005 ''"},
      {"one byte", frame(0x88, "\x03"), kOneByte},
      {"one byte, head only", bytes("\x88\x01"), kOneByte},
      {"code", closeFrame(1000), "close 1000 ''"},
      {"reason", closeFrame(4321, "h\xc3\xa9"), "close 4321 'h\xc3\xa9'"},
      {"reason that is not UTF-8", closeFrame(1000, "\xff"), kInvalid},
      {"reason that ends in a character", closeFrame(1000, "a\xe2\x82"), kInvalid},
      {"code before reason", closeFrame(999, "\xff"), kBadCode},
      {"what follows is discarded", closeFrame(1000) + frame(0x81, "a") + bytes("\xff\xff\xff"),
       "close 1000 ''"},
      {"discarded after an empty one, too", frame(0x88, "") + bytes("\x70"), "close 1005 ''"},
  });
}

CASE("close codes are taken as the registry has them") {
  const WebSocketDriver driver;
  int good = 0;
  for (uint32_t code = 0; code <= 0xffff; ++code) {
    const auto c = static_cast<uint16_t>(code);
    const bool registered = code >= 1000 && code <= 1014;
    const bool allowed = (registered && code != 1004 && code != 1005 && code != 1006) ||
                         (code >= 3000 && code <= 4999);
    good += allowed ? 1 : 0;
    EXPECT_EQ(isSendableCloseCode(c), allowed, std::to_string(code));
    EXPECT_EQ(driver.run(closeFrame(c), {}),
              allowed ? "close " + std::to_string(code) + " ''" : kBadCode, std::to_string(code));
  }
  EXPECT_EQ(good, 12 + 2000);
}

CASE("text messages are UTF-8 over all their frames") {
  const std::string kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  std::vector<Row> rows = {
      {"one frame", frame(0x81, kosme), "text '" + kosme + "'"},
      {"binary is anything", frame(0x82, "\xff\xc0\x80"), "binary '\xff\xc0\x80'"},
      {"ping is anything", frame(0x89, "\xff"), "ping '\xff'"},
      {"incomplete at the end", frame(0x81, "a\xc3"), kInvalid},
      {"incomplete at the end of the last", frame(0x01, "a") + frame(0x80, "\xf0\x90\x80"),
       kInvalid},
      {"incomplete before an empty last", frame(0x01, "\xc3") + frame(0x80, "").substr(0, 2),
       kInvalid},
      {"continued in the last", frame(0x01, "\xc3") + frame(0x80, "\xa9"), "text '\xc3\xa9'"},
      {"ping inside of a character",
       frame(0x01, "\xc3") + frame(0x89, "\xff") + frame(0x80, "\xa9"),
       "ping '\xff' text '\xc3\xa9'"},
      {"a new text starts anew", frame(0x81, "a") + frame(0x81, "\xa9"), "text 'a' " + kInvalid},
      {"bad far from the end", frame(0x81, std::string(200, 'a') + "\xff" + std::string(200, 'a')),
       kInvalid},
      {"bad before the rest has come",
       bytes("\x81\x7e\x10\x00"
             "abc\xed\xa0"),
       kInvalid},
      {"bad in a fragment before the last", frame(0x01, "abc\xed\xa0"), kInvalid},
  };
  checkRows(rows);
  Rng rng(seed());
  for (std::size_t cut = 0; cut <= kosme.size(); ++cut) {
    const std::string fragments =
        frame(0x01, kosme.substr(0, cut)) + frame(0x80, kosme.substr(cut));
    EXPECT_EQ(WebSocketDriver().runAllSplits(fragments, rng), "text '" + kosme + "'");
  }
  std::string each_byte = frame(0x01, "");
  for (const char c : kosme) each_byte += frame(0x00, {&c, 1});
  EXPECT_EQ(WebSocketDriver().runAllSplits(each_byte + frame(0x80, ""), rng),
            "text '" + kosme + "'");
}

CASE("text is refused at the byte that spoils it") {
  const struct {
    std::string good;  // may still become valid
    char bad;
  } rows[] = {{"\xce\xba\xe1\xbd\xb9", '\x80'},  // continuation alone
              {"", '\xc0'},                      // overlong lead
              {"", '\xc1'},
              {"\xe0", '\x9f'},
              {"\xed", '\xa0'},
              {"\xf0", '\x8f'},
              {"\xf4", '\x90'},
              {"", '\xf5'},
              {"", '\xff'},
              {"\xc3", 'a'},
              {"\xe2\x82", 'a'},
              {"\xf0\x9f\x98", '\xc3'}};
  for (const auto& row : rows) {
    for (const std::size_t before : {0, 1, 7, 8, 31, 32, 33, 64}) {
      const std::string good = std::string(before, 'a') + row.good;
      const std::string head = headOf(0x81, 2, 1000);
      Rng rng(seed());
      EXPECT_EQ(WebSocketDriver().runAllSplits(head + good, rng), "open");
      EXPECT_EQ(WebSocketDriver().runAllSplits(head + good + row.bad, rng), kInvalid);
    }
  }
}

CASE("readers start anew") {
  FrameReader reader;
  FrameReader::Piece piece;
  const auto read = [&](std::string text) {
    char* at = text.data();
    return reader.next(&at, at + text.size(), &piece);
  };
  using Result = FrameReader::Result;
  for (const std::string& left : {frame(0x01, "\xc3"), bytes("\x81"), bytes("\x82\x7f\1"),
                                  bytes("\x89\x02x"), bytes("\xff"), closeFrame(1000)}) {
    reader.start(1);
    read(left);
    reader.start(3);
    EXPECT_EQ(reader.midMessage(), false);
    EXPECT_EQ(static_cast<int>(reader.error()), static_cast<int>(FrameError::kNone));
    EXPECT_EQ(static_cast<int>(read(frame(0x81, "abc"))), static_cast<int>(Result::kPiece));
    EXPECT_EQ(piece.size, 3u);
    EXPECT_EQ(piece.end, true);
    EXPECT_EQ(static_cast<int>(read(frame(0x81, "abcd"))), static_cast<int>(Result::kError));
  }
}

CASE("errors have a sentence and a close code each") {
  EXPECT_EQ(closeCodeOf(FrameError::kNone), 1000);
  for (int i = 1; i <= static_cast<int>(FrameError::kBadClosePayload); ++i) {
    const auto error = static_cast<FrameError>(i);
    EXPECT(std::string(describe(error)) != "unknown");
    const int code = error == FrameError::kInvalidUtf8       ? 1007
                     : error == FrameError::kMessageTooLarge ? 1009
                                                             : 1002;
    EXPECT_EQ(closeCodeOf(error), code);
  }
}

}  // namespace
}  // namespace millrace::test
