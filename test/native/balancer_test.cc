#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/balancer/least_request.h"
#include "engine/balancer/stride.h"
#include "harness.h"

using namespace millrace;

namespace {

// Endpoints 100, 101, ... so that slots and endpoints cannot be mixed up.
struct Table {
  std::vector<uint32_t> endpoints;
  std::vector<uint16_t> weights;

  explicit Table(std::vector<uint16_t> w) : weights(std::move(w)) {
    for (uint32_t i = 0; i < weights.size(); ++i) endpoints.push_back(100 + i);
  }
  PickTable view() const { return {endpoints, weights}; }
};

uint32_t idle(uint32_t) { return 0; }

}  // namespace

CASE("stride gives exact proportions over one period") {
  // Each slot is hit exactly w times in 65535 generations.
  for (const std::vector<uint16_t>& weights :
       {std::vector<uint16_t>{65535, 32768, 16384, 655}, std::vector<uint16_t>{65535, 65535, 65535},
        std::vector<uint16_t>{65535, 1}, std::vector<uint16_t>{65535}}) {
    const Table table(weights);
    const uint32_t n = table.view().size();
    std::vector<uint32_t> counts(n);
    uint32_t sequence = 0;
    while (sequence < n * kStrideScale) {
      const uint32_t slot = pickStride(table.view(), sequence) - 100;
      if (sequence <= n * kStrideScale) ++counts[slot];
    }
    for (uint32_t i = 0; i < n; ++i) {
      const std::string note = "slot " + std::to_string(i) + " of " + std::to_string(n);
      const uint32_t off = counts[i] > weights[i] ? counts[i] - weights[i] : weights[i] - counts[i];
      EXPECT(off <= 1, note + ": " + std::to_string(counts[i]));
    }
  }
}

CASE("stride with equal weights goes round") {
  const Table table({65535, 65535, 65535});
  uint32_t sequence = 3;
  for (uint32_t i = 0; i < 30; ++i) EXPECT_EQ(pickStride(table.view(), sequence), 100 + i % 3);
}

CASE("stride spreads the picks of one slot") {
  const Table table({65535, 32768});
  uint32_t sequence = 0;
  uint32_t in_row = 0;
  for (int i = 0; i < 3000; ++i) {
    in_row = pickStride(table.view(), sequence) == 100 ? in_row + 1 : 0;
    EXPECT(in_row <= 3, std::to_string(in_row));
  }
}

CASE("stride goes on when its sequence wraps around") {
  const Table table({65535, 40000, 1});
  uint32_t sequence = 0xffffff00u;
  for (int i = 0; i < 1000; ++i) {
    const uint32_t pick = pickStride(table.view(), sequence);
    EXPECT(pick >= 100 && pick < 103, std::to_string(pick));
  }
}

CASE("stride never picks what is excluded or has no weight") {
  const Table table({65535, 300, 0, 65535, 7});
  const uint32_t excluded[] = {100, 103};
  uint32_t sequence = 0;
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 10000; ++i) ++counts[pickStride(table.view(), sequence, excluded)];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT(counts[101] > 0 && counts[104] > 0);
  const uint32_t all[] = {100, 101, 103, 104};
  EXPECT_EQ(pickStride(table.view(), sequence, all), abi::kNone);
  EXPECT_EQ(pickStride(Table({}).view(), sequence), abi::kNone);
}

CASE("least request takes the lower load of two distinct endpoints") {
  // With three endpoints and distinct draws the busiest one is never taken.
  const Table table({65535, 65535, 65535});
  Rng rng(test::seed());
  std::map<uint32_t, int> counts;
  const auto active = [](uint32_t endpoint) { return endpoint == 101 ? 5u : 1u; };
  for (int i = 0; i < 30000; ++i) ++counts[pickLeastRequest(table.view(), rng, active)];
  EXPECT_EQ(counts[101], 0);
  EXPECT(std::abs(counts[100] - 15000) < 600, std::to_string(counts[100]));
}

CASE("least request shares an idle cluster by weight, also when one weight dwarfs the others") {
  for (const std::vector<uint16_t>& weights :
       {std::vector<uint16_t>{65535, 32768, 16384, 655},
        std::vector<uint16_t>{65535, 3000, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                              1,     1,    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}) {
    const Table table(weights);
    Rng rng(test::seed());
    std::vector<int> counts(weights.size());
    constexpr int kPicks = 200000;
    for (int i = 0; i < kPicks; ++i) ++counts[pickLeastRequest(table.view(), rng, idle) - 100];
    double sum = 0;
    for (const uint16_t w : weights) sum += w;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double expected = weights[i] / sum * kPicks;
      EXPECT(std::abs(counts[i] - expected) < 5 * std::sqrt(expected) + 5,
             "slot " + std::to_string(i) + ": " + std::to_string(counts[i]));
    }
  }
}

CASE("least request fills endpoints in proportion to their weights") {
  const Table table({65535, 32768, 21845});
  Rng rng(test::seed());
  std::vector<uint32_t> active(3);
  for (int i = 0; i < 1100; ++i) {
    ++active[pickLeastRequest(table.view(), rng, [&](uint32_t e) { return active[e - 100]; }) -
             100];
  }
  EXPECT(active[0] > 560 && active[0] < 640, std::to_string(active[0]));
  EXPECT(active[1] > 270 && active[1] < 330, std::to_string(active[1]));
  EXPECT(active[2] > 170 && active[2] < 230, std::to_string(active[2]));
}

CASE("least request never picks what is excluded or has no weight") {
  const Table table({65535, 1, 0, 65535, 1, 0});
  Rng rng(test::seed());
  const uint32_t excluded[] = {100, 103};
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 5000; ++i) ++counts[pickLeastRequest(table.view(), rng, idle, excluded)];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT(counts[101] > 0 && counts[104] > 0);
  const uint32_t but_one[] = {100, 103, 101};
  EXPECT_EQ(pickLeastRequest(table.view(), rng, idle, but_one), 104u);
  const uint32_t all[] = {100, 101, 103, 104};
  EXPECT_EQ(pickLeastRequest(table.view(), rng, idle, all), abi::kNone);
  EXPECT_EQ(pickLeastRequest(Table({}).view(), rng, idle), abi::kNone);
  EXPECT_EQ(pickLeastRequest(Table({65535}).view(), rng, idle), 100u);
}

CASE("least request survives the largest load") {
  const Table table({65535, 65535});
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(
        pickLeastRequest(table.view(), rng, [](uint32_t e) { return e == 100 ? 0xffffffffu : 3u; }),
        101u);
  }
}
