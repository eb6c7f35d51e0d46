#ifndef MILLRACE_BENCH_SPIKE_HEAD_SPLITTER_H_
#define MILLRACE_BENCH_SPIKE_HEAD_SPLITTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "abi.h"
#include "engine/http/request_head.h"

namespace millrace::spike {

// Finds the strings of a request head, in the form that the engine validates: names in lower case,
// which they are made where they are, values without white space around them. Strict in what the
// engine cannot see any more: lines end with CRLF, the request line is two spaces and HTTP/1.1,
// every other line has a colon. Everything else (token characters, control characters, blanks
// before a colon, folded lines, lengths, Host, framing) is the engine's to refuse.
class HeadSplitter {
 public:
  // Of a head with its empty line; more is refused unseen. The engine's own limits are lower.
  static constexpr size_t kMaxHead = 64 * 1024;

  enum class Status : uint8_t {
    kDone,
    kIncomplete,  // nothing wrong so far
    kMalformed,   // 400
    kVersion,     // 505
    kTooLarge,    // 431
  };

  // `known`: how many of the bytes an earlier call has seen; looks for the end of the head only
  // behind them, so that a head that comes byte by byte costs no more than its length.
  Status split(char* bytes, size_t n, size_t known) noexcept;

  // Of the last head that was done; views of the bytes given.
  FlatHead flat() const noexcept;
  size_t size() const noexcept { return size_; }  // bytes, with the empty line
  bool chunked() const noexcept { return chunked_; }
  bool expects() const noexcept { return expects_; }  // there is an Expect field
  // The digits of Content-Length as a number. Only true if the engine found them well-formed.
  uint64_t contentLength() const noexcept { return content_length_; }

 private:
  static constexpr size_t kMaxPieces = abi::kHeadLengthWords - 1;
  Status readRequestLine(std::string_view line) noexcept;
  bool readField(char* line, size_t n) noexcept;

  std::array<std::string_view, kMaxPieces> pieces_;
  size_t count_ = 0;
  size_t bytes_ = 0;  // of the pieces
  size_t size_ = 0;
  uint64_t content_length_ = 0;
  bool chunked_ = false;
  bool expects_ = false;
};

}  // namespace millrace::spike

#endif  // MILLRACE_BENCH_SPIKE_HEAD_SPLITTER_H_
