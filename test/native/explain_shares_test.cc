#include "balancer_rig.h"
#include "engine/explain/pick_shares.h"

// The shares that are told are those that the picks have.
namespace millrace::test {
namespace {

constexpr uint32_t kPicks = 200'000;
constexpr double kTolerance = 0.006;  // five standard deviations of a share of one half

std::vector<uint8_t> openOf(const Rig& rig) {
  std::vector<uint8_t> open;
  for (const PlanGroup& group : rig.plan->groups()) {
    for (const PlanSlot& slot : group.slots) {
      const uint32_t cap = slot.load->max_requests;
      open.push_back(cap == 0 || slot.load->active < cap);
    }
  }
  return open;
}

void expectAsPicked(Rig& rig, const std::string& note) {
  const auto shares = pickShares(rig.settings, *rig.plan, openOf(rig), kNow);
  EXPECT(shares.has_value(), note);
  if (!shares) return;
  std::vector<double> told(rig.endpoints.size());
  double sum = 0;
  std::size_t at = 0;
  for (const PlanGroup& group : rig.plan->groups()) {
    for (const PlanSlot& slot : group.slots) {
      told[slot.index - kFirst] = (*shares)[at];
      sum += (*shares)[at++];
    }
  }
  EXPECT(std::abs(sum - 1) < 1e-9, note + " sum " + std::to_string(sum));
  const std::vector<uint32_t> counted = rig.counts(kPicks);
  for (std::size_t i = 0; i < told.size(); ++i) {
    const double seen = counted[i] / static_cast<double>(kPicks);
    EXPECT(std::abs(seen - told[i]) < kTolerance, note + ", endpoint " + std::to_string(i) +
                                                      ": told " + std::to_string(told[i]) +
                                                      ", seen " + std::to_string(seen));
  }
}

void randomLoads(Rig& rig, Rng& rng) {
  for (std::size_t i = 0; i < rig.endpoints.size(); ++i) {
    rig.loads[i].active = rng.below(3) == 0 ? 0 : rng.below(12);
    if (rng.below(4) != 0)
      rig.loads[i].latency = LatencyWord::pack(static_cast<float>(1 + rng.below(50'000)),
                                               static_cast<uint32_t>(kNow - rng.below(3000)));
    rig.endpoints[i].max_requests = rng.below(5) == 0 ? 1 + rng.below(8) : 0;
  }
}

CASE("told shares are those of the picks, for every policy that draws, under any load") {
  Rng rng(seed());
  for (const uint32_t policy :
       {abi::policy::kRandom, abi::policy::kRoundRobin, abi::policy::kLeastRequest,
        abi::policy::kPeakEwma, abi::policy::kLeastTime}) {
    for (uint32_t round = 0; round < 8; ++round) {
      std::vector<uint32_t> weights(2 + rng.below(9));
      for (uint32_t& weight : weights) weight = round % 2 == 0 ? 1 : 1 + rng.below(5);
      Rig rig(policy, weights);
      if (policy == abi::policy::kLeastRequest && round % 3 != 0) rig.settings.bias = round % 3 - 1;
      if (policy == abi::policy::kLeastRequest && round == 7) rig.settings.bias = 2.5;
      randomLoads(rig, rng);
      rig.rebuild();
      std::vector<uint8_t> open = openOf(rig);
      if (std::find(open.begin(), open.end(), 1) == open.end()) continue;
      expectAsPicked(rig, "policy " + std::to_string(policy) + " round " + std::to_string(round));
    }
  }
}

CASE("priorities and zones share as their groups do, and a full group's part goes to the first") {
  Rig rig(abi::policy::kRandom, {1, 1, 2, 3, 1});
  for (std::size_t i = 0; i < 5; ++i) rig.endpoints[i].priority = i < 3 ? 0 : 1;
  rig.endpoints[0].available = rig.endpoints[1].available = false;
  rig.rebuild();
  expectAsPicked(rig, "spill-over");
  rig.endpoints[3].max_requests = rig.endpoints[4].max_requests = 1;
  rig.loads[3].active = rig.loads[4].active = 1;
  rig.rebuild();
  expectAsPicked(rig, "full spill-over");
}

CASE("nobody open has no share, and what cannot be known is not told") {
  Rig rig(abi::policy::kPeakEwma, {1, 2});
  const auto none = pickShares(rig.settings, *rig.plan, std::vector<uint8_t>{0, 0}, kNow);
  EXPECT(none.has_value() && (*none)[0] == 0 && (*none)[1] == 0);
  Rig prequal(abi::policy::kPrequal, {1, 2});
  EXPECT(!pickShares(prequal.settings, *prequal.plan, std::vector<uint8_t>{1, 1}, kNow));
  Rig many(abi::policy::kLeastRequest, std::vector<uint32_t>(kMostPaired + 1, 1));
  EXPECT(!pickShares(many.settings, *many.plan, std::vector<uint8_t>(kMostPaired + 1, 1), kNow));
}

}  // namespace
}  // namespace millrace::test
