#include "engine/log/log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace millrace {
namespace {

constexpr mode_t kMode = 0640;
// Of one call: bounds what a signal or a full disk leaves half done.
constexpr size_t kMostBytesPerWrite = 256 * 1024;

uint64_t countLines(const char* bytes, size_t count) noexcept {
  return static_cast<uint64_t>(std::count(bytes, bytes + count, '\n'));
}

}  // namespace

const LogCalls& LogCalls::system() noexcept {
  static const LogCalls calls = {
      [](const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); },
      [](int fd, const void* bytes, size_t count) { return ::write(fd, bytes, count); },
  };
  return calls;
}

LogFile::LogFile(uint32_t target, std::string name, const LogCalls& calls)
    : target_(target), name_(std::move(name)), calls_(calls) {}

LogFile::~LogFile() { close(); }

LineBuffer* LogFile::beginLine() noexcept {
  if (pending_.size() < kMostPending) return &pending_;
  dropLine();
  return nullptr;
}

void LogFile::dropLine() noexcept {
  add(abi::log_stat::kDropped, 1);
  ++lost_;
}

// ---- opening

// A descriptor of our own with O_NONBLOCK, since that flag belongs to the open file: set on the
// inherited one it would change the terminal or pipe for everybody who shares it. What cannot be
// opened again (sockets; pipes of another user) is written to with care.
int LogFile::openStream(int stream) noexcept {
  struct stat status {};
  if (::fstat(stream, &status) != 0) return -1;
  if (!S_ISREG(status.st_mode) && !S_ISSOCK(status.st_mode)) {
    char path[] = "/proc/self/fd/0";
    path[sizeof path - 2] = static_cast<char>('0' + stream);
    const int own = calls_.open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0);
    if (own >= 0) return own;
    may_block_ = true;
  }
  // A file: with the inherited position, which others write at, too.
  return ::fcntl(stream, F_DUPFD_CLOEXEC, 3);
}

int LogFile::openTarget() noexcept {
  may_block_ = false;
  if (target_ == abi::log_target::kStdout) return openStream(STDOUT_FILENO);
  if (target_ == abi::log_target::kStderr) return openStream(STDERR_FILENO);
  // O_NONBLOCK is for a pipe with a name: opening one does not wait for its reader.
  return calls_.open(name_.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kMode);
}

int LogFile::open(uint64_t now_ms) noexcept {
  const int fd = openTarget();
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    fail(error, now_ms);
    return error;
  }
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  kind_ = S_ISREG(status.st_mode)    ? Kind::kRegular
          : S_ISSOCK(status.st_mode) ? Kind::kSocket
                                     : Kind::kStream;
  // A line that the old file has the beginning of comes whole in the new one.
  begun_ = 0;
  blocked_ = false;
  return 0;
}

int LogFile::reopen(uint64_t now_ms) noexcept {
  if (target_ != abi::log_target::kFile) return 0;
  if (fd_ >= 0) flush(now_ms, true);
  const int error = open(now_ms);
  if (error == 0) flush(now_ms, true);
  return error;
}

void LogFile::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  blocked_ = false;
  begun_ = 0;
}

// ---- writing

// How much is written at once: to a stream, whole lines that the kernel takes all or none of, so
// that they are not mixed with what others write there; a line longer than that by itself.
size_t LogFile::pieceOf(const char* bytes, size_t count) const noexcept {
  if (kind_ == Kind::kRegular) return std::min(count, kMostBytesPerWrite);
  if (count <= PIPE_BUF) return count;
  const void* const end = ::memrchr(bytes, '\n', PIPE_BUF);
  if (end != nullptr) return static_cast<size_t>(static_cast<const char*>(end) - bytes) + 1;
  if (may_block_) return PIPE_BUF;
  const void* const first = std::memchr(bytes, '\n', count);
  return static_cast<size_t>(static_cast<const char*>(first) - bytes) + 1;
}

ssize_t LogFile::writeSome(const char* bytes, size_t count) noexcept {
  if (kind_ == Kind::kSocket) return ::send(fd_, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (may_block_) {
    // A pipe that is ready takes PIPE_BUF bytes without waiting.
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
  }
  return calls_.write(fd_, bytes, count);
}

void LogFile::flush(uint64_t now_ms, bool force) noexcept {
  if (pending_.size() == 0 && error_ == 0) return;
  set(abi::log_stat::kPendingBytes, pending_.size());
  if (error_ != 0 && !force && now_ms < retry_at_ms_) return;
  if (fd_ < 0 && open(now_ms) != 0) return;
  blocked_ = false;
  size_t done = begun_;  // of pending_
  while (done < pending_.size()) {
    const size_t piece = pieceOf(pending_.data() + done, pending_.size() - done);
    const ssize_t n = writeSome(pending_.data() + done, piece);
    if (n > 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    const int error = n == 0 ? ENOSPC : errno;
    if (error == EINTR) continue;
    wrote(done);
    if (error == EAGAIN)
      blocked_ = true;
    else
      fail(error, now_ms);
    set(abi::log_stat::kPendingBytes, pending_.size());
    return;
  }
  wrote(done);
  if (error_ != 0) {
    error_ = 0;
    set(abi::log_stat::kErrno, 0);
  }
  set(abi::log_stat::kPendingBytes, 0);
}

// The first bytes of `pending_` are in the file: takes whole lines of them off.
void LogFile::wrote(size_t bytes) noexcept {
  const void* const end = bytes == 0 ? nullptr : ::memrchr(pending_.data(), '\n', bytes);
  const size_t whole =
      end == nullptr ? 0 : static_cast<size_t>(static_cast<const char*>(end) - pending_.data()) + 1;
  begun_ = bytes - whole;
  if (whole == 0) return;
  const uint64_t lines =
      whole == pending_.size() ? pending_lines_ : countLines(pending_.data(), whole);
  pending_lines_ -= lines;
  pending_.consume(whole, kKeepBytes);
  add(abi::log_stat::kLines, lines);
  add(abi::log_stat::kBytes, whole);
}

void LogFile::fail(int error, uint64_t now_ms) noexcept {
  add(abi::log_stat::kErrors, 1);
  set(abi::log_stat::kErrno, static_cast<uint64_t>(error));
  error_ = error;
  retry_at_ms_ = now_ms + kRetryMs;
  if (begun_ != 0) cutBack();
}

// Takes the beginning of a line off the end of the file, unless somebody has written behind it:
// then it is completed where the file ends.
void LogFile::cutBack() noexcept {
  if (kind_ != Kind::kRegular || fd_ < 0) return;
  const off_t end = ::lseek(fd_, 0, SEEK_CUR);  // after our last write
  struct stat status {};
  if (end < static_cast<off_t>(begun_) || ::fstat(fd_, &status) != 0 || status.st_size != end)
    return;
  if (::ftruncate(fd_, end - static_cast<off_t>(begun_)) != 0) return;
  ::lseek(fd_, end - static_cast<off_t>(begun_), SEEK_SET);  // of a stream without O_APPEND
  begun_ = 0;
}

LogFile::Change LogFile::takeChange(uint64_t* lines) noexcept {
  *lines = lost_;
  if ((error_ != 0 || (blocked_ && lost_ != 0)) && !reported_) {
    reported_ = true;
    return Change::kFailed;
  }
  if (error_ == 0 && pending_.size() == 0 && (reported_ || lost_ != 0)) {
    reported_ = false;
    lost_ = 0;
    return Change::kRecovered;
  }
  return Change::kNone;
}

uint64_t LogFile::abandon() noexcept {
  const uint64_t lines = pending_lines_;
  add(abi::log_stat::kDropped, lines);
  lost_ += lines;
  pending_.consume(pending_.size(), 0);
  pending_lines_ = 0;
  begun_ = 0;
  set(abi::log_stat::kPendingBytes, 0);
  return lines;
}

}  // namespace millrace
