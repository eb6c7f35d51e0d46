#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/http/response_parser.h"
#include "harness.h"
#include "response_driver.h"

// Where a body ends, and what follows it.
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

const std::string kStatusLine = "HTTP/1.1 200 OK\r\n";

CASE("interim responses are passed over and bounded") {
  const std::string last = kStatusLine + "Content-Length: 2\r\n\r\nhi";
  const std::string rest = "200 OK [Content-Length=2] keep 'hi' done";
  const std::string one = "HTTP/1.1 100 Continue\r\n\r\n";
  std::string many;
  std::string told;
  for (uint32_t i = 0; i < kMaxInterimResponses; ++i) {
    many += one;
    told += "(100) ";
  }
  checkRows({
      {"one", one + last, "(100) " + rest},
      {"hints", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + last, "(103) " + rest},
      {"length of no body", "HTTP/1.1 102 x\r\nContent-Length: 9\r\n\r\n" + last, "(102) " + rest},
      {"no more", one, "(100) open"},
      {"sixteen", many + last, told + rest},
      {"seventeen", many + one + last, told + "(100) error: more than 16 interim responses"},
      {"malformed", "HTTP/1.1 100 Continue\r\nA : b\r\n\r\n" + last,
       "error: malformed header name"},
      {"malformed after", one + "HTTP/1.1 2x0 OK\r\n\r\n",
       "(100) error: status code outside 100-599"},
      {"upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       "error: 101 without an upgrade request"},
  });
}

CASE("responses without a body end with their head") {
  checkRows({
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content [] keep '' done"},
      {"204 with a length", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n",
       "204 x [Content-Length=5] keep would be 5 '' done"},
      {"204 that sends", "HTTP/1.1 204 x\r\n\r\nHTTP", "204 x [] keep '' done, 4 more"},
      {"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
       "304 Not Modified [Content-Length=9] keep would be 9 '' done"},
      {"304 chunked", "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n",
       "304 x [Transfer-Encoding=chunked] keep '' done"},
      {"204 of both", "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
       "error: both Content-Length and Transfer-Encoding"},
  });
  checkRows(
      {
          {"HEAD", kStatusLine + "Content-Length: 5\r\n\r\n",
           "200 OK [Content-Length=5] keep would be 5 '' done"},
          {"HEAD chunked", kStatusLine + "Transfer-Encoding: chunked\r\n\r\n",
           "200 OK [Transfer-Encoding=chunked] keep '' done"},
          {"HEAD until close", kStatusLine + "\r\n", "200 OK [] keep '' done"},
          {"HEAD that sends", kStatusLine + "Content-Length: 5\r\n\r\nhello",
           "200 OK [Content-Length=5] keep would be 5 '' done, 5 more"},
          {"HEAD conflicting", kStatusLine + "Content-Length: 5, 6\r\n\r\n",
           "error: conflicting Content-Length values"},
      },
      {.to_head_request = true});
}

CASE("persistence follows version and Connection") {
  const auto row = [](const char* version, const std::string& connection) {
    return std::string(version) + " 204 x\r\n" + connection + "\r\n";
  };
  checkRows({
      {"1.1", row("HTTP/1.1", ""), "204 x [] keep '' done"},
      {"1.0", row("HTTP/1.0", ""), "204 x [] close '' done"},
      {"1.1 close", row("HTTP/1.1", "Connection: close\r\n"),
       "204 x [Connection=close] close '' done"},
      {"case", row("HTTP/1.1", "Connection: Foo ,\tCLOSE\r\n"),
       "204 x [Connection=Foo ,\tCLOSE] close nominates '' done"},
      {"1.0 keep-alive", row("HTTP/1.0", "Connection: Keep-Alive\r\n"),
       "204 x [Connection=Keep-Alive] keep '' done"},
      {"close wins", row("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"),
       "204 x [Connection=keep-alive,Connection=close] close '' done"},
      {"prefix of a word", row("HTTP/1.1", "Connection: closed\r\n"),
       "204 x [Connection=closed] keep nominates '' done"},
      {"empty", row("HTTP/1.1", "Connection: , ,\r\n"), "204 x [Connection=, ,] keep '' done"},
  });
}

CASE("Connection names no more fields than can be looked for") {
  std::string options = "X-0";
  for (uint32_t i = 1; i < kMaxConnectionOptions; ++i) options += ", X-" + std::to_string(i);
  const auto with = [](const std::string& lines) { return "HTTP/1.1 204 x\r\n" + lines + "\r\n"; };
  const std::string line = "Connection: close, keep-alive, " + options + "\r\n";
  const std::string fault = "error: more than 32 options in Connection";
  Rng rng(seed());
  const ResponseDriver driver;
  EXPECT(driver.runAllSplits(with(line), rng).ends_with("close nominates '' done"));
  EXPECT_EQ(driver.runAllSplits(with(line + "connection: x\r\n"), rng), fault);
  EXPECT_EQ(driver.runAllSplits(with("Connection: x," + options + "\r\n"), rng), fault);
}

CASE("a body without framing ends with the connection") {
  checkRows(
      {
          {"until close", kStatusLine + "\r\nhello", "200 OK [] close 'hello' done by close"},
          {"empty", kStatusLine + "\r\n", "200 OK [] close '' done by close"},
          {"close in the head", kStatusLine + "A: b\r\n",
           "error: connection closed before the end of the response"},
          {"close before all", "", "error: connection closed before the end of the response"},
          {"close after interim", "HTTP/1.1 100 x\r\n\r\n",
           "(100) error: connection closed before the end of the response"},
          {"short", kStatusLine + "Content-Length: 5\r\n\r\nhell",
           "200 OK [Content-Length=5] keep 'hell' error: connection closed before the end of the "
           "response"},
          {"exact", kStatusLine + "Content-Length: 5\r\n\r\nhello",
           "200 OK [Content-Length=5] keep 'hello' done"},
          {"chunked", kStatusLine + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r",
           "200 OK [Transfer-Encoding=chunked] keep 'hello' error: connection closed before the "
           "end of the response"},
      },
      {.closed = true});
}

std::string chunked(const std::string& body) {
  return kStatusLine + "Transfer-Encoding: chunked\r\n\r\n" + body;
}
std::string decoded(const std::string& rest) {
  return "200 OK [Transfer-Encoding=chunked] keep " + rest;
}

CASE("chunked bodies are decoded") {
  checkRows({
      {"one", chunked("5\r\nhello\r\n0\r\n\r\n"), decoded("'hello' done")},
      {"several", chunked("1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n"), decoded("'hello' done")},
      {"empty", chunked("0\r\n\r\n"), decoded("'' done")},
      {"data like framing", chunked("8\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n"),
       decoded("'\r\n0\r\n\r\n\r' done")},
      {"upper case", chunked("A\r\n0123456789\r\n0\r\n\r\n"), decoded("'0123456789' done")},
      {"lower case", chunked("a\r\n0123456789\r\n00\r\n\r\n"), decoded("'0123456789' done")},
      {"zeros", chunked("0000000000000005\r\nhello\r\n0\r\n\r\n"), decoded("'hello' done")},
      {"extension", chunked("5;a=b;c=\"d e\"\r\nhello\r\n0;last\r\n\r\n"), decoded("'hello' done")},
      {"white space before it", chunked("5 ;a\r\nhello\r\n0\t\r\n\r\n"), decoded("'hello' done")},
      {"padded size", chunked("5   \r\nhello\r\n0\r\n\r\n"), decoded("'hello' done")},
      {"trailers", chunked("0\r\nA: b\r\nC: d\r\n\r\n"), decoded("'' done")},
      {"more", chunked("0\r\n\r\nHTTP/1.1"), decoded("'' done, 8 more")},
      {"open in a size", chunked("5"), decoded("'' open")},
      {"open in data", chunked("5\r\nhel"), decoded("'hel' open")},
      {"open after data", chunked("5\r\nhello\r"), decoded("'hello' open")},
      {"open at the end", chunked("5\r\nhello\r\n0\r\n"), decoded("'hello' open")},
      {"largest size", chunked("7fffffffffffffff\r\nx"), decoded("'x' open")},
  });
}

CASE("malformed chunks are refused where they begin") {
  const std::string size = decoded("'' error: malformed chunk size");
  const std::string end = decoded("'hello' error: chunk not followed by CRLF");
  checkRows({
      {"no size", chunked("\r\nhello\r\n0\r\n\r\n"), size},
      {"space first", chunked(" 5\r\nhello\r\n0\r\n\r\n"), size},
      {"sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), size},
      {"minus", chunked("-1\r\nhello\r\n0\r\n\r\n"), size},
      {"0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), size},
      {"letter", chunked("5g\r\nhello\r\n0\r\n\r\n"), size},
      {"bare LF", chunked("5\nhello\r\n0\r\n\r\n"), size},
      {"bare CR", chunked("5\rhello\r\n0\r\n\r\n"), size},
      {"words", chunked("5 5\r\nhello\r\n0\r\n\r\n"), size},
      {"word after a tab", chunked("5\ta=b\r\nhello\r\n0\r\n\r\n"), size},
      {"LF in an extension", chunked("5;a\nhello\r\n0\r\n\r\n"), size},
      {"NUL in an extension", chunked(std::string("5;a\0\r\nhello\r\n0\r\n\r\n", 18)), size},
      {"negative when signed", chunked("ffffffffffffffff\r\nx"), size},
      {"2^64", chunked("10000000000000000\r\nx"), size},
      {"2^64 + 5", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), size},
      {"17 digits", chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"), size},
      {"no CRLF", chunked("5\r\nhello0\r\n\r\n"), end},
      {"LF only", chunked("5\r\nhello\n0\r\n\r\n"), end},
      {"CR only", chunked("5\r\nhello\r0\r\n\r\n"), end},
      {"size too small", chunked("4\r\nhello\r\n0\r\n\r\n"),
       decoded("'hell' error: chunk not followed by CRLF")},
      {"size too large", chunked("6\r\nhello\r\n0\r\n\r\n"),
       decoded("'hello\r' error: chunk not followed by CRLF")},
      {"second size", chunked("5\r\nhello\r\n;a\r\n\r\n"),
       decoded("'hello' error: malformed chunk size")},
      {"end without LF", chunked("0\r\n\rX"), decoded("'' error: chunk not followed by CRLF")},
      {"NUL in a trailer", chunked(std::string("0\r\nA: \0\r\n\r\n", 11)),
       decoded("'' error: malformed trailer")},
      {"trailer without a colon", chunked("0\r\nA\r\n\r\n"),
       decoded("'' error: malformed trailer")},
      {"trailer without a name", chunked("0\r\n: b\r\n\r\n"),
       decoded("'' error: malformed trailer")},
      {"space before the colon", chunked("0\r\nA : b\r\n\r\n"),
       decoded("'' error: malformed trailer")},
      {"folded trailer", chunked("0\r\nA: b\r\n c\r\n\r\n"),
       decoded("'' error: malformed trailer")},
      {"another answer as a trailer", chunked("0\r\nHTTP/1.1 200 OK\r\n\r\n"),
       decoded("'' error: malformed trailer")},
      {"bare LF in a trailer", chunked("0\r\nA: b\n\r\n"), decoded("'' error: malformed trailer")},
      {"bare CR in a trailer", chunked("0\r\nA: b\rC: d\r\n\r\n"),
       decoded("'' error: malformed trailer")},
      {"bare LF at the end", chunked("0\r\n\n"), decoded("'' error: malformed trailer")},
  });
}

CASE("chunk extensions and trailers are bounded") {
  const std::string exact(4096, 'x');
  const std::string trailer =
      "A: " + std::string(1018, 'x') + "\r\n";  // 1 KiB, of which the CR counts
  std::string trailers;
  for (int i = 0; i < 16; ++i) trailers += trailer;
  checkRows({
      {"4 KiB", chunked("5;" + exact + "\r\nhello\r\n0\r\n\r\n"), decoded("'hello' done")},
      {"of each chunk", chunked("1;" + exact + "\r\nh\r\n1;" + exact + "\r\ni\r\n0\r\n\r\n"),
       decoded("'hi' done")},
      {"more", chunked("5;" + exact + "x\r\nhello\r\n0\r\n\r\n"),
       decoded("'' error: chunk extension over 4 KiB")},
      {"spaces", chunked("5" + std::string(5000, ' ') + "\r\nhello"),
       decoded("'' error: chunk extension over 4 KiB")},
      {"trailers of 16 KiB", chunked("0\r\n" + trailers + "\r\n"), decoded("'' done")},
      {"longer trailers", chunked("0\r\n" + trailers + trailer + "\r\n"),
       decoded("'' error: trailers over 16 KiB")},
  });
}

}  // namespace
}  // namespace millrace::test
