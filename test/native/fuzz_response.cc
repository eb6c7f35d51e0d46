#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "naive_http.h"
#include "response_driver.h"

// Any bytes as an answer of an upstream: the first one says what was asked and whether the
// connection ends, the rest is the answer. However it is cut, the parser reads the same out of it,
// never past its end, and what a plain reading of the RFC gives: the same fields, the same body of
// the declared length, the same end, so that a connection is used again exactly when nothing is
// left on it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;  // NOLINT
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const test::ResponseDriver driver{(data[0] & 1) != 0, (data[0] & 2) != 0};
  Rng rng(murmur3(message, data[0]));
  const std::string told = driver.runAllSplits(message, rng, 2);
  const std::string naive = test::naiveResponse(message, driver.to_head_request, driver.closed);
  // The plain reader knows no sentences, and no split.
  const bool same = told == naive || (naive.ends_with("error") && told.starts_with(naive + ": "));
  if (!same) test::fuzzFault("not as the RFC reads", told + "\ninstead of\n" + naive);
  return 0;
}

namespace millrace::test {

FuzzTarget fuzzTarget() {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  FuzzTarget target{
      .name = "response",
      .seeds =
          {"\1" + ok + "Content-Length: 5\r\n\r\n", "\2" + ok + "Server: x\r\n\r\nuntil close",
           "\2" + ok + "Content-Length: 5\r\nConnection: close, x-a\r\nX-A: b\r\n\r\nhello",
           "\2" + ok + "Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhelloextra",
           "\2" + ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a;ext=\"v\"\r\n" +
               std::string(26, 'x') + "\r\n0\r\nTrailer: y\r\n\r\n",
           "\2HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 "
           "204 No Content\r\n\r\n",
           "\2HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
           "\2HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n"},
      .fragments = {"\r\n",
                    "\n",
                    "\r",
                    "\r\n\r\n",
                    "\r\n ",
                    ":",
                    ": ",
                    " :",
                    " ",
                    "\t",
                    ",",
                    ", ",
                    ";",
                    ";a=b",
                    ";a=\"\r\n\"",
                    "0",
                    "0\r\n\r\n",
                    "5\r\n",
                    "ffffffffffffffff\r\n",
                    std::string(1, '\0'),
                    "\x7f",
                    "\xff",
                    "HTTP/1.1 ",
                    "HTTP/1.0 200",
                    "HTTP/1.1 100 x\r\n\r\n",
                    "HTTP/1.1 304 x",
                    "HTTP/1.1 204",
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x",
                    "Content-Length: 5",
                    "content-length:5,5",
                    "Content-Length: 18446744073709551616",
                    "Transfer-Encoding: chunked",
                    "Transfer-Encoding: gzip",
                    "transfer-encoding:\tCHUNKED ",
                    "Connection: close",
                    "Connection: keep-alive, x-a",
                    "Date: Sun, 06 Nov 1994 08:49:37 GMT",
                    "Set-Cookie: a=b"},
      .inputs = 100'000};
  for (const std::string& message : hostileMessages("upstream")) {
    target.seeds.push_back("\2" + message);
    target.seeds.push_back(std::string(1, '\0') + message);
  }
  return target;
}

}  // namespace millrace::test
