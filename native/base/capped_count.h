#ifndef MILLRACE_BASE_CAPPED_COUNT_H_
#define MILLRACE_BASE_CAPPED_COUNT_H_

#include <atomic>
#include <cstdint>

namespace millrace {

// How many of something are in use, by all threads together, never more than the limit that each
// taker names (0 = none; takers of one moment may know different ones, before and after a reload).
// Lock-free. Relaxed: the number guards nothing but itself.
class CappedCount {
 public:
  // Race: two threads may both see one place left; the compare-exchange lets one of them have it.
  bool take(uint32_t limit) noexcept {
    uint32_t now = count_.load(std::memory_order_relaxed);
    do {
      if (limit != 0 && now >= limit) return false;
    } while (!count_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
    return true;
  }
  void give(uint32_t count = 1) noexcept { count_.fetch_sub(count, std::memory_order_relaxed); }
  uint32_t now() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> count_{0};
};

}  // namespace millrace

#endif  // MILLRACE_BASE_CAPPED_COUNT_H_
