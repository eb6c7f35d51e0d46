#ifndef MILLRACE_BENCH_LOAD_ORIGIN_REQUEST_READER_H_
#define MILLRACE_BENCH_LOAD_ORIGIN_REQUEST_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/body_reader.h"

namespace millrace::load {

// What the origin wants to know of a request's head.
struct RequestHead {
  std::string target;
  bool head_method = false;
  bool closes = false;
  bool expects_continue = false;
  bool chunked = false;
  uint64_t length = 0;
};

// Finds the end of a head and reads what matters: as little as is safe, since the origin must
// never be the bottleneck and its peers are proxies that were told to send correct requests. A
// head that equals the last one byte by byte, the usual case under load, is not read again.
class RequestReader {
 public:
  enum class Found : uint8_t { kMore, kHead, kBad };

  static constexpr size_t kMaxHeadBytes = 64 * 1024;

  // Looks for a head at the beginning of `text`; its length goes to `*size`.
  Found find(std::string_view text, size_t* size) noexcept;
  // The head that find() found; valid until the next find().
  const RequestHead& head() const noexcept { return head_; }
  // Changes whenever head() does.
  uint64_t version() const noexcept { return version_; }

 private:
  bool parse(std::string_view text) noexcept;

  RequestHead head_;
  std::string last_;
  uint64_t version_ = 0;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_ORIGIN_REQUEST_READER_H_
