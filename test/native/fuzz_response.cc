#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "fuzz_driver.h"
#include "response_driver.h"

// Any bytes as an answer of an upstream: the first one says what was asked, the rest is the answer.
// However it is cut, the parser reads the same out of it, and never past its end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;  // NOLINT
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const test::ResponseDriver driver{(data[0] & 1) != 0, (data[0] & 2) != 0};
  Rng rng(murmur3(message, data[0]));
  const std::string told = driver.runAllSplits(message, rng, 2);
  if (told.find(" gives \"") == std::string::npos && told.find("(OVERRUN)") == std::string::npos &&
      told.find("(NOT DONE)") == std::string::npos &&
      told.find("(BROKEN VIEW)") == std::string::npos)
    return 0;
  std::fprintf(stderr, "%s\n", told.c_str());
  std::abort();
}

namespace millrace::test {

std::vector<std::string> fuzzCorpus() {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  return {
      "\1" + ok + "Content-Length: 5\r\n\r\n",
      "\2" + ok + "Server: x\r\n\r\nuntil close",
      "\2" + ok + "Content-Length: 5\r\nConnection: close, x-a\r\nX-A: b\r\n\r\nhello",
      "\2" + ok + "Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhelloextra",
      "\2" + ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a;ext=\"v\"\r\n" +
          std::string(26, 'x') + "\r\n0\r\nTrailer: y\r\n\r\n",
      "\2HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 "
      "No Content\r\n\r\n",
      "\2HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
      "\2HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n",
  };
}

std::vector<std::string> fuzzFragments() {
  return {"\r\n",
          "\n",
          "\r",
          "\r\n\r\n",
          "\r\n ",
          ":",
          ": ",
          " ",
          "\t",
          ",",
          ";",
          "0",
          "0\r\n\r\n",
          "5\r\n",
          "ffffffffffffffff\r\n",
          std::string(1, '\0'),
          "\xff",
          "HTTP/1.1 ",
          "HTTP/1.1 100 x\r\n\r\n",
          "Content-Length: 5\r\n",
          "Content-Length: 18446744073709551616\r\n",
          "Transfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip\r\n",
          "Connection: close\r\n",
          "Connection: x-a\r\n"};
}

}  // namespace millrace::test
