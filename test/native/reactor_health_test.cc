#include <poll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "farm.h"
#include "harness.h"
#include "reactor_rig.h"

// Health that changes: at the pick at once, in the plans when the control plane has made new ones.
namespace millrace::test {
namespace {

constexpr uint32_t kUnhealthy = abi::health::kUnhealthy;
constexpr uint32_t kEjected = abi::health::kEjected;

EndpointState& endpointAt(uint32_t index) {
  return *Engine::instance().current()->endpoints[index];
}

// As another worker does it: no plan knows.
void setBits(uint32_t endpoint, uint32_t set) { endpointAt(endpoint).load.health.fetch_or(set); }

void setHealth(Rig& rig, uint32_t endpoint, uint32_t set, uint32_t clear) {
  Engine& engine = Engine::instance();
  EXPECT(engine.setHealth(engine.version(), endpoint, set, clear, rig.now().ms()));
}

bool isWoken() {
  pollfd waker{Engine::instance().controlWaker(), POLLIN, 0};
  if (::poll(&waker, 1, 0) != 1) return false;
  uint64_t times = 0;
  return ::read(waker.fd, &times, sizeof times) == sizeof times;
}

CASE("an endpoint that has become unavailable gets nothing, whatever the plan says") {
  for (uint32_t policy = abi::policy::kRoundRobin; policy <= abi::policy::kPrequal; ++policy) {
    Farm farm(4);
    Rig rig(balanced(farm, 4, policy), farm.all);
    farm.share(rig, 8);
    setBits(2, kEjected);
    const std::vector<int> counts = farm.share(rig, 60);
    EXPECT_EQ(counts[2], 0, std::to_string(policy));
    EXPECT_EQ(counts[0] + counts[1] + counts[3], 60);
    EXPECT_EQ(rig.stat(abi::cluster_stat::kPanicPicks), 0.0);
  }
}

CASE("all workers agree, and so does an image that is older than the health") {
  Farm farm(3);
  Rig first(balanced(farm, 3, abi::policy::kRoundRobin), farm.all);
  Rig second(first, 1);
  farm.share(second, 3);
  setBits(0, kEjected);
  EXPECT(farm.share(first, 20) == std::vector<int>({0, 10, 10}));
  EXPECT(farm.share(second, 20) == std::vector<int>({0, 10, 10}));
}

CASE("when nobody is left, whoever was picked is taken, and counted as panic") {
  Farm farm(2);
  Rig rig(balanced(farm, 2, abi::policy::kRoundRobin), farm.all);
  setBits(0, kEjected);
  setBits(1, kUnhealthy);
  EXPECT(farm.share(rig, 20) == std::vector<int>({10, 10}));
  EXPECT_EQ(rig.stat(abi::cluster_stat::kPanicPicks), 20.0);
}

CASE("a request waits for an available endpoint that is full, rather than go to one that is out") {
  Farm farm(2);
  Rig rig(balanced(farm, 2, abi::policy::kRoundRobin,
                   [](ImageBuilder& b) {
                     b.endpoints[0].max_requests = b.endpoints[1].max_requests = 1;
                     b.clusters[0].max_queue = 8;
                   }),
          farm.all);
  setBits(1, kEjected);
  rig.get("/first");
  const int32_t held = rig.get("/second");
  rig.settle();
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueued), 1.0);
  EXPECT_EQ(farm.origins[1].count(), std::size_t{0});
  EXPECT(!rig.answer(held).done);
}

CASE("the next tick of the control plane plans without it") {
  Farm farm(3);
  Rig rig(balanced(farm, 3, abi::policy::kRoundRobin), farm.all);
  Engine& engine = Engine::instance();
  engine.controlWaker();
  isWoken();
  const auto installed = engine.current();
  const uint32_t before = installed->plans->version(0);
  setBits(1, kEjected);
  installed->clusters[0]->plan_dirty.store(true, std::memory_order_release);
  Transition transition;
  transition.kind = abi::transition_kind::kEjected;
  transition.cluster = "c";
  engine.noteTransition(transition);
  EXPECT(isWoken());
  EXPECT(!isWoken());
  engine.failoverTick(rig.now().ms());
  EXPECT_EQ(installed->plans->version(0), before + 1);
  engine.failoverTick(rig.now().ms());
  EXPECT_EQ(installed->plans->version(0), before + 1);
  uint64_t dropped = 0;
  EXPECT_EQ(engine.takeTransitions(&dropped).size(), std::size_t{1});
  EXPECT_EQ(engine.takeTransitions(&dropped).size(), std::size_t{0});
  EXPECT(farm.share(rig, 20) == std::vector<int>({10, 0, 10}));
}

CASE("a half-open endpoint is planned, and does not start slowly") {
  Farm farm(2);
  Rig rig(balanced(farm, 2, abi::policy::kRoundRobin,
                   [](ImageBuilder& b) { b.balancers[0].slow_start_ms = 10'000; }),
          farm.all);
  setHealth(rig, 0, abi::health::kOpen, 0);
  EXPECT(farm.share(rig, 10) == std::vector<int>({0, 10}));
  setHealth(rig, 0, abi::health::kUnhealthy, abi::health::kOpen);
  setHealth(rig, 0, abi::health::kHalfOpen, abi::health::kUnhealthy);
  EXPECT(Engine::instance().refreshPlans(rig.now().ms()) != 0);
}

CASE("backups are used while none of the others is available, and only then") {
  Farm farm(4);
  Rig rig(balanced(farm, 4, abi::policy::kRoundRobin,
                   [](ImageBuilder& b) { b.endpoints[2].backup = b.endpoints[3].backup = 1; }),
          farm.all);
  EXPECT(farm.share(rig, 20) == std::vector<int>({10, 10, 0, 0}));
  setHealth(rig, 0, kUnhealthy, 0);
  EXPECT(farm.share(rig, 20) == std::vector<int>({0, 20, 0, 0}));
  setHealth(rig, 1, kUnhealthy, 0);
  EXPECT(farm.share(rig, 20) == std::vector<int>({0, 0, 10, 10}));
  setHealth(rig, 2, kUnhealthy, 0);
  EXPECT(farm.share(rig, 20) == std::vector<int>({0, 0, 0, 20}));
  setHealth(rig, 3, kUnhealthy, 0);  // panic: nobody is available
  EXPECT(farm.share(rig, 20) == std::vector<int>({10, 10, 0, 0}));
  setHealth(rig, 1, 0, kUnhealthy);
  EXPECT(farm.share(rig, 20) == std::vector<int>({0, 20, 0, 0}));
}

CASE("a cluster of nothing but backups uses them") {
  Farm farm(2);
  Rig rig(balanced(farm, 2, abi::policy::kRoundRobin,
                   [](ImageBuilder& b) { b.endpoints[0].backup = b.endpoints[1].backup = 1; }),
          farm.all);
  EXPECT(farm.share(rig, 20) == std::vector<int>({10, 10}));
}

CASE("no panic while a fallback stands by and nobody at all is available") {
  Farm farm(4);
  Rig rig(balanced(farm, 4, abi::policy::kRoundRobin,
                   [](ImageBuilder& b) {
                     b.responds.push_back({503, 0, 0, 0, 0});
                     b.clusters[0].fallback_respond = 0;
                   }),
          farm.all);
  for (const uint32_t endpoint : {0u, 1u, 2u}) setHealth(rig, endpoint, kUnhealthy, 0);
  EXPECT(farm.share(rig, 40) == std::vector<int>({10, 10, 10, 10}));  // panic as ever
  setHealth(rig, 3, kUnhealthy, 0);
  const auto installed = Engine::instance().current();
  uint32_t version = 0;
  EXPECT(installed->plans->fetch(0, &version)->groups().empty());
  setHealth(rig, 3, 0, kUnhealthy);
  EXPECT(farm.share(rig, 40) == std::vector<int>({10, 10, 10, 10}));
}

CASE("a new endpoint of a checked cluster takes nothing until a check lets it in") {
  const auto checked = [](ImageBuilder& b) {
    b.clusters[0].flags = abi::cluster_flag::kHealthChecked;
    b.balancers[0].panic_percent = 0;
  };
  Farm farm(3);
  Rig rig(balanced(farm, 2, abi::policy::kRoundRobin, checked), farm.all);
  for (const uint32_t endpoint : {0u, 1u})
    EXPECT_EQ(rig.endpointStat(endpoint, abi::endpoint_stat::kHealth),
              double{abi::health::kUnchecked});
  setHealth(rig, 0, 0, abi::health::kUnchecked);
  EXPECT(farm.share(rig, 10) == std::vector<int>({10, 0, 0}));
  setHealth(rig, 1, kUnhealthy, abi::health::kUnchecked);
  rig.install(balanced(farm, 3, abi::policy::kRoundRobin, checked));
  EXPECT(farm.share(rig, 10) == std::vector<int>({10, 0, 0}));
  setHealth(rig, 2, 0, abi::health::kUnchecked);
  EXPECT(farm.share(rig, 10) == std::vector<int>({5, 0, 5}));
}

CASE("many changes of health at once are one") {
  Farm farm(4);
  Rig rig(balanced(farm, 4, abi::policy::kRoundRobin), farm.all);
  Engine& engine = Engine::instance();
  const std::vector<HealthChange> changes = {
      {0, kUnhealthy, 0}, {1, kUnhealthy, 0}, {1, 0, kUnhealthy}, {2, kEjected, kUnhealthy}};
  EXPECT(engine.setHealth(engine.version(), changes, rig.now().ms()));
  EXPECT(farm.share(rig, 20) == std::vector<int>({0, 10, 0, 10}));
  const std::vector<HealthChange> wrong = {{1, kUnhealthy, 0}, {4, kUnhealthy, 0}};
  EXPECT(!engine.setHealth(engine.version(), wrong, rig.now().ms()));
  EXPECT_EQ(rig.endpointStat(1, abi::endpoint_stat::kHealth), 0.0);
}

CASE("the journal keeps the last transitions and counts what it forgot") {
  TransitionJournal journal;
  uint64_t dropped = 0;
  for (uint32_t i = 0; i < TransitionJournal::kCapacity + 3; ++i) {
    Transition transition;
    transition.value = i;
    journal.note(transition);
  }
  const std::vector<Transition> taken = journal.take(&dropped);
  EXPECT_EQ(taken.size(), TransitionJournal::kCapacity);
  EXPECT_EQ(taken.front().value, 3.0);
  EXPECT_EQ(dropped, uint64_t{3});
  journal.take(&dropped);
  EXPECT_EQ(dropped, uint64_t{3});
}

CASE("names are found in the key of an endpoint") {
  using namespace std::string_view_literals;
  EXPECT(namesInKey("a\0b\0rest\0"sv) == std::make_pair("a"sv, "b"sv));
  EXPECT(namesInKey("a\0b"sv) == std::make_pair("a"sv, "b"sv));
  EXPECT(namesInKey(""sv) == std::make_pair(""sv, ""sv));
}

}  // namespace
}  // namespace millrace::test
