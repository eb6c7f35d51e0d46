#include "engine/histogram/histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"

using namespace millrace;

namespace {

using Counts = std::array<double, histogram::kBuckets>;

}  // namespace

CASE("buckets cover the range without a gap") {
  EXPECT_EQ(histogram::lowerBound(0), 0u);
  for (uint32_t i = 0; i < histogram::kBuckets; ++i) {
    const uint32_t low = histogram::lowerBound(i);
    const uint32_t high = histogram::upperBound(i);
    EXPECT(low < high);
    EXPECT_EQ(histogram::bucketOf(low), i);
    EXPECT_EQ(histogram::bucketOf(high - 1), i);
    const double middle = (static_cast<double>(low) + (high - 1)) / 2;
    EXPECT(high - 1 - middle <= 0.016 * high, std::to_string(i));
  }
  EXPECT_EQ(histogram::upperBound(histogram::kBuckets - 1), histogram::kMaxValue + 1);
}

CASE("values past the range count in the last bucket") {
  for (const uint64_t value : {uint64_t{1} << 26, uint64_t{1} << 32, ~uint64_t{0}}) {
    EXPECT_EQ(histogram::bucketOf(value), histogram::kBuckets - 1);
  }
}

CASE("quantiles are within 1.6 % of the exact ones") {
  Rng rng(test::seed());
  for (int round = 0; round < 20; ++round) {
    const auto shard = std::make_unique<HistogramShard>();
    std::vector<uint32_t> values;
    uint64_t sum = 0;
    const double spread = 2 + rng.below(22);
    for (int i = 0; i < 5000; ++i) {
      const double exponent = static_cast<double>(rng.below(1 << 20)) / (1 << 20) * spread;
      values.push_back(static_cast<uint32_t>(std::exp2(exponent)));
      sum += values.back();
      shard->record(values.back());
    }
    std::sort(values.begin(), values.end());
    Counts counts{};
    shard->mergeInto(counts);
    EXPECT_EQ(shard->sumUs(), sum);
    for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const std::size_t rank = static_cast<std::size_t>(std::ceil(q * 5000));
      const double exact = values[rank - 1];
      const double found = histogram::quantile(counts, q);
      EXPECT(std::abs(found - exact) <= 0.016 * exact, "q " + std::to_string(q) + ": " +
                                                           std::to_string(found) + " for " +
                                                           std::to_string(exact));
    }
  }
}

CASE("shards add up") {
  const auto a = std::make_unique<HistogramShard>();
  const auto b = std::make_unique<HistogramShard>();
  for (int i = 0; i < 100; ++i) a->record(10);
  for (int i = 0; i < 300; ++i) b->record(1000);
  Counts counts{};
  a->mergeInto(counts);
  b->mergeInto(counts);
  EXPECT_EQ(counts[histogram::bucketOf(10)], 100.0);
  EXPECT_EQ(counts[histogram::bucketOf(1000)], 300.0);
  EXPECT_EQ(histogram::quantile(counts, 0.25), 10.0);
  EXPECT(std::abs(histogram::quantile(counts, 0.26) - 1000) <= 16);
}

CASE("quantiles of nothing and outside 0 to 1 have a value") {
  Counts counts{};
  EXPECT_EQ(histogram::quantile(counts, 0.5), 0.0);
  counts[7] = 1;
  EXPECT_EQ(histogram::quantile(counts, -1), 7.0);
  EXPECT_EQ(histogram::quantile(counts, 0), 7.0);
  EXPECT_EQ(histogram::quantile(counts, 2), 7.0);
}
