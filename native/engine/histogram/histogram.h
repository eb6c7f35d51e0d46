#ifndef MILLRACE_ENGINE_HISTOGRAM_HISTOGRAM_H_
#define MILLRACE_ENGINE_HISTOGRAM_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>

#include "abi.h"
#include "base/cache_line.h"

namespace millrace {

// Log-linear buckets over microseconds: values below 2^k have their own bucket, each further power
// of two is cut into 2^k equal ones. The middle of a bucket is within 1.6 % of every value in it.
//
//   index   0 .. 63       1 us wide each
//          64 .. 95       2 us wide   (64 .. 127)
//          96 .. 127      4 us wide   (128 .. 255)   and so on
namespace histogram {

inline constexpr uint32_t kSubBits = abi::kHistogramSubBucketBits;
inline constexpr uint32_t kBuckets = abi::kHistogramBuckets;
inline constexpr uint32_t kMaxValue = (1u << abi::kHistogramMaxBits) - 1;

// Larger values count in the last bucket.
constexpr uint32_t bucketOf(uint64_t value) noexcept {
  const uint32_t v = static_cast<uint32_t>(std::min<uint64_t>(value, kMaxValue));
  if (v < (1u << kSubBits)) return v;
  const uint32_t shift = static_cast<uint32_t>(std::bit_width(v)) - 1 - kSubBits;
  return (shift << kSubBits) + (v >> shift);
}

// Smallest value of a bucket; lowerBound(kBuckets) is the end of the range.
constexpr uint32_t lowerBound(uint32_t bucket) noexcept {
  if (bucket < (2u << kSubBits)) return bucket;
  const uint32_t shift = (bucket >> kSubBits) - 1;
  const uint32_t mantissa = (bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits);
  return mantissa << shift;
}

// First value that is no longer in the bucket.
constexpr uint32_t upperBound(uint32_t bucket) noexcept { return lowerBound(bucket + 1); }

static_assert(bucketOf(kMaxValue) == kBuckets - 1);
static_assert(upperBound(kBuckets - 1) == kMaxValue + 1);

// Value below which the share `q` of the samples lies: the middle of the bucket that holds the
// sample of that rank. 0 without samples.
inline double quantile(std::span<const double, kBuckets> counts, double q) noexcept {
  double total = 0;
  for (const double count : counts) total += count;
  if (!(total > 0)) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * total;
  double seen = 0;
  uint32_t last = 0;
  for (uint32_t i = 0; i < kBuckets; ++i) {
    if (!(counts[i] > 0)) continue;
    last = i;
    seen += counts[i];
    if (seen >= rank) break;
  }
  return (static_cast<double>(lowerBound(last)) + static_cast<double>(upperBound(last) - 1)) / 2;
}

}  // namespace histogram

// The samples of one worker. One thread records; any thread may read at any time.
// Race: a reader can see a sample in its bucket and not yet in the sum, or the other way round.
// Harmless, since each number only grows and the next scrape has both. Relaxed, since no other
// memory is published through these numbers; on x86 and arm64 it costs a plain load and store.
class alignas(kCacheLine) HistogramShard {
 public:
  void record(uint64_t us) noexcept {
    add(counts_[histogram::bucketOf(us)], 1);
    add(sum_us_, us);
  }

  // Adds this shard's counts to `out`, any thread.
  void mergeInto(std::span<double, histogram::kBuckets> out) const noexcept {
    for (uint32_t i = 0; i < histogram::kBuckets; ++i)
      out[i] += static_cast<double>(load(counts_[i]));
  }

  uint64_t sumUs() const noexcept { return load(sum_us_); }

 private:
  static void add(uint64_t& number, uint64_t delta) noexcept {
    std::atomic_ref<uint64_t> ref(number);
    ref.store(ref.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
  static uint64_t load(const uint64_t& number) noexcept {
    // atomic_ref<const T> comes with C++26; the object itself is never const.
    return std::atomic_ref<uint64_t>(const_cast<uint64_t&>(number)).load(std::memory_order_relaxed);
  }

  std::array<uint64_t, histogram::kBuckets> counts_{};
  uint64_t sum_us_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HISTOGRAM_HISTOGRAM_H_
