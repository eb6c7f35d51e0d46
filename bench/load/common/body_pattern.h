#ifndef MILLRACE_BENCH_LOAD_COMMON_BODY_PATTERN_H_
#define MILLRACE_BENCH_LOAD_COMMON_BODY_PATTERN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace millrace::load {

// Bodies of both directions: byte i is letter i mod 61 of a fixed line. 61 is prime to every
// buffer and page size, so that a lost, repeated or swapped block shows. The block holds whole
// lines and is long enough for one large write.
class BodyPattern {
 public:
  static constexpr size_t kLine = 61;
  static constexpr size_t kBlock = kLine * 4096;  // 244 KiB

  BodyPattern() {
    block_.reserve(kBlock + kLine);
    while (block_.size() < kBlock + kLine)
      block_ += "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWX\n";
  }

  // Bytes of the body from `offset` on; at least kBlock of them.
  const char* at(uint64_t offset) const noexcept { return block_.data() + offset % kLine; }

  bool matches(uint64_t offset, const char* bytes, size_t n) const noexcept {
    while (n != 0) {
      const size_t part = std::min(n, kBlock);
      if (std::memcmp(at(offset), bytes, part) != 0) return false;
      offset += part;
      bytes += part;
      n -= part;
    }
    return true;
  }

 private:
  std::string block_;
};

inline const BodyPattern& bodyPattern() {
  static const BodyPattern pattern;
  return pattern;
}

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_COMMON_BODY_PATTERN_H_
