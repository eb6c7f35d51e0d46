#include "engine/http/response_parser.h"

#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "response_driver.h"

// Heads of answers: what is taken, what is refused, and what the head says about the body.
namespace millrace::test {
namespace {

struct Row {
  const char* what;
  std::string message;
  std::string expected;
};

void checkRows(const std::vector<Row>& rows, ResponseDriver driver = {}) {
  Rng rng(seed());
  for (const Row& row : rows)
    EXPECT_EQ(driver.runAllSplits(row.message, rng), row.expected, row.what);
}

std::string bytes(const char* text, std::size_t n) { return std::string(text, n); }

const std::string kStatusLine = "HTTP/1.1 200 OK\r\n";
const std::string kEnd = "Content-Length: 0\r\n\r\n";

CASE("response status lines are parsed strictly") {
  const std::string line = "error: malformed status line";
  const std::string version = "error: version is not HTTP/1.0 or HTTP/1.1";
  const std::string other = "error: not HTTP/1.x: another protocol, or TLS";
  const std::string code = "error: status code outside 100-599";
  const std::string rest = " [Content-Length=0] keep '' done";
  checkRows({
      {"usual", "HTTP/1.1 200 OK\r\n" + kEnd, "200 OK" + rest},
      {"words", "HTTP/1.1 404 Not  Found at all\r\n" + kEnd, "404 Not  Found at all" + rest},
      {"no reason", "HTTP/1.1 200 \r\n" + kEnd, "200 " + rest},
      {"no space", "HTTP/1.1 200\r\n" + kEnd, "200" + rest},
      {"obs-text", "HTTP/1.1 200 \xc3\xa9\r\n" + kEnd, "200 \xc3\xa9" + rest},
      {"lowest", "HTTP/1.1 200\r\n" + kEnd, "200" + rest},
      {"highest", "HTTP/1.1 599 x\r\n" + kEnd, "599 x" + rest},
      {"1.0", "HTTP/1.0 200 OK\r\n" + kEnd, "200 OK [Content-Length=0] close '' done"},
      {"0.9", "HTTP/0.9 200 OK\r\n" + kEnd, version},
      {"1.2", "HTTP/1.2 200 OK\r\n" + kEnd, version},
      {"2", "HTTP/2.0 200 OK\r\n" + kEnd, version},
      {"two digits", "HTTP/1.10 200 OK\r\n" + kEnd, line},
      {"lower case", "http/1.1 200 OK\r\n" + kEnd, other},
      {"other protocol", "ICY/1.1 200 OK\r\n" + kEnd, other},
      {"shifted", " HTTP/1.1 200 OK\r\n" + kEnd, other},
      {"empty line first", "\r\nHTTP/1.1 200 OK\r\n" + kEnd, other},
      {"nothing", "\r\n\r\n", other},
      {"a banner, at its first byte", "220 mail.test ESMTP", other},
      {"an alert of TLS", bytes("\x15\x03\x03\x00\x02\x02\x0a", 7), other},
      {"settings of HTTP/2", bytes("\0\0\x12\x04", 4), other},
      {"the start of a version", "HTTP/", "open"},
      {"the start of another version", "HTTP/2", version},
      {"short", "HTTP/1.1 20\r\n" + kEnd, line},
      {"tab", "HTTP/1.1\t200 OK\r\n" + kEnd, line},
      {"two spaces", "HTTP/1.1  200 OK\r\n" + kEnd, code},
      {"four digits", "HTTP/1.1 2000 OK\r\n" + kEnd, line},
      {"signed", "HTTP/1.1 +20 OK\r\n" + kEnd, code},
      {"hexadecimal", "HTTP/1.1 0x2 OK\r\n" + kEnd, code},
      {"below 100", "HTTP/1.1 099 OK\r\n" + kEnd, code},
      {"zero", "HTTP/1.1 000 OK\r\n" + kEnd, code},
      {"600", "HTTP/1.1 600 OK\r\n" + kEnd, code},
      {"999", "HTTP/1.1 999 OK\r\n" + kEnd, code},
      {"NUL", bytes("HTTP/1.1 200 O\0K\r\n", 18) + kEnd, line},
      {"bell", "HTTP/1.1 200 O\aK\r\n" + kEnd, line},
      {"CR", "HTTP/1.1 200 O\rK\r\n" + kEnd, line},
      {"DEL", "HTTP/1.1 200 O\x7fK\r\n" + kEnd, line},
      {"request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", other},
  });
}

CASE("response heads end in CRLF and in nothing else") {
  const std::string bare = "error: line ends in a bare LF";
  checkRows({
      {"status line", "HTTP/1.1 200 OK\n" + kEnd, bare},
      {"header", kStatusLine + "A: b\nC: d\r\n" + kEnd, bare},
      {"last header", kStatusLine + "A: b\n\r\n", bare},
      {"empty line", kStatusLine + "A: b\r\n\n", bare},
      {"first line", "HTTP/1.1\n" + kStatusLine + kEnd, bare},
      {"CR CR LF", kStatusLine + "A: b\r\r\n" + kEnd, "error: control byte in a header value"},
      {"CR alone", kStatusLine + "A: b\rC: d\r\n" + kEnd, "error: control byte in a header value"},
      {"open", kStatusLine + "A: b\r\n", "open"},
      {"open at the CR", kStatusLine + "A: b\r\n\r", "open"},
      {"empty", "", "open"},
  });
}

CASE("response header names and values are parsed strictly") {
  const std::string name = "error: malformed header name";
  const std::string value = "error: control byte in a header value";
  checkRows({
      {"every token byte", kStatusLine + "!#$%&'*+-.^_`|~09azAZ: x\r\n" + kEnd,
       "200 OK [!#$%&'*+-.^_`|~09azAZ=x,Content-Length=0] keep '' done"},
      {"white space around", kStatusLine + "A: \t b c\t \r\nB:\r\nC: \r\nD:e\r\n" + kEnd,
       "200 OK [A=b c,B=,C=,D=e,Content-Length=0] keep '' done"},
      {"obs-text", kStatusLine + "A: \xff\x80\r\n" + kEnd,
       "200 OK [A=\xff\x80,Content-Length=0] keep '' done"},
      {"no colon", kStatusLine + "A\r\n" + kEnd, name},
      {"no name", kStatusLine + ": b\r\n" + kEnd, name},
      {"space before the colon", kStatusLine + "A : b\r\n" + kEnd, name},
      {"tab before the colon", kStatusLine + "A\t: b\r\n" + kEnd, name},
      {"space in the name", kStatusLine + "A b: c\r\n" + kEnd, name},
      {"folded line", kStatusLine + "A: b\r\n c\r\n" + kEnd, name},
      {"folded by tab", kStatusLine + "A: b\r\n\tc: d\r\n" + kEnd, name},
      {"space before the first", kStatusLine + " A: b\r\n" + kEnd, name},
      {"NUL in the name", kStatusLine + bytes("A\0: b\r\n", 7) + kEnd, name},
      {"obs-text in the name", kStatusLine + "\xc3\xa9: b\r\n" + kEnd, name},
      {"separator in the name", kStatusLine + "A(b): c\r\n" + kEnd, name},
      {"NUL in the value", kStatusLine + bytes("A: b\0c\r\n", 8) + kEnd, value},
      {"escape", kStatusLine + "A: b\x1b[0m\r\n" + kEnd, value},
      {"DEL", kStatusLine + "A: \x7f\r\n" + kEnd, value},
      {"control far into the value",
       kStatusLine + "A: " + std::string(100, 'x') + "\x01\r\n" + kEnd, value},
  });
}

CASE("response heads are bounded in fields and bytes") {
  std::string fields;
  for (int i = 0; i < 127; ++i) fields += "A: b\r\n";
  Rng rng(seed());
  const ResponseDriver driver;
  const std::string full = driver.runAllSplits(kStatusLine + fields + kEnd, rng);
  EXPECT(full.ends_with("Content-Length=0] keep '' done"));
  EXPECT_EQ(driver.runAllSplits(kStatusLine + fields + "A: b\r\n" + kEnd, rng),
            "error: more than 128 header lines");

  const std::size_t room = kMaxResponseHeadBytes - kStatusLine.size() - kEnd.size() - 5;
  const auto sized = [&](std::size_t n) {
    return kStatusLine + "A: " + std::string(n, 'x') + "\r\n" + kEnd;
  };
  EXPECT_EQ(sized(room).size(), kMaxResponseHeadBytes);
  EXPECT(driver.runAllSplits(sized(room), rng).ends_with("done"));
  EXPECT_EQ(driver.runAllSplits(sized(room + 1), rng), "error: response head over 64 KiB");
  EXPECT_EQ(driver.runAllSplits("HTTP/1.1 " + std::string(kMaxResponseHeadBytes - 9, 'x'), rng),
            "open");
  EXPECT_EQ(driver.runAllSplits("HTTP/1.1 " + std::string(kMaxResponseHeadBytes - 8, 'x'), rng),
            "error: response head over 64 KiB");
}

CASE("response Content-Length has one form and one value") {
  const std::string bad = "error: malformed Content-Length";
  const std::string differ = "error: conflicting Content-Length values";
  const auto with = [](const std::string& lines) { return kStatusLine + lines + "\r\nhello"; };
  checkRows({
      {"plain", with("Content-Length: 5\r\n"), "200 OK [Content-Length=5] keep 'hello' done"},
      {"zeros", with("content-length: 005\r\n"), "200 OK [content-length=005] keep 'hello' done"},
      {"equal twice", with("Content-Length: 5\r\nContent-Length: 5\r\n"),
       "200 OK [Content-Length=5,Content-Length=5] keep 'hello' done"},
      {"equal list", with("Content-Length: 5, 5,05\r\n"),
       "200 OK [Content-Length=5, 5,05] keep 'hello' done"},
      {"longer", with("Content-Length: 9\r\n"), "200 OK [Content-Length=9] keep 'hello' open"},
      {"shorter", with("Content-Length: 2\r\n"),
       "200 OK [Content-Length=2] keep 'he' done, 3 more"},
      {"largest", with("Content-Length: 999999999999999999\r\n"),
       "200 OK [Content-Length=999999999999999999] keep 'hello' open"},
      {"differing", with("Content-Length: 5\r\nContent-Length: 6\r\n"), differ},
      {"differing apart", with("Content-Length: 5\r\nA: b\r\nContent-Length: 0\r\n"), differ},
      {"differing list", with("Content-Length: 5, 6\r\n"), differ},
      {"differing from the list", with("Content-Length: 5, 5\r\nContent-Length: 6\r\n"), differ},
      {"empty", with("Content-Length:\r\n"), bad},
      {"empty after one", with("Content-Length: 5\r\nContent-Length: \r\n"), bad},
      {"empty item", with("Content-Length: 5,\r\n"), bad},
      {"empty first item", with("Content-Length: ,5\r\n"), bad},
      {"plus", with("Content-Length: +5\r\n"), bad},
      {"minus", with("Content-Length: -5\r\n"), bad},
      {"hexadecimal", with("Content-Length: 0x5\r\n"), bad},
      {"fraction", with("Content-Length: 5.0\r\n"), bad},
      {"exponent", with("Content-Length: 5e0\r\n"), bad},
      {"words", with("Content-Length: 5 5\r\n"), bad},
      {"letters", with("Content-Length: five\r\n"), bad},
      {"semicolon", with("Content-Length: 5;\r\n"), bad},
      {"other digits", with("Content-Length: \xd9\xa5\r\n"), bad},
      {"2^64 + 5", with("Content-Length: 18446744073709551621\r\n"), bad},
      {"19 digits", with("Content-Length: 0000000000000000005\r\n"), bad},
  });
}

CASE("response Transfer-Encoding is exactly chunked") {
  const std::string bad = "error: Transfer-Encoding is not exactly chunked";
  const std::string both = "error: both Content-Length and Transfer-Encoding";
  const auto with = [](const std::string& lines) { return kStatusLine + lines + "\r\n0\r\n\r\n"; };
  checkRows({
      {"plain", with("Transfer-Encoding: chunked\r\n"),
       "200 OK [Transfer-Encoding=chunked] keep '' done"},
      {"case", with("transfer-encoding: ChunKed\r\n"),
       "200 OK [transfer-encoding=ChunKed] keep '' done"},
      {"gzip", with("Transfer-Encoding: gzip\r\n"), bad},
      {"gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n"), bad},
      {"chunked, gzip", with("Transfer-Encoding: chunked, gzip\r\n"), bad},
      {"identity", with("Transfer-Encoding: identity\r\n"), bad},
      {"empty", with("Transfer-Encoding:\r\n"), bad},
      {"quoted", with("Transfer-Encoding: \"chunked\"\r\n"), bad},
      {"parameter", with("Transfer-Encoding: chunked;a=b\r\n"), bad},
      {"comma", with("Transfer-Encoding: chunked,\r\n"), bad},
      {"vertical tab", with("Transfer-Encoding: \vchunked\r\n"),
       "error: control byte in a header value"},
      {"twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), bad},
      {"length first", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), both},
      {"length last", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), both},
      {"1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad},
      {"lookalike", with("Transfer_Encoding: chunked\r\nContent-Length: 0\r\n"),
       "200 OK [Transfer_Encoding=chunked,Content-Length=0] keep '' done, 5 more"},
  });
}

}  // namespace
}  // namespace millrace::test
