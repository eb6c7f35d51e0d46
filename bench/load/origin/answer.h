#ifndef MILLRACE_BENCH_LOAD_ORIGIN_ANSWER_H_
#define MILLRACE_BENCH_LOAD_ORIGIN_ANSWER_H_

#include <cstdint>
#include <string_view>

namespace millrace::load {

// How an answer goes wrong on purpose.
enum class Fault : uint8_t {
  kNone,
  kReset,     // RST instead of an answer
  kEof,       // the connection is closed instead
  kHang,      // nothing, ever
  kTruncate,  // half of the body, then the connection is closed
  kGarbage,   // a line that is no HTTP
  kFraming,   // Content-Length and Transfer-Encoding together
  kLonger,    // some bytes more than Content-Length says
  kPattern,   // the right size, but one byte of the body is another one
};

// What the target of a request asks for: /anything?size=N&delay=MS&status=N&chunked=1&chunk=BYTES
// &close=1&fail=...&rate=BYTES/s&block=MS. What isn't there has these defaults; what is not
// understood is ignored, since the origin serves any path.
struct Answer {
  uint64_t size = 64;
  uint64_t delay_ns = 0;
  uint64_t block_ns = 0;  // the whole origin does nothing for that long
  uint64_t chunk = 4096;
  uint64_t rate = 0;  // bytes per second; 0: as fast as they are taken
  int status = 200;
  bool chunked = false;
  bool close = false;
  Fault fault = Fault::kNone;

  // The answer that is prebuilt.
  bool plain() const noexcept {
    return size == 64 && delay_ns == 0 && block_ns == 0 && rate == 0 && status == 200 && !chunked &&
           !close && fault == Fault::kNone;
  }

  static Answer of(std::string_view target) noexcept;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_ORIGIN_ANSWER_H_
