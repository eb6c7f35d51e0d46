#ifndef MILLRACE_ENGINE_HISTOGRAM_DIGEST_H_
#define MILLRACE_ENGINE_HISTOGRAM_DIGEST_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "abi.h"
#include "engine/histogram/counts.h"

namespace millrace {

inline constexpr std::size_t kDigestWords =
    std::size(abi::kDigestWindowsMs) * std::size_t{abi::digest_field::kCount};

// What people want to know of a histogram, in the order of abi::digest_field: the quantiles are
// those of HistogramCounts::quantile, found in one walk. Numbers cross to JavaScript instead of
// buckets: that is what makes a page of a thousand routes cheap.
inline void writeDigest(const HistogramCounts& counts, uint64_t span_ms,
                        std::span<double> out) noexcept {
  namespace field = abi::digest_field;
  constexpr std::size_t kQuantiles = std::size(abi::kDigestQuantiles);
  static_assert(field::kP50 + kQuantiles == field::kCount);
  std::fill_n(out.begin(), std::size_t{field::kCount}, 0.0);
  out[field::kSpanMs] = static_cast<double>(span_ms);
  if (counts.count == 0) return;
  const auto count = static_cast<double>(counts.count);
  const auto max = static_cast<double>(counts.max);
  out[field::kSamples] = count;
  out[field::kSum] = static_cast<double>(counts.sum);
  out[field::kMax] = max;
  std::array<double, kQuantiles> ranks{};
  for (std::size_t i = 0; i < kQuantiles; ++i)
    ranks[i] = histogram::quantileRank(abi::kDigestQuantiles[i], count);
  double seen = 0;
  std::size_t next = 0;  // the quantiles rise
  counts.forEachBucket([&](uint32_t bucket, uint64_t samples) {
    seen += static_cast<double>(samples);
    for (; next < kQuantiles && seen >= ranks[next]; ++next) {
      // The last sample is the largest one, which is known exactly.
      out[field::kP50 + next] =
          ranks[next] >= count ? max : std::min(histogram::middle(bucket), max);
    }
  });
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HISTOGRAM_DIGEST_H_
