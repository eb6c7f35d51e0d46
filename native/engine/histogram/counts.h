#ifndef MILLRACE_ENGINE_HISTOGRAM_COUNTS_H_
#define MILLRACE_ENGINE_HISTOGRAM_COUNTS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "engine/histogram/histogram.h"
#include "engine/histogram/shard.h"

namespace millrace {

// Merged counts of a series: the sum of shards, or what one window added. Merging is addition, so
// it is exact: the result is the histogram of all samples together. One thread; 9 KB, made to be
// reused.
class HistogramCounts {
 public:
  void clear() noexcept {
    for (uint32_t pages = pages_; pages != 0; pages &= pages - 1) {
      const auto begin = buckets_.begin() + std::countr_zero(pages) * histogram::kPageBuckets;
      std::fill(begin, begin + histogram::kPageBuckets, 0);
    }
    pages_ = 0;
    count = sum = max = 0;
  }

  void add(uint32_t bucket, uint64_t samples) noexcept {
    buckets_[bucket] += samples;
    pages_ |= 1u << bucket / histogram::kPageBuckets;
    count += samples;
  }

  // `count` is that of the buckets as they were read, whatever is recorded meanwhile.
  void add(const HistogramShard& shard) noexcept {
    shard.forEachBucket([this](uint32_t bucket, uint64_t samples) { add(bucket, samples); });
    sum += shard.sum();
    max = std::max(max, shard.max());
  }

  void add(const HistogramCounts& other) noexcept {
    other.forEachBucket([this](uint32_t bucket, uint64_t samples) { add(bucket, samples); });
    sum += other.sum;
    max = std::max(max, other.max);
  }

  uint64_t at(uint32_t bucket) const noexcept { return buckets_[bucket]; }

  // Calls back with (bucket, count), rising, for every bucket that holds samples.
  template <typename Callback>
  void forEachBucket(Callback&& callback) const noexcept {
    for (uint32_t pages = pages_; pages != 0; pages &= pages - 1) {
      const uint32_t first =
          static_cast<uint32_t>(std::countr_zero(pages)) * histogram::kPageBuckets;
      for (uint32_t bucket = first; bucket < first + histogram::kPageBuckets; ++bucket) {
        if (buckets_[bucket] != 0) callback(bucket, buckets_[bucket]);
      }
    }
  }

  // The sample of that rank, taken for the middle of its bucket and never above `max`, which is
  // exact. So at most 1/64 off; 0 without samples.
  double quantile(double q) const noexcept {
    if (count == 0) return 0;
    const double rank = histogram::quantileRank(q, static_cast<double>(count));
    double seen = 0;
    double found = -1;
    forEachBucket([&](uint32_t bucket, uint64_t samples) {
      seen += static_cast<double>(samples);
      if (found < 0 && seen >= rank) found = histogram::middle(bucket);
    });
    return rank >= static_cast<double>(count) ? static_cast<double>(max)
                                              : std::min(found, static_cast<double>(max));
  }

  uint64_t count = 0;
  uint64_t sum = 0;
  uint64_t max = 0;

 private:
  std::array<uint64_t, histogram::kBuckets> buckets_{};
  uint32_t pages_ = 0;  // bit per page that may hold samples
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HISTOGRAM_COUNTS_H_
