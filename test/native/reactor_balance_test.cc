#include <cstdint>
#include <string>
#include <vector>

#include "farm.h"
#include "harness.h"
#include "reactor_rig.h"

// Plans as the data plane sees them: health, slow start and state over reloads.
namespace millrace::test {
namespace {

constexpr uint32_t kUnhealthy = abi::health::kUnhealthy;

void setHealth(Rig& rig, uint32_t endpoint, uint32_t set, uint32_t clear) {
  Engine& engine = Engine::instance();
  EXPECT(engine.setHealth(engine.version(), endpoint, set, clear, rig.now().ms()));
}

CASE("an endpoint that is not healthy gets nothing until it is again") {
  Farm farm(4);
  Rig rig(balanced(farm, 4, abi::policy::kRoundRobin), farm.all);
  setHealth(rig, 2, kUnhealthy, 0);
  EXPECT_EQ(rig.endpointStat(2, abi::endpoint_stat::kHealth), 1.0);
  EXPECT(farm.share(rig, 30) == std::vector<int>({10, 10, 0, 10}));
  setHealth(rig, 2, abi::health::kEjected, kUnhealthy);  // one reason for another
  EXPECT(farm.share(rig, 30) == std::vector<int>({10, 10, 0, 10}));
  setHealth(rig, 2, 0, abi::health::kEjected);
  EXPECT(farm.share(rig, 40) == std::vector<int>({10, 10, 10, 10}));
  EXPECT(!Engine::instance().setHealth(Engine::instance().version(), 4, kUnhealthy, 0, 0));
  EXPECT(!Engine::instance().setHealth(Engine::instance().version() + 1, 0, kUnhealthy, 0, 0));
}

CASE("below the panic threshold everybody is used, and it is counted") {
  Farm farm(4);
  Rig rig(balanced(farm, 4, abi::policy::kRoundRobin), farm.all);
  for (const uint32_t endpoint : {0u, 1u, 2u}) setHealth(rig, endpoint, kUnhealthy, 0);
  EXPECT(farm.share(rig, 40) == std::vector<int>({10, 10, 10, 10}));
  EXPECT_EQ(rig.stat(abi::cluster_stat::kPanicPicks), 40.0);
}

CASE("without a panic threshold nothing healthy means 503 with a flag of its own") {
  Farm farm(2);
  Rig rig(balanced(farm, 2, abi::policy::kLeastRequest,
                   [](ImageBuilder& b) { b.balancers[0].panic_percent = 0; }),
          farm.all);
  for (const uint32_t endpoint : {0u, 1u}) setHealth(rig, endpoint, kUnhealthy, 0);
  const int32_t handle = rig.get();
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 503u);
  EXPECT_EQ(rig.flagged(abi::response_flag::kUh), 1.0);
}

CASE("the next priority takes over what the first has no room for") {
  Farm farm(4);
  Rig rig(balanced(farm, 4, abi::policy::kRandom,
                   [](ImageBuilder& b) { b.endpoints[2].priority = b.endpoints[3].priority = 1; }),
          farm.all);
  std::vector<int> counts = farm.share(rig, 50);
  EXPECT_EQ(counts[2] + counts[3], 0);
  setHealth(rig, 0, kUnhealthy, 0);  // 70 : 30
  counts = farm.share(rig, 1000);
  EXPECT_EQ(counts[0], 0);
  EXPECT(counts[1] > 620 && counts[1] < 780, std::to_string(counts[1]));
  EXPECT(counts[2] > 80 && counts[3] > 80);
}

CASE("slow start is for what joins or recovers, not for the start of the process") {
  Farm farm(3);
  const auto slow = [](ImageBuilder& b) { b.balancers[0].slow_start_ms = 10'000; };
  Rig rig(balanced(farm, 2, abi::policy::kRoundRobin, slow), farm.all);
  EXPECT_EQ(Engine::instance().refreshPlans(rig.now().ms()), 0u);
  EXPECT(farm.share(rig, 20) == std::vector<int>({10, 10, 0}));

  rig.install(balanced(farm, 3, abi::policy::kRoundRobin, slow));
  EXPECT_EQ(Engine::instance().refreshPlans(rig.now().ms()), 500u);
  std::vector<int> counts = farm.share(rig, 210);  // 1 : 1 : 0.1
  EXPECT(counts[2] >= 9 && counts[2] <= 11, std::to_string(counts[2]));
  rig.advance(5000);
  EXPECT(Engine::instance().refreshPlans(rig.now().ms()) != 0);
  counts = farm.share(rig, 250);  // 1 : 1 : 0.5
  EXPECT(counts[2] >= 48 && counts[2] <= 52, std::to_string(counts[2]));
  rig.advance(5001);
  EXPECT_EQ(Engine::instance().refreshPlans(rig.now().ms()), 0u);
  EXPECT(farm.share(rig, 30) == std::vector<int>({10, 10, 10}));

  setHealth(rig, 0, kUnhealthy, 0);
  setHealth(rig, 0, 0, kUnhealthy);
  counts = farm.share(rig, 210);
  EXPECT(counts[0] >= 9 && counts[0] <= 11, std::to_string(counts[0]));
}

CASE("a reload keeps the load, the latency and the health of endpoints that stay") {
  Farm farm(3);
  const auto checked = [](ImageBuilder& b) {
    b.clusters[0].flags = abi::cluster_flag::kHealthChecked;
  };
  Rig rig(balanced(farm, 2, abi::policy::kPeakEwma, checked), farm.all);
  for (const uint32_t endpoint : {0u, 1u}) setHealth(rig, endpoint, 0, abi::health::kUnchecked);
  farm.share(rig, 10);
  setHealth(rig, 1, kUnhealthy, 0);
  rig.get("/held");
  const double latency = rig.endpointStat(0, abi::endpoint_stat::kLatencyUs);
  EXPECT(latency > 0);
  rig.install(balanced(farm, 3, abi::policy::kPeakEwma, [=](ImageBuilder& b) {
    checked(b);
    b.endpoints[0].weight = 5;
    b.endpoints[0].max_requests = 7;
    b.endpoints[1].priority = 0;
  }));
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kActive), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kLatencyUs), latency);
  EXPECT_EQ(rig.endpointStat(1, abi::endpoint_stat::kHealth), 1.0);
  // The new one waits for its first check.
  EXPECT_EQ(rig.endpointStat(2, abi::endpoint_stat::kHealth), double{abi::health::kUnchecked});
  // Without health checks there is nobody to find it healthy again.
  rig.install(balanced(farm, 3, abi::policy::kPeakEwma));
  EXPECT_EQ(rig.endpointStat(1, abi::endpoint_stat::kHealth), 0.0);
}

CASE("a failure that comes fast is not taken for speed") {
  Farm farm(2);
  Rig rig(balanced(farm, 2, abi::policy::kPeakEwma), farm.all);
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] {
      for (std::size_t o = 0; o < 2; ++o) {
        Origin& origin = farm.origins[o];
        for (std::size_t c = 0; c < origin.count(); ++c) {
          if (!origin.asked(c)) continue;
          origin.take(c);
          if (o == 0) ++failed;
          origin.send(c, o == 0 ? "HTTP/1.1 503 No\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n"
                                : okAnswer("x"));
        }
      }
      return rig.answer(handle).done;
    }));
  }
  EXPECT_EQ(failed, 1);
  // Retry-After of a minute counts, not the few microseconds.
  EXPECT(rig.endpointStat(0, abi::endpoint_stat::kLatencyUs) > 59e6);
}

CASE("what the proxy refuses by itself says nothing of an endpoint") {
  Farm farm(1);
  Rig rig(balanced(farm, 1, abi::policy::kPeakEwma,
                   [](ImageBuilder& b) {
                     b.endpoints[0].max_requests = 1;
                     b.clusters[0].max_queue = 0;
                   }),
          farm.all);
  rig.get("/held");
  const int32_t refused = rig.get("/refused");
  EXPECT(rig.untilDone(refused));
  EXPECT_EQ(rig.answer(refused).status, 503u);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kLatencyUs), 0.0);
}

}  // namespace
}  // namespace millrace::test
