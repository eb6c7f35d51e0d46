#include "engine/balancer/stride.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "harness.h"

using namespace millrace;

namespace {

// The slot of one pick, or kNone. `closed` slots may not be given.
uint32_t pick(const std::vector<uint16_t>& weights, uint32_t& sequence,
              const std::vector<uint32_t>& closed = {}) {
  const Divider32 divide(static_cast<uint32_t>(weights.size()));
  return strideSlot(weights, divide, sequence, [&](uint32_t slot) {
    return std::find(closed.begin(), closed.end(), slot) == closed.end();
  });
}

}  // namespace

CASE("stride gives exact proportions over one period") {
  // Each slot is hit exactly w times in 65535 generations.
  for (const std::vector<uint16_t>& weights :
       {std::vector<uint16_t>{65535, 32768, 16384, 655}, std::vector<uint16_t>{65535, 65535, 65535},
        std::vector<uint16_t>{65535, 1}, std::vector<uint16_t>{65535}}) {
    const auto n = static_cast<uint32_t>(weights.size());
    std::vector<uint32_t> counts(n);
    uint32_t sequence = 0;
    while (sequence < n * kStrideScale) {
      const uint32_t slot = pick(weights, sequence);
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
  const std::vector<uint16_t> weights{65535, 65535, 65535};
  uint32_t sequence = 3;
  for (uint32_t i = 0; i < 30; ++i) EXPECT_EQ(pick(weights, sequence), i % 3);
}

CASE("stride spreads the picks of one slot") {
  const std::vector<uint16_t> weights{65535, 32768};
  uint32_t sequence = 0;
  uint32_t in_row = 0;
  for (int i = 0; i < 3000; ++i) {
    in_row = pick(weights, sequence) == 0 ? in_row + 1 : 0;
    EXPECT(in_row <= 3, std::to_string(in_row));
  }
}

CASE("stride goes on when its sequence wraps around") {
  const std::vector<uint16_t> weights{65535, 40000, 1};
  uint32_t sequence = 0xffffff00u;
  for (int i = 0; i < 1000; ++i) {
    const uint32_t slot = pick(weights, sequence);
    EXPECT(slot < 3, std::to_string(slot));
  }
}

CASE("stride never picks what is excluded or has no weight") {
  const std::vector<uint16_t> weights{65535, 300, 0, 65535, 7};
  uint32_t sequence = 0;
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 10000; ++i) ++counts[pick(weights, sequence, {0, 3})];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT(counts[1] > 0 && counts[4] > 0);
  EXPECT_EQ(pick(weights, sequence, {0, 1, 3, 4}), abi::kNone);
  EXPECT_EQ(pick({}, sequence), abi::kNone);
}
