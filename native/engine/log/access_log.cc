#include "engine/log/access_log.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace millrace {
namespace {

constexpr size_t kMostNotices = 256;

void ring(int fd) noexcept {
  const uint64_t one = 1;
  if (fd >= 0) static_cast<void>(!::write(fd, &one, sizeof one));
}

}  // namespace

AccessLog::~AccessLog() {
  if (thread_.joinable()) {
    stop(0);
    thread_.join();
  }
  for (const std::atomic<LogRing*>& made : rings_) delete made.load(std::memory_order_relaxed);
  if (wake_fd_ >= 0) ::close(wake_fd_);
  if (const int fd = notice_fd_.load(std::memory_order_relaxed); fd >= 0) ::close(fd);
}

LogRing& AccessLog::ring(uint32_t worker) {
  // Only the worker itself asks for its own.
  LogRing* made = rings_[worker].load(std::memory_order_acquire);
  if (made == nullptr) {
    made = new LogRing();
    rings_[worker].store(made, std::memory_order_release);
  }
  return *made;
}

std::shared_ptr<const LogPlan> AccessLog::adopt(const Image& image) {
  std::shared_ptr<LogPlan> plan = readLogPlan(image);
  const std::lock_guard lock(mutex_);
  const bool same = (plan == nullptr) == (current_ == nullptr) &&
                    (plan == nullptr || plan->sinks == current_->sinks);
  if (same) return current_;
  if (plan != nullptr) {
    generation_ = generation_ == LogPlan::kMostGeneration ? 1 : generation_ + 1;
    plan->generation = generation_;
  }
  current_ = std::move(plan);
  stopping_ = false;
  adopted_.push_back(current_);
  if (current_ != nullptr && !running_.load(std::memory_order_relaxed)) start();
  wake();
  return current_;
}

uint64_t AccessLog::reopen() {
  const std::lock_guard lock(mutex_);
  ++reopens_;
  // Without a writer there is nothing to open.
  if (!running_.load(std::memory_order_relaxed))
    reopens_done_.store(reopens_, std::memory_order_release);
  wake();
  return reopens_;
}

std::vector<LogNotice> AccessLog::reopenFailures() const {
  const std::lock_guard lock(mutex_);
  return reopen_failures_;
}

void AccessLog::stop(uint64_t limit_ms) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  stop_at_ms_ = static_cast<uint64_t>(now.tv_sec) * 1000 +
                static_cast<uint64_t>(now.tv_nsec) / 1'000'000 + limit_ms;
  // What comes after is a new beginning, even with the same sinks.
  current_ = nullptr;
  wake();
}

std::vector<LogNotice> AccessLog::takeNotices() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notices_, {});
}

int AccessLog::noticeFd() {
  const std::lock_guard lock(mutex_);
  int fd = notice_fd_.load(std::memory_order_relaxed);
  if (fd < 0) {
    fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    notice_fd_.store(fd, std::memory_order_release);
  }
  return fd;
}

std::vector<AccessLog::SinkStats> AccessLog::readStats() const {
  std::vector<SinkStats> all;
  const std::lock_guard lock(mutex_);
  for (const OpenFile& open : files_) {
    SinkStats& stats = all.emplace_back();
    stats.name = open.file->name();
    for (uint32_t i = 0; i < abi::log_stat::kCount; ++i) stats.values[i] = open.file->stat(i);
  }
  return all;
}

uint64_t AccessLog::waitingBytes() const noexcept {
  uint64_t bytes = 0;
  for (const std::atomic<LogRing*>& slot : rings_) {
    // Acquire: pairs with the release in ring().
    if (const LogRing* made = slot.load(std::memory_order_acquire))
      bytes += made->records.waiting();
  }
  return bytes;
}

void AccessLog::note(LogNotice notice) {
  {
    const std::lock_guard lock(mutex_);
    if (notices_.size() < kMostNotices) notices_.push_back(std::move(notice));
  }
  tellControl();
}

void AccessLog::tellControl() noexcept {
  millrace::ring(notice_fd_.load(std::memory_order_acquire));
}

// Whoever finds the writer resting makes it come; nobody else has to.
void AccessLog::wake() noexcept {
  if (state_.exchange(kAwake, std::memory_order_seq_cst) != kAwake) millrace::ring(wake_fd_);
}

}  // namespace millrace
