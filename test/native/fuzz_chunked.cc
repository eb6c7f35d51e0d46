#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "engine/http/response_parser.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "naive_http.h"

// Any bytes as a chunked body, in any pieces, against a plain decoder.
namespace millrace::test {
namespace {

// In pieces that end at `ends`, each in memory of its exact size.
NaiveBody decode(std::string_view bytes, const std::vector<std::size_t>& ends) {
  BodyDecoder decoder;
  decoder.start(BodyFraming::kChunked, 0);
  NaiveBody body;
  std::size_t at = 0;
  for (std::size_t i = 0; i <= ends.size() && !body.done && !body.fault; ++i) {
    const std::size_t size = (i < ends.size() ? ends[i] : bytes.size()) - at;
    const auto piece = std::make_unique<char[]>(size);
    bytes.copy(piece.get(), size, at);
    const BodyDecoder::Result result = decoder.feed(piece.get(), size);
    if (result.payload > result.consumed || result.consumed > size) fuzzFault("overrun");
    body.payload.append(piece.get(), result.payload);
    body.consumed += result.consumed;
    body.done = result.done;
    body.fault = result.error != ResponseError::kNone;
    if (!body.done && !body.fault && result.consumed != size) fuzzFault("bytes are left over");
    at += size;
  }
  if (body.done != (decoder.finish() == ResponseError::kNone)) fuzzFault("ends elsewhere");
  return body;
}

void compare(const NaiveBody& body, const NaiveBody& naive, const char* how) {
  if (body.done != naive.done || body.fault != naive.fault || body.payload != naive.payload ||
      (body.done && body.consumed != naive.consumed))
    fuzzFault(how, body.payload + "\ninstead of\n" + naive.payload);
}

}  // namespace

FuzzTarget fuzzTarget() {
  const std::string x(300, 'x');
  FuzzTarget target{
      .name = "chunked",
      .seeds = {"5\r\nhello\r\n0\r\n\r\n", "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\nnext",
                "012C\r\n" + x + "\r\n12c\r\n" + x + "\r\n000\r\nA: b\r\nC: d\r\n\r\n",
                "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", "fffffffffffffff\r\n" + x,
                "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
      .fragments = {"\r\n",
                    "\n",
                    "\r",
                    "0\r\n",
                    "0\r\n\r\n",
                    "5\r\n",
                    ";",
                    ";a=b",
                    "=\"",
                    "\"",
                    " ",
                    "\t",
                    "A: b\r\n",
                    ":",
                    "0x",
                    "+",
                    "-",
                    std::string(1, '\0'),
                    "\x7f",
                    "\x80",
                    "ffffffffffffffff",
                    std::string(200, '0'),
                    ";" + x,
                    x + "\r\n"},
      .inputs = 100'000};
  for (const std::string& message : hostileMessages("upstream")) {
    const std::size_t body = message.find("\r\n\r\n");
    if (message.find("chunked") < body && body != std::string::npos)
      target.seeds.push_back(message.substr(body + 4));
  }
  return target;
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace::test;  // NOLINT
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const NaiveBody naive = naiveChunked(bytes);
  compare(decode(bytes, {}), naive, "whole");
  millrace::Rng rng(millrace::murmur3(bytes, 0));
  std::vector<std::size_t> ends;
  for (std::size_t i = 1; i < std::min<std::size_t>(size, 2000); ++i) ends.push_back(i);
  compare(decode(bytes, ends), naive, "byte by byte");
  ends.clear();
  for (uint32_t n = rng.below(8); n != 0; --n)
    ends.push_back(rng.below(static_cast<uint32_t>(size) + 1));
  std::sort(ends.begin(), ends.end());
  compare(decode(bytes, ends), naive, "in pieces");
  return 0;
}
