#ifndef MILLRACE_BENCH_LOAD_COMMON_BODY_READER_H_
#define MILLRACE_BENCH_LOAD_COMMON_BODY_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::load {

// Reads the body of one message: of a stated length, chunked, or up to the end of the connection.
// Strict, and keeps nothing but a chunk line that arrived in pieces.
class BodyReader {
 public:
  enum class State : uint8_t { kLength, kChunked, kUntilClose, kDone, kBad };

  static constexpr size_t kMaxLineBytes = 16 * 1024;

  // `check_pattern`: byte i must be that of bodyPattern().
  void begin(State how, uint64_t length, bool check_pattern) noexcept;

  // Consumes bytes up to the end of the body; returns how many.
  size_t feed(const char* bytes, size_t n) noexcept;

  // Bytes that need not be looked at: the caller may discard up to that many unseen, and say so
  // to skipped().
  uint64_t skippable() const noexcept {
    return state_ == State::kLength && !check_pattern_ ? left_ : 0;
  }
  void skipped(uint64_t n) noexcept;
  // The connection ended. True when that is how this body ends.
  bool finishAtClose() noexcept;

  State state() const noexcept { return state_; }
  const char* problem() const noexcept { return problem_; }  // of kBad
  uint64_t bytes() const noexcept { return bytes_; }
  bool wrongPattern() const noexcept { return wrong_pattern_; }

 private:
  enum class Chunk : uint8_t { kSize, kData, kDataEnd, kTrailer };

  size_t feedChunked(const char* bytes, size_t n) noexcept;
  size_t take(const char* bytes, size_t n) noexcept;
  void chunkLine(std::string_view line) noexcept;
  void fail(const char* problem) noexcept;

  State state_ = State::kDone;
  Chunk chunk_ = Chunk::kSize;
  bool check_pattern_ = false;
  bool wrong_pattern_ = false;
  uint64_t left_ = 0;  // of the body, or of the chunk
  uint64_t bytes_ = 0;
  const char* problem_ = "";
  std::string line_;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_COMMON_BODY_READER_H_
