// How a plan divides the requests: priorities, panic, zones, slow start, caps, and that no policy
// trips over odd endpoints.
#include <algorithm>
#include <set>

#include "balancer_rig.h"

using namespace millrace;
using test::kAllPolicies;
using test::kFirst;
using test::kNow;
using test::Rig;
using test::text;

namespace {

// Levels of 100 endpoints, of which these many are available.
std::vector<uint32_t> sharesOf(const std::vector<uint32_t>& available, uint32_t panic = 50) {
  Rig rig(abi::policy::kRandom, std::vector<uint32_t>(100 * available.size(), 1));
  rig.settings.panic_percent = panic;
  for (uint32_t i = 0; i < rig.endpoints.size(); ++i) {
    rig.endpoints[i].priority = 3 * (i / 100);  // with holes
    rig.endpoints[i].available = i % 100 < available[i / 100];
  }
  rig.rebuild();
  return rig.shares();
}

}  // namespace

CASE("levels spill over as the table of Envoy says") {
  EXPECT_EQ(text(sharesOf({100, 100})), "10000 0");
  EXPECT_EQ(text(sharesOf({72, 100})), "10000 0");
  EXPECT_EQ(text(sharesOf({71, 100})), "9900 100");
  EXPECT_EQ(text(sharesOf({50, 100})), "7000 3000");
  EXPECT_EQ(text(sharesOf({0, 100})), "10000");
  EXPECT_EQ(text(sharesOf({25, 25})), "5000 5000");
  EXPECT_EQ(text(sharesOf({25, 25, 100})), "3500 3500 3000");
  EXPECT_EQ(text(sharesOf({0, 0}, 0)), "");
}

// Trap 10 of reference/proxies.md, 10.3.
CASE("a level panics only when all levels together cannot carry the load") {
  Rig rig(abi::policy::kRandom, std::vector<uint32_t>(20, 1));
  for (uint32_t i = 0; i < 20; ++i) {
    rig.endpoints[i].priority = i / 10;
    rig.endpoints[i].available = i >= 10 || i < 2;  // 20 % of level 0, all of level 1
  }
  rig.rebuild();
  EXPECT(!rig.plan->panicking());
  std::vector<uint32_t> counts = rig.counts(20000);
  for (uint32_t i = 2; i < 10; ++i) EXPECT_EQ(counts[i], 0u);

  for (uint32_t i = 12; i < 20; ++i) rig.endpoints[i].available = false;  // 20 % of level 1, too
  rig.rebuild();
  EXPECT(rig.plan->panicking());
  counts = rig.counts(20000);
  EXPECT_EQ(rig.state.last_flags, PickerState::kPickedInPanic);
  EXPECT(test::fits(counts, std::vector<double>(20, 1)), text(counts));

  rig.settings.panic_percent = 0;
  rig.rebuild();
  EXPECT(!rig.plan->panicking());
  counts = rig.counts(2000);
  EXPECT_EQ(counts[2] + counts[12], 0u);
}

CASE("full panic loads the levels by their members, and can be turned off") {
  for (const uint32_t policy : kAllPolicies) {
    Rig rig(policy, {1, 1, 1, 1});
    for (PlanEndpoint& endpoint : rig.endpoints) endpoint.available = false;
    rig.endpoints[3].priority = 9;
    rig.rebuild();
    EXPECT_EQ(text(rig.shares()), "7500 2500");
    EXPECT(rig.pick() < 4 && rig.pickFor(1) < 4, std::to_string(policy));
    rig.settings.panic_percent = 0;
    rig.rebuild();
    EXPECT_EQ(rig.pick(), abi::kNone);
    EXPECT_EQ(rig.pickFor(1), abi::kNone);
  }
}

CASE("the own zone carries what it can") {
  Rig rig(abi::policy::kRandom, std::vector<uint32_t>(12, 1));
  rig.settings.local_zone = "here";
  const auto build = [&](uint32_t local_available) {
    for (uint32_t i = 0; i < 12; ++i) {
      rig.endpoints[i].zone = i < 4 ? "here" : i < 8 ? "there" : "";
      rig.endpoints[i].available = i >= 4 || i < local_available;
    }
    rig.rebuild();
    return text(rig.shares());
  };
  EXPECT_EQ(build(4), "10000 0");
  EXPECT_EQ(build(3), "10000 0");
  EXPECT_EQ(build(2), "7000 3000");
  EXPECT_EQ(build(1), "3500 6500");
  EXPECT_EQ(build(0), "10000");  // no local member: one group of all
  build(4);
  std::vector<uint32_t> counts = rig.counts(1000);
  EXPECT_EQ(counts[0] + counts[1] + counts[2] + counts[3], 1000u);
  rig.settings.zone_min_endpoints = 13;
  EXPECT_EQ(build(4), "10000");
  rig.settings.zone_min_endpoints = 1;
  rig.settings.local_zone = "nowhere";
  EXPECT_EQ(build(4), "10000");
  // Excluded ones fall over to the other zone.
  rig.settings.local_zone = "here";
  build(4);
  rig.excluded = {kFirst, kFirst + 1, kFirst + 2, kFirst + 3};
  EXPECT(rig.pick() >= 4 && rig.pick() < 12);
}

CASE("slow start grows the weight from its least part to all of it") {
  Rig rig(abi::policy::kRandom, {1, 1});
  rig.settings.slow_start_ms = 10000;
  rig.endpoints[1].warm_since_ms = kNow;
  const auto weightAt = [&](uint64_t age) {
    rig.rebuild(kNow + age);
    return rig.plan->groups()[0].slots[1].weight;
  };
  EXPECT_EQ(weightAt(0), 6554u);
  EXPECT(rig.plan->warming());
  EXPECT_EQ(weightAt(1000), 6554u);
  EXPECT_EQ(weightAt(5000), 32768u);
  EXPECT_EQ(weightAt(9999), 65469u);  // thousandths of a weight of 1
  EXPECT_EQ(weightAt(10000), 65535u);
  EXPECT(!rig.plan->warming());
  rig.settings.slow_start_aggression = 2;  // faster at first
  EXPECT_EQ(weightAt(2500), 32768u);
  rig.settings.slow_start_aggression = 0.5;
  EXPECT_EQ(weightAt(5000), 16384u);
  rig.settings.slow_start_aggression = 0;  // nonsense is linear
  EXPECT_EQ(weightAt(5000), 32768u);
  rig.endpoints[1].warm_since_ms = kNow + 50000;  // a clock ahead of ours
  EXPECT_EQ(weightAt(0), 6554u);
  rig.settings.slow_start_ms = 0;
  EXPECT_EQ(weightAt(0), 65535u);
}

CASE("a warming endpoint gets its part under every policy that draws by weight") {
  for (const uint32_t policy :
       {abi::policy::kRoundRobin, abi::policy::kRandom, abi::policy::kLeastRequest}) {
    Rig rig(policy, {1, 1, 1});
    rig.settings.slow_start_ms = 10000;
    rig.endpoints[2].warm_since_ms = kNow - 2500;
    rig.rebuild();
    const std::vector<uint32_t> counts = rig.counts(90000);
    EXPECT(std::abs(counts[2] - 10000.0) < 600, text(counts));
  }
}

CASE("endpoints at their cap are not given, and kFull says when that was all") {
  for (const uint32_t policy : kAllPolicies) {
    Rig rig(policy, {1, 5, 1});
    for (uint32_t i = 0; i < 3; ++i) rig.endpoints[i].max_requests = i + 1;
    rig.rebuild();
    EXPECT(rig.plan->capped());
    for (uint32_t k = 0; k < 6; ++k) {
      const uint32_t i = k % 2 == 0 ? rig.pick() : rig.pickFor(mix64(k));
      EXPECT(i < 3 && rig.loads[i].active < i + 1, std::to_string(policy));
      if (i < 3) rig.begin(i);
    }
    EXPECT_EQ(rig.pick(), kFull);
    EXPECT_EQ(rig.pickFor(7), kFull);
    rig.excluded = {kFirst, kFirst + 2};
    EXPECT_EQ(rig.pick(), kFull);
    rig.excluded = {kFirst, kFirst + 1, kFirst + 2};
    EXPECT_EQ(rig.pick(), abi::kNone);
    rig.excluded = {};
    --rig.loads[1].active;
    for (uint64_t k = 0; k < 20; ++k) EXPECT_EQ(k % 2 ? rig.pick() : rig.pickFor(mix64(k)), 1u);
  }
}

CASE("whoever is excluded is never given, and everybody else is found") {
  for (const uint32_t policy : kAllPolicies) {
    Rig rig(policy, {1, 5, 1, 3, 1, 1});
    rig.endpoints[5].priority = 4;
    rig.rebuild();
    rig.excluded = {kFirst + 1, kFirst + 3};
    std::set<uint32_t> got;
    for (uint64_t k = 0; k < 300; ++k) got.insert(k % 2 ? rig.pick() : rig.pickFor(mix64(k)));
    EXPECT_EQ(got.size(), 3u, std::to_string(policy));
    EXPECT_EQ(got.count(0) + got.count(2) + got.count(4), 3u);
    rig.excluded = {kFirst, kFirst + 1, kFirst + 2, kFirst + 3, kFirst + 4};
    EXPECT_EQ(rig.pick(), 5u);  // the lower level, which has no share
    EXPECT_EQ(rig.pickFor(3), 5u);
  }
}

CASE("weight 0 drains: it is never given, in a panic neither") {
  for (const uint32_t policy : kAllPolicies) {
    Rig rig(policy, {0, 2, 0});
    for (uint64_t k = 0; k < 100; ++k) EXPECT_EQ(k % 2 ? rig.pick() : rig.pickFor(mix64(k)), 1u);
    rig.endpoints[1].available = false;
    rig.rebuild();
    EXPECT_EQ(rig.pick(), 1u);
    rig.endpoints[1].weight = 0;
    rig.rebuild();
    EXPECT_EQ(rig.pick(), abi::kNone);
    EXPECT_EQ(rig.plan->groups().size(), 0u);
  }
}

CASE("every policy works with 0, 1, 2 and 65,535 endpoints and odd settings") {
  for (const uint32_t policy : kAllPolicies) {
    for (const uint32_t n : {0u, 1u, 2u, 65535u}) {
      std::vector<uint32_t> weights(n, 1);
      if (n > 1) weights[n / 2] = 1000000;
      Rig rig(policy, weights);
      rig.settings.hash_balance_percent = n == 2 ? 125 : 0;
      rig.settings.table_size = n == 1 ? 1 : n == 2 ? 12 : 0;
      rig.settings.decay_ms = 0;
      rig.rebuild();
      for (uint64_t k = 0; k < 20; ++k) {
        const uint32_t i = k % 2 ? rig.pick() : rig.pickFor(mix64(k));
        EXPECT(n == 0 ? i == abi::kNone : i < n, std::to_string(policy) + " " + std::to_string(n));
      }
    }
  }
}

CASE("names that occur twice and levels without end do no harm") {
  for (const uint32_t policy : kAllPolicies) {
    Rig rig(policy, std::vector<uint32_t>(300, 1));
    for (uint32_t i = 0; i < 300; ++i) {
      rig.endpoints[i].name = "same";
      rig.endpoints[i].priority = i % 150;
      rig.endpoints[i].available = i % 7 == 0;
    }
    rig.settings.overprovisioning_percent = 1;  // nobody is good for a whole percent
    rig.rebuild();
    uint32_t sum = 0;
    for (const PlanGroup& group : rig.plan->groups()) sum += group.share;
    EXPECT_EQ(sum, kShareScale);
    for (uint64_t k = 0; k < 50; ++k) EXPECT((k % 2 ? rig.pick() : rig.pickFor(mix64(k))) < 300);
  }
}
