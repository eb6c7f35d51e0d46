#include "engine/histogram/histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/histogram/counts.h"
#include "engine/histogram/digest.h"
#include "engine/histogram/shard.h"
#include "engine/histogram/windows.h"
#include "harness.h"

using namespace millrace;

namespace {

std::unique_ptr<HistogramCounts> countsOf(const HistogramShard& shard) {
  auto counts = std::make_unique<HistogramCounts>();
  counts->add(shard);
  return counts;
}

// One series with its windows, collected as the engine does it.
struct Windowed {
  HistogramShard shard;
  SeriesHistory history;
  HistogramWindows windows;

  bool tick(uint64_t now_ms) {
    if (!windows.open(now_ms)) return false;
    if (HistogramWindows::changed(history, shard.count())) {
      const uint64_t recent_max = shard.takeRecentMax();
      windows.add(history, *countsOf(shard), recent_max);
    }
    windows.close();
    return true;
  }
  std::unique_ptr<HistogramCounts> read(uint64_t window_ms, uint64_t now_ms, uint64_t* span) {
    auto out = std::make_unique<HistogramCounts>();
    *span =
        windows.read(history, *countsOf(shard), shard.recentMax(), window_ms, now_ms, out.get());
    return out;
  }
};

}  // namespace

CASE("buckets cover the range without a gap") {
  EXPECT_EQ(histogram::lowerBound(0), 0u);
  for (uint32_t i = 0; i < histogram::kBuckets; ++i) {
    const uint64_t low = histogram::lowerBound(i);
    const uint64_t high = histogram::upperBound(i);
    EXPECT(low < high);
    EXPECT_EQ(histogram::bucketOf(low), i);
    EXPECT_EQ(histogram::bucketOf(high - 1), i);
    const double middle = histogram::middle(i);
    EXPECT(static_cast<double>(high - 1) - middle <= static_cast<double>(low) / 64 + 1e-9,
           std::to_string(i));
  }
  EXPECT_EQ(histogram::upperBound(histogram::kBuckets - 1), histogram::kMaxValue + 1);
}

CASE("values past the range count in the last bucket") {
  for (const uint64_t value : {uint64_t{1} << 40, uint64_t{1} << 50, ~uint64_t{0}}) {
    EXPECT_EQ(histogram::bucketOf(value), histogram::kBuckets - 1);
    HistogramShard shard;
    shard.record(value);
    EXPECT_EQ(shard.max(), histogram::kMaxValue);
    EXPECT_EQ(shard.sum(), histogram::kMaxValue);
  }
}

CASE("quantiles are within 1/64 of the exact ones") {
  Rng rng(test::seed());
  for (int round = 0; round < 20; ++round) {
    HistogramShard shard;
    std::vector<uint64_t> values;
    uint64_t sum = 0;
    const double spread = 2 + rng.below(37);
    for (int i = 0; i < 5000; ++i) {
      const double exponent = static_cast<double>(rng.below(1 << 20)) / (1 << 20) * spread;
      values.push_back(static_cast<uint64_t>(std::exp2(exponent)));
      sum += values.back();
      shard.record(values.back());
    }
    std::sort(values.begin(), values.end());
    const auto counts = countsOf(shard);
    EXPECT_EQ(counts->sum, sum);
    EXPECT_EQ(counts->count, 5000u);
    EXPECT_EQ(counts->max, values.back());
    for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const std::size_t rank = static_cast<std::size_t>(std::ceil(q * 5000));
      const double exact = static_cast<double>(values[rank - 1]);
      const double found = counts->quantile(q);
      EXPECT(std::abs(found - exact) <= exact / 64, "q " + std::to_string(q) + ": " +
                                                        std::to_string(found) + " for " +
                                                        std::to_string(exact));
    }
    EXPECT_EQ(counts->quantile(1), static_cast<double>(values.back()));
  }
}

CASE("shards add up, and counts of them too") {
  HistogramShard a;
  HistogramShard b;
  for (int i = 0; i < 100; ++i) a.record(10);
  for (int i = 0; i < 300; ++i) b.record(1000);
  const auto merged = countsOf(a);
  merged->add(*countsOf(b));
  EXPECT_EQ(merged->at(histogram::bucketOf(10)), 100u);
  EXPECT_EQ(merged->at(histogram::bucketOf(1000)), 300u);
  EXPECT_EQ(merged->count, 400u);
  EXPECT_EQ(merged->sum, 301000u);
  EXPECT_EQ(merged->max, 1000u);
  EXPECT_EQ(merged->quantile(0.25), 10.0);
  EXPECT(std::abs(merged->quantile(0.26) - 1000) <= 16);
  merged->clear();
  merged->forEachBucket([](uint32_t bucket, uint64_t) { EXPECT_EQ(bucket, 0u, "left over"); });
  EXPECT_EQ(merged->count, 0u);
}

CASE("quantiles of nothing and outside 0 to 1 have a value") {
  HistogramShard shard;
  EXPECT_EQ(countsOf(shard)->quantile(0.5), 0.0);
  shard.record(7);
  EXPECT_EQ(countsOf(shard)->quantile(-1), 7.0);
  EXPECT_EQ(countsOf(shard)->quantile(0), 7.0);
  EXPECT_EQ(countsOf(shard)->quantile(2), 7.0);
}

CASE("a bucket goes on counting past 2^31 and 2^32") {
  HistogramShard shard;
  uint64_t total = 0;
  for (int i = 0; i < 20; ++i) {
    shard.record(5, 0x7fffffff - static_cast<uint32_t>(i) * 12345);
    total += 0x7fffffff - static_cast<uint32_t>(i) * 12345;
    shard.record(6);
    EXPECT_EQ(countsOf(shard)->at(5), total);
    EXPECT_EQ(countsOf(shard)->at(6), static_cast<uint64_t>(i + 1));
  }
  EXPECT_EQ(shard.sum(), total * 5 + 120);
}

CASE("a count is the same before and after its passage of 2^31 is noted") {
  for (uint64_t passed = 1; passed < 9; ++passed) {
    for (uint64_t beyond = 0; beyond < 100; ++beyond) {
      const uint64_t count = (passed << 31) + beyond;
      const auto low = static_cast<uint32_t>(count);
      EXPECT_EQ(histogram::wholeCount(static_cast<uint32_t>(passed), low), count);
      EXPECT_EQ(histogram::wholeCount(static_cast<uint32_t>(passed) - 1, low), count);
      EXPECT_EQ(histogram::wholeCount(static_cast<uint32_t>(passed) - 1, low - 100), count - 100);
    }
  }
}

CASE("a window holds what came in it, and says how long it is") {
  Windowed series;
  uint64_t span = 0;
  series.shard.record(1, 50);  // before the first tick: in no window
  EXPECT_EQ(series.read(10000, 1000, &span)->count, 0u);
  EXPECT_EQ(span, 0u);
  EXPECT(series.tick(1000));
  for (uint64_t i = 0; i < 30; ++i) {
    series.shard.record(100 + i, 3);
    EXPECT(series.tick(6000 + i * 5000));
  }
  // Ticks end at 6000, 11000 ... 151000; two seconds later, ten seconds reach into the third last.
  series.shard.record(7);
  const auto ten = series.read(10000, 153000, &span);
  EXPECT_EQ(ten->count, 7u);
  EXPECT_EQ(ten->sum, 7u + 3 * (128 + 129));
  EXPECT_EQ(ten->max, 129u);
  EXPECT_EQ(span, 12000u);
  const auto minute = series.read(60000, 153000, &span);
  EXPECT_EQ(minute->count, 1u + 12 * 3);
  EXPECT_EQ(span, 62000u);
  // On the tick itself the window is exact.
  EXPECT_EQ(series.read(10000, 151000, &span)->count, 7u);
  EXPECT_EQ(span, 10000u);
  // Without further ticks everything ends up in the past.
  EXPECT_EQ(series.read(10000, 400000, &span)->count, 1u);
}

CASE("idle series take no part in a tick") {
  Windowed series;
  EXPECT(series.tick(0));
  series.shard.record(1000, 5);
  EXPECT(series.tick(5000));
  const std::size_t busy = series.windows.bytes();
  for (uint64_t i = 2; i < 20; ++i) EXPECT(series.tick(i * 5000));
  EXPECT(series.windows.bytes() < busy);
  EXPECT_EQ(series.windows.bytes(), sizeof(HistogramWindows));
  uint64_t span = 0;
  EXPECT_EQ(series.read(60000, 95000, &span)->count, 0u);
}

CASE("windows add up to everything that was recorded") {
  Rng rng(test::seed());
  Windowed series;
  EXPECT(series.tick(0));
  uint64_t now = 0;
  std::vector<std::pair<uint64_t, uint64_t>> samples;  // (tick that it is in, value)
  std::vector<uint64_t> ends{0};
  for (int tick = 0; tick < 60; ++tick) {
    const uint32_t count = rng.below(3) == 0 ? 0 : rng.below(200);
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t value = rng.next() >> (24 + rng.below(40));
      series.shard.record(value);
      samples.emplace_back(ends.size(), value);
    }
    now += 4000 + rng.below(3000);
    EXPECT(series.tick(now));
    ends.push_back(now);
    for (const uint64_t window : {uint64_t{10000}, uint64_t{60000}}) {
      uint64_t span = 0;
      const auto found = series.read(window, now + 1000, &span);
      // The first tick whose end lies within the window, at most as far back as ticks are kept.
      std::size_t first = ends.size();
      while (first > 1 && ends[first - 1] + window > now + 1000 &&
             ends.size() - first < HistogramWindows::kTicks) {
        --first;
      }
      HistogramShard expected;
      for (const auto& [in, value] : samples) {
        if (in >= first) expected.record(value);
      }
      const auto counts = countsOf(expected);
      EXPECT_EQ(found->count, counts->count);
      EXPECT_EQ(found->sum, counts->sum);
      EXPECT_EQ(found->max, counts->max);
      for (uint32_t b = 0; b < histogram::kBuckets; ++b) EXPECT_EQ(found->at(b), counts->at(b));
    }
  }
}

CASE("ticks that come too early or out of order are refused") {
  Windowed series;
  EXPECT(series.tick(10000));
  EXPECT(!series.tick(10000));
  EXPECT(!series.tick(12000));
  EXPECT(!series.tick(5000));
  EXPECT(series.tick(12500));
}

CASE("a digest has the quantiles of its counts, found in one walk") {
  namespace field = abi::digest_field;
  Rng rng(test::seed());
  std::vector<double> out(field::kCount + 1, -1);
  for (int round = 0; round < 200; ++round) {
    HistogramShard shard;
    const auto samples = 1 + rng.below(round < 100 ? 5 : 3000);
    for (uint64_t i = 0; i < samples; ++i)
      shard.record(rng.below(uint64_t{1} << rng.below(41)),
                   1 + static_cast<uint32_t>(rng.below(3)));
    const auto counts = countsOf(shard);
    writeDigest(*counts, 77, out);
    EXPECT_EQ(out[field::kSamples], static_cast<double>(counts->count));
    EXPECT_EQ(out[field::kSum], static_cast<double>(counts->sum));
    EXPECT_EQ(out[field::kMax], static_cast<double>(counts->max));
    EXPECT_EQ(out[field::kSpanMs], 77.0);
    for (std::size_t i = 0; i < std::size(abi::kDigestQuantiles); ++i)
      EXPECT_EQ(out[field::kP50 + i], counts->quantile(abi::kDigestQuantiles[i]));
  }
  EXPECT_EQ(out[field::kCount], -1.0);  // not a word more
  writeDigest(HistogramCounts(), 5, out);
  for (uint32_t i = 0; i < field::kCount; ++i) EXPECT_EQ(out[i], i == field::kSpanMs ? 5.0 : 0.0);
}
