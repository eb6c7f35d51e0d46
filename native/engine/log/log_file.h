#ifndef MILLRACE_ENGINE_LOG_LOG_FILE_H_
#define MILLRACE_ENGINE_LOG_LOG_FILE_H_

#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "abi.h"
#include "engine/log/log_text.h"

namespace millrace {

// System calls of a LogFile: tests put faults into them.
struct LogCalls {
  int (*open)(const char* path, int flags, mode_t mode);
  ssize_t (*write)(int fd, const void* bytes, size_t count);
  static const LogCalls& system() noexcept;
};

// Where lines go: a file, or a stream of the process. Only ever writes whole lines: what a disk
// that is full took of a line is cut off again, or completed when there is room; to a pipe, lines
// go in pieces that the kernel takes whole. Lines that it does not get rid of wait, up to
// kMostPending; further ones are counted and dropped. One thread, but for the counters.
class LogFile {
 public:
  static constexpr size_t kMostPending = size_t{4} << 20;
  static constexpr size_t kFlushBytes = 64 * 1024;
  static constexpr uint64_t kRetryMs = 1000;
  // The block for lines is kept from one batch to the next up to this size.
  static constexpr size_t kKeepBytes = 2 * kFlushBytes;

  enum class Change : uint8_t { kNone, kFailed, kRecovered };

  LogFile(uint32_t target, std::string name, const LogCalls& calls = LogCalls::system());
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  const std::string& name() const noexcept { return name_; }
  uint32_t target() const noexcept { return target_; }

  // Where the next line is to be appended, and then `endLine`; null when it has to be dropped,
  // which is counted.
  LineBuffer* beginLine() noexcept;
  void endLine() noexcept { ++pending_lines_; }
  // Worth a write now, and likely to be taken.
  bool isFull() const noexcept {
    return pending_.size() >= kFlushBytes && !blocked_ && error_ == 0;
  }

  // Opens it if it is not open: what is wrong with it shows before the first line comes.
  void prepare(uint64_t now_ms) noexcept {
    if (fd_ < 0) static_cast<void>(open(now_ms));
  }
  // Opens it if need be, and writes what it takes. `force`: also when it failed a moment ago.
  void flush(uint64_t now_ms, bool force = false) noexcept;
  // What is pending goes where it was meant to go, if it can; from here on it is the file that has
  // the name now. An errno, or 0; the old one stays in use when the new one cannot be opened.
  int reopen(uint64_t now_ms) noexcept;
  void close() noexcept;

  size_t pendingBytes() const noexcept { return pending_.size(); }
  // Of a stream that takes nothing now: to wait for; else -1.
  int blockedFd() const noexcept { return blocked_ ? fd_ : -1; }
  bool isFailing() const noexcept { return error_ != 0; }
  // Why lines wait: an errno; EAGAIN of a stream that is not read.
  int error() const noexcept { return error_ != 0 ? error_ : blocked_ ? EAGAIN : 0; }
  // Whether it has begun to lose lines or fail since the last call, or ceased to; `*lines`: lost
  // since the last time that it recovered.
  Change takeChange(uint64_t* lines) noexcept;
  // Gives up what is pending: lines.
  uint64_t abandon() noexcept;

  // abi::log_stat; any thread.
  uint64_t stat(uint32_t which) const noexcept {
    return stats_[which].load(std::memory_order_relaxed);
  }

 private:
  enum class Kind : uint8_t { kRegular, kStream, kSocket };

  int open(uint64_t now_ms) noexcept;
  int openTarget() noexcept;
  int openStream(int stream) noexcept;
  ssize_t writeSome(const char* bytes, size_t count) noexcept;
  size_t pieceOf(const char* bytes, size_t count) const noexcept;
  void wrote(size_t bytes) noexcept;
  void fail(int error, uint64_t now_ms) noexcept;
  void cutBack() noexcept;
  void dropLine() noexcept;
  void set(uint32_t which, uint64_t value) noexcept {
    stats_[which].store(value, std::memory_order_relaxed);
  }
  void add(uint32_t which, uint64_t value) noexcept { set(which, stat(which) + value); }

  const uint32_t target_;
  const std::string name_;
  const LogCalls calls_;
  int fd_ = -1;
  Kind kind_ = Kind::kRegular;
  bool may_block_ = false;  // a stream that is shared with others, and has no descriptor of our own
  bool blocked_ = false;
  LineBuffer pending_;  // begins with the line that is being written
  uint64_t pending_lines_ = 0;
  size_t begun_ = 0;  // bytes of the first line that are in the file already
  int error_ = 0;
  uint64_t retry_at_ms_ = 0;
  bool reported_ = false;  // that it fails
  uint64_t lost_ = 0;      // lines, since it was last in order
  std::atomic<uint64_t> stats_[abi::log_stat::kCount] = {};
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_FILE_H_
