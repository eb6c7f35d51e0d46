#ifndef MILLRACE_ENGINE_HISTOGRAM_HISTOGRAM_H_
#define MILLRACE_ENGINE_HISTOGRAM_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "abi.h"

namespace millrace::histogram {

// Log-linear buckets over whole numbers (microseconds or bytes): values below 2^k have their own
// bucket, each further power of two is cut into 2^k equal ones (k = 5). The middle of a bucket is
// within 1/64 (1.6 %) of every value in it.
//
//   index   0 .. 63       1 wide each
//          64 .. 95       2 wide   (64 .. 127)
//          96 .. 127      4 wide   (128 .. 255)   and so on up to 2^40: 12 days, 1 TiB
inline constexpr uint32_t kSubBits = abi::kHistogramSubBucketBits;
inline constexpr uint32_t kBuckets = abi::kHistogramBuckets;
inline constexpr uint64_t kMaxValue = (uint64_t{1} << abi::kHistogramMaxBits) - 1;

// Larger values count in the last bucket. A shift and an add; no loop, no table.
constexpr uint32_t bucketOf(uint64_t value) noexcept {
  const uint64_t v = std::min(value, kMaxValue);
  // The bit keeps small values at shift 0, where the formula is the value itself.
  const auto shift = static_cast<uint32_t>(std::bit_width(v | (1u << kSubBits))) - 1 - kSubBits;
  return (shift << kSubBits) + static_cast<uint32_t>(v >> shift);
}

// Smallest value of a bucket; lowerBound(kBuckets) is the end of the range.
constexpr uint64_t lowerBound(uint32_t bucket) noexcept {
  if (bucket < (2u << kSubBits)) return bucket;
  const uint32_t shift = (bucket >> kSubBits) - 1;
  const uint64_t mantissa = (bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits);
  return mantissa << shift;
}

// First value that is no longer in the bucket.
constexpr uint64_t upperBound(uint32_t bucket) noexcept { return lowerBound(bucket + 1); }

// What every value of a bucket is taken for.
constexpr double middle(uint32_t bucket) noexcept {
  return (static_cast<double>(lowerBound(bucket)) + static_cast<double>(upperBound(bucket) - 1)) /
         2;
}

static_assert(bucketOf(0) == 0 && bucketOf(31) == 31 && bucketOf(32) == 32 && bucketOf(64) == 64);
static_assert(bucketOf(kMaxValue) == kBuckets - 1);
static_assert(upperBound(kBuckets - 1) == kMaxValue + 1);

// Place, counted from 1, of the sample that is the quantile `q` of `count` sorted ones: the
// smallest share of samples that is at least q. A product like 0.07 * 100 that comes out a little
// too large must not take the next one, hence the small step back.
inline double quantileRank(double q, double count) noexcept {
  const double product = std::clamp(q, 0.0, 1.0) * count;
  return std::clamp(std::ceil(product - product * 1e-12), 1.0, std::max(count, 1.0));
}

}  // namespace millrace::histogram

#endif  // MILLRACE_ENGINE_HISTOGRAM_HISTOGRAM_H_
