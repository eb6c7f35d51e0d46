#ifndef MILLRACE_ENGINE_LOG_ACCESS_LOG_H_
#define MILLRACE_ENGINE_LOG_ACCESS_LOG_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "abi.h"
#include "base/cache_line.h"
#include "engine/image/image.h"
#include "engine/log/log_file.h"
#include "engine/log/log_line.h"
#include "engine/log/log_plan.h"
#include "engine/log/log_ring.h"

namespace millrace {

// What the control plane is told of a sink.
struct LogNotice {
  uint32_t kind = 0;  // abi::log_notice
  std::string sink;
  int error = 0;       // errno
  uint64_t lines = 0;  // that were lost
};

// The access log of the process: takes records from the rings of the workers, makes lines of them,
// and writes them, on a thread of its own that begins with the first sink.
//
//   worker    logRing(worker).records.push(record); pushed(ring)          never waits
//   writer    rings -> lines -> files, every 100 ms while there is traffic, sooner when a ring is a
//             quarter full; asleep when there is none
//   control   adopt (a new configuration) · reopen · takeNotices · readStats · stop
class AccessLog {
 public:
  static constexpr uint64_t kVisitMs = 100;
  // How long a sink that left the configuration may take to get its last lines out.
  static constexpr uint64_t kRetireMs = 5000;

  explicit AccessLog(const LogCalls& calls = LogCalls::system()) : calls_(calls) {}
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Control. The plan of an image, null without sinks; the present one when it says the same. The
  // writer knows it from here on.
  std::shared_ptr<const LogPlan> adopt(const Image& image);
  // Files are opened again by their names. `reopened` says when that is done, and what failed.
  uint64_t reopen();
  bool isReopened(uint64_t ticket) const noexcept {
    return reopens_done_.load(std::memory_order_acquire) >= ticket;
  }
  // By sink: the errno of the last reopening that failed; empty when all is well.
  std::vector<LogNotice> reopenFailures() const;
  // Everything that was pushed is written, for `limit_ms` at most, and the thread ends. Whether it
  // has: isStopped. A later `adopt` begins anew.
  void stop(uint64_t limit_ms);
  bool isStopped() const noexcept { return !running_.load(std::memory_order_acquire); }
  std::vector<LogNotice> takeNotices();
  // An eventfd that is readable when there are notices, or a reopening or the end is done. -1 when
  // it cannot be made.
  int noticeFd();
  struct SinkStats {
    std::string name;
    std::array<uint64_t, abi::log_stat::kCount> values{};
  };
  std::vector<SinkStats> readStats() const;
  // Bytes of records that wait for the writer.
  uint64_t waitingBytes() const noexcept;

  // A worker's own ring, made on first use.
  LogRing& ring(uint32_t worker);
  // The worker has pushed a record: wakes the writer if it sleeps, or if the ring is filling up.
  void pushed(LogRing& ring) noexcept {
    // seq_cst on both: either this worker sees that the writer is asleep, or the writer sees the
    // new number before it goes to sleep.
    ring.pushes.fetch_add(1, std::memory_order_seq_cst);
    const uint32_t state = state_.load(std::memory_order_seq_cst);
    if (state == kAsleep || (state == kDozing && ring.isQuarterFull())) wake();
  }

  // One visit of the writer, for tests; never beside a running thread.
  void turnForTest(const LogClock& clock) { turn(clock); }

 private:
  enum State : uint32_t { kAwake, kDozing, kAsleep };
  struct BoundPlan {
    std::shared_ptr<const LogPlan> plan;
    std::vector<LogFile*> files;  // by sink
    bool leaving = false;         // nobody can push for it any more
  };
  struct OpenFile {
    std::unique_ptr<LogFile> file;
    uint64_t retired_ms = 0;  // since when no sink of the present plan; 0 = it is one
  };

  void start();
  void run() noexcept;
  bool turn(const LogClock& clock);
  void takeOrders(uint64_t now_ms);
  void bind(std::shared_ptr<const LogPlan> plan, uint64_t now_ms);
  LogFile* fileOf(uint32_t target, const std::string& name);
  bool drain(const LogClock& clock, uint64_t now_ms);
  void write(const RequestRecord& record, const LogClock& clock, uint64_t now_ms);
  void retire(uint64_t now_ms);
  void note(LogNotice notice);
  void tellControl() noexcept;
  void wake() noexcept;
  bool finished(uint64_t now_ms);
  void rest(uint64_t now_ms) noexcept;
  bool hasNews() const noexcept;
  bool isIdle() const noexcept;

  const LogCalls calls_;
  std::array<std::atomic<LogRing*>, abi::limits::kMaxWorkers> rings_{};
  alignas(kCacheLine) std::atomic<uint32_t> state_{kAwake};

  // Orders and news, under the mutex, for moments.
  alignas(kCacheLine) mutable std::mutex mutex_;
  std::shared_ptr<const LogPlan> current_;
  std::vector<std::shared_ptr<const LogPlan>> adopted_;  // for the writer to bind
  uint32_t generation_ = 0;
  uint64_t reopens_ = 0;
  bool stopping_ = false;
  uint64_t stop_at_ms_ = 0;
  std::vector<LogNotice> notices_;
  std::vector<LogNotice> reopen_failures_;
  std::vector<OpenFile> files_;  // changed by the writer only

  std::atomic<uint64_t> reopens_done_{0};
  std::atomic<bool> running_{false};
  std::thread thread_;
  int wake_fd_ = -1;
  std::atomic<int> notice_fd_{-1};

  // The writer's own.
  std::vector<BoundPlan> plans_;  // oldest first; the last is the present one
  LogTime time_;
  std::array<uint64_t, abi::limits::kMaxWorkers> seen_{};  // LogRing::pushes
  uint64_t busy_until_ms_ = 0;
  bool stop_ordered_ = false;
  uint64_t stop_due_ms_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_ACCESS_LOG_H_
