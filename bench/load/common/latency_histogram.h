#ifndef MILLRACE_BENCH_LOAD_COMMON_LATENCY_HISTOGRAM_H_
#define MILLRACE_BENCH_LOAD_COMMON_LATENCY_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace millrace::load {

// Log-linear histogram over nanoseconds: values below 2^7 have a bucket each, every further power
// of two is cut into 128 equal ones, so that the middle of a bucket is within 0.4 % of every value
// in it. Up to 2^40 ns (18 minutes); what is larger counts in the last bucket. It is not the
// engine's histogram on purpose: what measures shares no code with what is measured, and the
// engine's is for microseconds and 1.6 %.
class LatencyHistogram {
 public:
  static constexpr uint32_t kSubBits = 7;
  static constexpr uint32_t kMaxBits = 40;
  static constexpr uint32_t kBuckets = (kMaxBits - kSubBits + 1) << kSubBits;

  LatencyHistogram() : counts_(kBuckets) {}

  static constexpr uint32_t bucketOf(uint64_t value) noexcept {
    const uint64_t v = std::min(value, (uint64_t{1} << kMaxBits) - 1);
    const auto shift = static_cast<uint32_t>(std::bit_width(v | (1u << kSubBits))) - 1 - kSubBits;
    return (shift << kSubBits) + static_cast<uint32_t>(v >> shift);
  }
  static constexpr uint64_t lowerBound(uint32_t bucket) noexcept {
    if (bucket < (2u << kSubBits)) return bucket;
    const uint32_t shift = (bucket >> kSubBits) - 1;
    return uint64_t{(bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits)} << shift;
  }

  void record(uint64_t ns) noexcept {
    ++counts_[bucketOf(ns)];
    ++count_;
    sum_ += static_cast<double>(ns);
    max_ = std::max(max_, ns);
  }

  uint64_t count() const noexcept { return count_; }
  uint64_t max() const noexcept { return max_; }
  double mean() const noexcept { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  // Nanoseconds below which a share `q` of the samples lies: the middle of its bucket, never above
  // the largest sample, which is exact. 0 without samples.
  double quantile(double q) const noexcept {
    if (count_ == 0) return 0;
    const double product = q * static_cast<double>(count_);
    const auto rank = static_cast<uint64_t>(
        std::clamp(std::ceil(product - product * 1e-12), 1.0, static_cast<double>(count_)));
    if (rank == count_) return static_cast<double>(max_);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
      seen += counts_[bucket];
      if (seen < rank) continue;
      const auto middle = static_cast<double>(lowerBound(bucket) + lowerBound(bucket + 1) - 1) / 2;
      return std::min(middle, static_cast<double>(max_));
    }
    return static_cast<double>(max_);
  }

  // Calls back with (first value above the bucket, count), rising, for buckets that hold samples.
  template <typename Callback>
  void forEach(Callback&& callback) const {
    for (uint32_t bucket = 0; bucket < kBuckets; ++bucket)
      if (counts_[bucket] != 0) callback(lowerBound(bucket + 1), counts_[bucket]);
  }

 private:
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t max_ = 0;
  double sum_ = 0;
};

static_assert(LatencyHistogram::bucketOf((uint64_t{1} << 40) - 1) ==
              LatencyHistogram::kBuckets - 1);
static_assert(LatencyHistogram::lowerBound(LatencyHistogram::bucketOf(1u << 20)) == 1u << 20);

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_COMMON_LATENCY_HISTOGRAM_H_
