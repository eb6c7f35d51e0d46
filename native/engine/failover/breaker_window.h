#ifndef MILLRACE_ENGINE_FAILOVER_BREAKER_WINDOW_H_
#define MILLRACE_ENGINE_FAILOVER_BREAKER_WINDOW_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "base/cache_line.h"

namespace millrace {

struct BreakerCounts {
  uint64_t requests = 0;
  uint64_t failures = 0;
};

// One worker's outcomes of the last window, for one breaker: a ring of ten buckets. Bucket number n
// holds the outcomes of the milliseconds with floor(10 * ms / window) = n; the window at a moment
// is the bucket of that moment and the nine before it, so it covers between nine and ten tenths of
// the configured time. Counts are exact: nothing is averaged, decayed or sampled.
//
// One thread adds (3 ns), any thread reads. A bucket carries the number and the generation of the
// breaker that it was filled in: a bucket of another generation counts for nothing, so that moving
// the breaker on empties the windows of all workers at once.
//
//   stamp   generation:16 | bucket number:48     0 = never used, or being emptied
//   counts  failures:32 | requests:32
template <template <typename> typename Atomic = std::atomic>
class alignas(kCacheLine) BreakerWindow {
 public:
  static constexpr uint32_t kBuckets = 10;

  // The owner. `generation` is not 0 and never goes back; `now_ms` may, then the outcome is counted
  // in the newest bucket.
  void add(uint32_t generation, uint32_t window_ms, uint64_t now_ms, bool good) noexcept {
    if (now_ms >= bucket_end_ms_ || generation != generation_) [[unlikely]]
      turn(generation, window_ms, now_ms);
    Atomic<uint64_t>& counts = current_->counts;
    const uint64_t before = counts.load(std::memory_order_relaxed);
    if (good) {
      // Release: whoever sees the count also sees what was done to the stamp before.
      counts.store(before + 1, std::memory_order_release);
    } else {
      // Sequentially consistent, as the loads of `addTo`: of two workers that count a failure and
      // then add everything up, at least one sees the other's. Else both could stop short of the
      // threshold.
      counts.store(before + kOneFailure, std::memory_order_seq_cst);
    }
  }

  // Any thread. Adds what was counted in `generation` during the window that ends now. Buckets
  // ahead of this worker's clock count, too.
  void addTo(BreakerCounts* sum, uint32_t generation, uint32_t window_ms,
             uint64_t now_ms) const noexcept {
    const uint64_t newest = numberOf(window_ms, now_ms);
    for (const Bucket& bucket : buckets_) {
      const uint64_t stamp = bucket.stamp.load(std::memory_order_seq_cst);
      if (stamp >> kNumberBits != generation) continue;
      if ((stamp & kNumberMask) + kBuckets <= newest) continue;
      const uint64_t counts = bucket.counts.load(std::memory_order_seq_cst);
      // Race: the owner may have emptied the bucket in between. What was in it is older than its
      // window, and what is in it now is not of this stamp.
      if (bucket.stamp.load(std::memory_order_relaxed) != stamp) continue;
      sum->requests += counts & 0xffff'ffff;
      sum->failures += counts >> 32;
    }
  }

 private:
  static constexpr uint32_t kNumberBits = 48;
  static constexpr uint64_t kNumberMask = (uint64_t{1} << kNumberBits) - 1;
  static constexpr uint64_t kOneFailure = (uint64_t{1} << 32) + 1;

  struct Bucket {
    Atomic<uint64_t> stamp{0};
    Atomic<uint64_t> counts{0};
  };

  static uint64_t numberOf(uint32_t window_ms, uint64_t now_ms) noexcept {
    return now_ms * kBuckets / window_ms;
  }

  // Begins the bucket of `now_ms`; the one that lay there is ten buckets older at least, or of
  // another generation.
  void turn(uint32_t generation, uint32_t window_ms, uint64_t now_ms) noexcept {
    const uint64_t number = numberOf(window_ms, now_ms);
    generation_ = generation;
    // The first millisecond with a higher number.
    bucket_end_ms_ = ((number + 1) * window_ms + kBuckets - 1) / kBuckets;
    current_ = &buckets_[number % kBuckets];
    // In this order, so that no reader takes the new counts for those of the old stamp: who sees a
    // count stored after this finds the old stamp gone.
    current_->stamp.store(0, std::memory_order_relaxed);
    current_->counts.store(0, std::memory_order_release);
    current_->stamp.store(uint64_t{generation} << kNumberBits | number, std::memory_order_seq_cst);
  }

  // The owner's alone.
  uint64_t bucket_end_ms_ = 0;
  uint32_t generation_ = 0;
  Bucket* current_ = nullptr;
  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_BREAKER_WINDOW_H_
