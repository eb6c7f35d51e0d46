// The writer of the access log: what its thread does.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "engine/log/access_log.h"

namespace millrace {
namespace {

// Of one ring in one go: the others must get their turn.
constexpr size_t kTakeBytes = 256 * 1024;
// After the last record the writer comes by as often as before, for that long.
constexpr uint64_t kBusyMs = 1000;
constexpr uint64_t kStopPollMs = 10;

uint64_t nanosOf(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

// Under the mutex. Signals are for the main thread, and a pipe without a reader is an error like
// others.
void AccessLog::start() {
  if (thread_.joinable()) thread_.join();
  if (wake_fd_ < 0) wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  stopping_ = stop_ordered_ = false;
  running_.store(true, std::memory_order_release);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void AccessLog::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "millrace-log");
  for (;;) {
    const LogClock clock{nanosOf(CLOCK_MONOTONIC), nanosOf(CLOCK_REALTIME)};
    const bool more = turn(clock);
    const uint64_t now_ms = clock.monotonic_ns / 1'000'000;
    if (stop_ordered_ && !more && finished(now_ms)) break;
    if (!more) rest(now_ms);
  }
  tellControl();
}

// True when there is more to do at once.
bool AccessLog::turn(const LogClock& clock) {
  const uint64_t now_ms = clock.monotonic_ns / 1'000'000;
  takeOrders(now_ms);
  const bool more = drain(clock, now_ms);
  for (const OpenFile& open : files_) {
    open.file->flush(now_ms);
    uint64_t lines = 0;
    const LogFile::Change change = open.file->takeChange(&lines);
    if (change == LogFile::Change::kNone) continue;
    const bool failed = change == LogFile::Change::kFailed;
    note({failed ? abi::log_notice::kFailed : abi::log_notice::kRecovered, open.file->name(),
          open.file->error(), lines});
  }
  if (!more) retire(now_ms);
  return more;
}

void AccessLog::takeOrders(uint64_t now_ms) {
  std::vector<std::shared_ptr<const LogPlan>> adopted;
  uint64_t reopens = 0;
  {
    const std::lock_guard lock(mutex_);
    adopted.swap(adopted_);
    reopens = reopens_;
    stop_ordered_ = stopping_;
    stop_due_ms_ = stop_at_ms_;
  }
  for (std::shared_ptr<const LogPlan>& plan : adopted) bind(std::move(plan), now_ms);
  if (reopens == reopens_done_.load(std::memory_order_relaxed)) return;
  std::vector<LogNotice> failures;
  for (const OpenFile& open : files_) {
    if (open.retired_ms != 0) continue;
    if (const int error = open.file->reopen(now_ms); error != 0)
      failures.push_back({abi::log_notice::kFailed, open.file->name(), error, 0});
  }
  {
    const std::lock_guard lock(mutex_);
    reopen_failures_ = std::move(failures);
  }
  reopens_done_.store(reopens, std::memory_order_release);
  tellControl();
}

// The plan that counts from here on; null = no sinks. A sink that was there before goes on with its
// file.
void AccessLog::bind(std::shared_ptr<const LogPlan> plan, uint64_t now_ms) {
  BoundPlan bound;
  bound.plan = std::move(plan);
  if (bound.plan != nullptr) {
    for (const LogSink& sink : bound.plan->sinks)
      bound.files.push_back(fileOf(sink.target, sink.name));
    for (LogFile* const file : bound.files) file->prepare(now_ms);
  }
  for (OpenFile& open : files_) {
    const bool wanted =
        std::find(bound.files.begin(), bound.files.end(), open.file.get()) != bound.files.end();
    if (wanted)
      open.retired_ms = 0;
    else if (open.retired_ms == 0)
      open.retired_ms = now_ms;
  }
  plans_.push_back(std::move(bound));
}

LogFile* AccessLog::fileOf(uint32_t target, const std::string& name) {
  for (const OpenFile& open : files_) {
    if (open.file->target() == target && open.file->name() == name) return open.file.get();
  }
  const std::lock_guard lock(mutex_);
  return files_.emplace_back(OpenFile{std::make_unique<LogFile>(target, name, calls_), 0})
      .file.get();
}

bool AccessLog::drain(const LogClock& clock, uint64_t now_ms) {
  bool more = false;
  for (uint32_t worker = 0; worker < rings_.size(); ++worker) {
    LogRing* const ring = rings_[worker].load(std::memory_order_acquire);
    if (ring == nullptr) continue;
    // Before the records: what is pushed from here on changes the number.
    seen_[worker] = ring->pushes.load(std::memory_order_seq_cst);
    const size_t taken = ring->records.take(
        kTakeBytes, [&](const RequestRecord& record) { write(record, clock, now_ms); });
    if (taken == 0) continue;
    busy_until_ms_ = now_ms + kBusyMs;
    more |= taken >= kTakeBytes;
  }
  return more;
}

void AccessLog::write(const RequestRecord& record, const LogClock& clock, uint64_t now_ms) {
  const uint32_t generation = record.sinks >> LogPlan::kSinkBits;
  // The newest plan nearly always. An old one stays until no worker has it, and until all that was
  // pushed before has been read.
  const auto find = [&] {
    return std::find_if(plans_.rbegin(), plans_.rend(), [&](const BoundPlan& p) {
      return p.plan != nullptr && p.plan->generation == generation;
    });
  };
  auto bound = find();
  if (bound == plans_.rend()) [[unlikely]] {
    // Adopted since this visit began, and a worker was quick: a plan is adopted before any worker
    // can have it.
    takeOrders(now_ms);
    bound = find();
    if (bound == plans_.rend()) return;
  }
  for (size_t i = 0; i < bound->files.size(); ++i) {
    if ((record.sinks >> i & 1) == 0) continue;
    LogFile& file = *bound->files[i];
    LineBuffer* const line = file.beginLine();
    if (line == nullptr) continue;
    appendLine(record, bound->plan->sinks[i], clock, &time_, line);
    file.endLine();
    if (file.isFull()) file.flush(now_ms);
  }
}

// Old plans leave when nobody can push for them any more; files when they are of no use to the
// present plan and no worker goes by an older one. (A late record opens its file again.)
void AccessLog::retire(uint64_t now_ms) {
  if (plans_.empty()) return;
  // In two visits: a worker that gave its plan up may have pushed just before, which the visit in
  // between has read.
  for (size_t i = 0; i + 1 < plans_.size();) {
    BoundPlan& old = plans_[i];
    if (old.plan == nullptr || old.leaving) {
      plans_.erase(plans_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    old.leaving = old.plan.use_count() == 1;
    ++i;
  }
  const BoundPlan& present = plans_.back();
  const uint32_t newest = present.plan == nullptr ? LogRing::kNoPlan : present.plan->generation;
  bool settled = true;
  for (const std::atomic<LogRing*>& slot : rings_) {
    const LogRing* const ring = slot.load(std::memory_order_acquire);
    if (ring == nullptr) continue;
    const uint32_t generation = ring->generation.load(std::memory_order_acquire);
    settled &= generation == LogRing::kNoPlan || generation == newest;
  }
  for (size_t i = 0; i < files_.size();) {
    OpenFile& open = files_[i];
    const bool late = now_ms > open.retired_ms + kRetireMs;
    if (open.retired_ms == 0 || (!settled && !late) || (open.file->pendingBytes() != 0 && !late)) {
      ++i;
      continue;
    }
    if (const uint64_t lines = open.file->abandon(); lines != 0)
      note({abi::log_notice::kAbandoned, open.file->name(), open.file->error(), lines});
    open.file->close();
    const bool referred = std::any_of(plans_.begin(), plans_.end(), [&](const BoundPlan& plan) {
      return std::find(plan.files.begin(), plan.files.end(), open.file.get()) != plan.files.end();
    });
    if (referred) {
      ++i;
      continue;
    }
    const std::lock_guard lock(mutex_);
    files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// At the end: everything has been written, or time is up.
bool AccessLog::finished(uint64_t now_ms) {
  const bool pending = std::any_of(files_.begin(), files_.end(), [](const OpenFile& open) {
    return open.file->pendingBytes() != 0;
  });
  if (hasNews() || (pending && now_ms < stop_due_ms_)) return false;
  for (const OpenFile& open : files_) {
    if (pending) open.file->flush(now_ms, true);
    if (const uint64_t lines = open.file->abandon(); lines != 0)
      note({abi::log_notice::kAbandoned, open.file->name(), open.file->error(), lines});
  }
  const std::lock_guard lock(mutex_);
  if (!stopping_) return false;
  files_.clear();
  plans_.clear();
  reopens_done_.store(reopens_, std::memory_order_release);
  running_.store(false, std::memory_order_release);
  return true;
}

bool AccessLog::hasNews() const noexcept {
  for (uint32_t worker = 0; worker < rings_.size(); ++worker) {
    const LogRing* const ring = rings_[worker].load(std::memory_order_acquire);
    if (ring != nullptr && ring->pushes.load(std::memory_order_seq_cst) != seen_[worker])
      return true;
  }
  return false;
}

// Nothing is left to be done later.
bool AccessLog::isIdle() const noexcept {
  return plans_.size() <= 1 && std::all_of(files_.begin(), files_.end(), [](const OpenFile& open) {
           return open.file->pendingBytes() == 0 && !open.file->isFailing() && open.retired_ms == 0;
         });
}

// Waits until there is something to do, or it is time to look.
void AccessLog::rest(uint64_t now_ms) noexcept {
  std::vector<pollfd> fds;
  fds.push_back({wake_fd_, POLLIN, 0});
  for (const OpenFile& open : files_) {
    if (const int fd = open.file->blockedFd(); fd >= 0) fds.push_back({fd, POLLOUT, 0});
  }
  const bool busy = now_ms < busy_until_ms_;
  const bool idle = !busy && isIdle() && !stop_ordered_;
  const uint64_t wait = stop_ordered_ ? kStopPollMs : busy ? kVisitMs : LogFile::kRetryMs;
  // Between two visits records may wait for the next one; else the first record brings it about.
  state_.store(busy ? kDozing : kAsleep, std::memory_order_seq_cst);
  // Orders are given before the state is looked at, too.
  bool ordered = false;
  {
    const std::lock_guard lock(mutex_);
    ordered = !adopted_.empty() || stopping_ != stop_ordered_ ||
              reopens_ != reopens_done_.load(std::memory_order_relaxed);
  }
  if (!ordered && (busy || !hasNews()))
    ::poll(fds.data(), fds.size(), idle ? -1 : static_cast<int>(wait));
  state_.store(kAwake, std::memory_order_seq_cst);
  uint64_t times = 0;
  static_cast<void>(!::read(wake_fd_, &times, sizeof times));
}

}  // namespace millrace
