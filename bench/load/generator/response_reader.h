#ifndef MILLRACE_BENCH_LOAD_GENERATOR_RESPONSE_READER_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_RESPONSE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/body_reader.h"

namespace millrace::load {

// Reads one HTTP/1.1 response at a time, strictly: a generator that forgives would call a broken
// proxy a fast one. Interim answers (1xx) are skipped. Nothing is kept of a body.
class ResponseReader {
 public:
  enum class State : uint8_t { kHead, kBody, kDone, kBad };

  static constexpr size_t kMaxHeadBytes = 64 * 1024;

  // Forgets the last response. `no_body`: the request was HEAD. `check_pattern`: body byte i must
  // be that of bodyPattern().
  void begin(bool no_body, bool check_pattern) noexcept;

  // Consumes bytes up to the end of the response; returns how many. Bytes left over after done()
  // belong to no request.
  size_t feed(const char* bytes, size_t n) noexcept;

  // The connection ended. True when that is how this response ends.
  bool finishAtClose() noexcept;

  // Body bytes that the caller may discard unseen, if it says so to skipped().
  uint64_t skippable() const noexcept { return state_ == State::kBody ? body_.skippable() : 0; }
  void skipped(uint64_t n) noexcept {
    body_.skipped(n);
    followBody();
  }

  bool done() const noexcept { return state_ == State::kDone; }
  bool bad() const noexcept { return state_ == State::kBad; }
  bool started() const noexcept { return started_; }         // anything of this response was seen
  const char* problem() const noexcept { return problem_; }  // when bad()
  int status() const noexcept { return status_; }
  uint64_t bodyBytes() const noexcept { return body_.bytes(); }
  bool wrongPattern() const noexcept { return body_.wrongPattern(); }
  bool closes() const noexcept { return closes_; }  // no further request on this connection

 private:
  size_t feedHead(const char* bytes, size_t n) noexcept;
  // Length of the head in `text`, 0 when it isn't complete; fail() was called when it is wrong.
  size_t parseHead(std::string_view text) noexcept;
  bool parseStatusLine(std::string_view line) noexcept;
  bool parseField(std::string_view line) noexcept;
  bool frameBody() noexcept;
  void followBody() noexcept;
  bool fail(const char* problem) noexcept;  // false

  State state_ = State::kHead;
  BodyReader body_;
  bool started_ = false;
  bool no_body_ = false;
  bool check_pattern_ = false;
  bool closes_ = false;
  bool keeps_ = false;
  bool http10_ = false;
  bool has_length_ = false;
  bool chunked_ = false;
  int status_ = 0;
  uint64_t length_ = 0;
  const char* problem_ = "";
  std::string kept_;  // beginning of a head that arrived in pieces
  // The last head, whole and right: one that equals it byte by byte, the usual case under load,
  // says the same, so it isn't read again.
  std::string last_;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_RESPONSE_READER_H_
