#include <cstdint>
#include <string>
#include <vector>

#include "farm.h"
#include "harness.h"
#include "reactor_rig.h"

// Outlier detection in the data plane: from what attempts show to who is picked.
namespace millrace::test {
namespace {

namespace stat = abi::cluster_stat;
constexpr uint32_t kEjected = abi::health::kEjected;

abi::OutlierRecord runsOf(uint32_t length) {
  abi::OutlierRecord r{};
  r.consecutive5xx = r.consecutive_local_errors = length;
  r.interval_ms = 10'000;
  r.base_ejection_ms = 30'000;
  r.max_ejection_ms = 300'000;
  r.max_ejection_percent = 50;
  return r;
}

RigSpec detecting(
    const Farm& farm, std::size_t count, const abi::OutlierRecord& settings,
    std::function<void(ImageBuilder&)> more = [](ImageBuilder&) {}) {
  return balanced(farm, count, abi::policy::kRoundRobin, [=](ImageBuilder& b) {
    b.outliers.push_back(settings);
    b.clusters[0].outlier = 0;
    for (abi::RouteRecord& route : b.routes) route.retry_attempts = 0;
    more(b);
  });
}

std::string answerOf(uint32_t status) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-length: 0\r\n\r\n";
}

constexpr uint32_t kBreaksOff = 1;  // a good head, and half of the body

// Requests one after the other; `bad` gives errors of that status, 0 = it closes the connection.
// How many each origin got.
std::vector<int> drive(Farm& farm, Rig& rig, int requests, std::size_t bad, uint32_t status) {
  std::vector<int> counts(farm.origins.size());
  for (int i = 0; i < requests; ++i) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] {
      for (std::size_t o = 0; o < farm.origins.size(); ++o) {
        Origin& origin = farm.origins[o];
        for (std::size_t c = 0; c < origin.count(); ++c) {
          if (!origin.asked(c)) continue;
          origin.take(c);
          ++counts[o];
          if (o != bad)
            origin.send(c, okAnswer("x"));
          else if (status == kBreaksOff)
            origin.send(c, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi"), origin.close(c);
          else if (status == 0)
            origin.close(c);
          else
            origin.send(c, answerOf(status));
        }
      }
      return rig.answer(handle).done;
    }),
           std::to_string(i));
  }
  return counts;
}

uint32_t healthOf(uint32_t endpoint) {
  return Engine::instance().current()->endpoints[endpoint]->load.health.load();
}

std::vector<Transition> news() {
  uint64_t dropped = 0;
  return Engine::instance().takeTransitions(&dropped);
}

CASE("after a run of 5xx an endpoint gets nothing, before any plan is made, and comes back") {
  Farm farm(3);
  Rig rig(detecting(farm, 3, runsOf(5)), farm.all);
  news();
  std::vector<int> counts = drive(farm, rig, 100, 1, 500);
  EXPECT_EQ(counts[1], 5);
  EXPECT_EQ(rig.endpointStat(1, abi::endpoint_stat::kHealth), 2.0);
  EXPECT_EQ(rig.endpointStat(1, abi::endpoint_stat::kEjections), 1.0);
  EXPECT_EQ(rig.stat(stat::kEjected), 1.0);
  EXPECT_EQ(rig.stat(stat::kEjections), 1.0);
  const std::vector<Transition> happened = news();
  EXPECT_EQ(happened.size(), std::size_t{1});
  EXPECT_EQ(happened[0].kind, abi::transition_kind::kEjected);
  EXPECT_EQ(happened[0].reason, abi::transition_reason::kConsecutive5xx);
  EXPECT_EQ(happened[0].until_ms, happened[0].at_ms + 30'000);
  EXPECT_EQ(happened[0].value, 5.0);
  EXPECT(!happened[0].endpoint.empty() && !happened[0].cluster.empty());

  Engine& engine = Engine::instance();
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 30'000u);
  counts = drive(farm, rig, 20, 1, 500);
  EXPECT_EQ(counts[1], 0);
  rig.passTime(29'999);
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 1u);
  EXPECT_EQ(healthOf(1), kEjected);
  rig.passTime(1);
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 0u);
  EXPECT_EQ(healthOf(1), 0u);
  EXPECT_EQ(news().at(0).reason, abi::transition_reason::kEjectionEnded);
  EXPECT(drive(farm, rig, 30, 3, 0) == std::vector<int>({10, 10, 10}));
  // It fails again at once: twice as long.
  drive(farm, rig, 30, 1, 500);
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 60'000u);
}

CASE("attempts without an answer count, and answers in between end the run") {
  Farm farm(2);
  Rig rig(detecting(farm, 2, runsOf(3)), farm.all);
  for (int i = 0; i < 5; ++i) {
    drive(farm, rig, 4, 1, 0);  // two of them
    EXPECT_EQ(healthOf(1), 0u);
    drive(farm, rig, 2, 2, 0);  // one good answer
  }
  const std::vector<int> counts = drive(farm, rig, 20, 1, 0);
  // One came on a connection that had served before: that it breaks says nothing of the endpoint.
  EXPECT_EQ(counts[1], 4);
  EXPECT_EQ(healthOf(1), kEjected);
}

CASE("answers that break off count, however good their heads are") {
  Farm farm(2);
  Rig rig(detecting(farm, 2, runsOf(3)), farm.all);
  const std::vector<int> counts = drive(farm, rig, 20, 1, kBreaksOff);
  EXPECT_EQ(counts[1], 3);
  EXPECT_EQ(healthOf(1), kEjected);
  EXPECT_EQ(news().at(0).reason, abi::transition_reason::kConsecutiveLocalErrors);
}

CASE("what the proxy refuses by itself never ejects") {
  Farm farm(2);
  Rig rig(detecting(farm, 2, runsOf(1),
                    [](ImageBuilder& b) {
                      b.endpoints[0].max_requests = b.endpoints[1].max_requests = 1;
                      b.clusters[0].max_queue = 0;
                    }),
          farm.all);
  rig.get("/one");
  rig.get("/two");
  for (int i = 0; i < 50; ++i) {
    const int32_t refused = rig.get();
    EXPECT(rig.untilDone(refused));
    EXPECT_EQ(rig.answer(refused).status, 503u);
  }
  EXPECT_EQ(healthOf(0) | healthOf(1), 0u);
  EXPECT_EQ(rig.stat(stat::kEjections) + rig.stat(stat::kEjectionsOverflow), 0.0);
}

CASE("a client that leaves says nothing of the endpoint") {
  Farm farm(2);
  Rig rig(detecting(farm, 2, runsOf(1)), farm.all);
  for (int i = 0; i < 10; ++i) {
    const int32_t handle = rig.get();
    rig.settle();
    rig.abort(handle);
  }
  EXPECT_EQ(healthOf(0) | healthOf(1), 0u);
}

CASE("the last available one is never ejected, and that is told once an interval") {
  Farm farm(2);
  abi::OutlierRecord settings = runsOf(2);
  settings.max_ejection_percent = 100;
  Rig rig(detecting(farm, 2, settings), farm.all);
  drive(farm, rig, 20, 0, 500);
  EXPECT_EQ(healthOf(0), kEjected);
  Engine::instance().failoverTick(rig.now().ms());
  news();
  const std::vector<int> counts = drive(farm, rig, 20, 1, 500);
  EXPECT_EQ(counts[1], 20);
  EXPECT_EQ(healthOf(1), 0u);
  EXPECT_EQ(rig.stat(stat::kEjectionsOverflow), 10.0);
  const std::vector<Transition> happened = news();
  EXPECT_EQ(happened.size(), std::size_t{1});
  EXPECT_EQ(happened[0].kind, abi::transition_kind::kNotEjected);
  rig.passTime(10'000);
  drive(farm, rig, 20, 1, 500);
  EXPECT_EQ(news().size(), std::size_t{1});
}

CASE("in shadow everything is counted and nobody ejected") {
  Farm farm(3);
  abi::OutlierRecord settings = runsOf(5);
  settings.flags = abi::outlier_flag::kShadow;
  Rig rig(detecting(farm, 3, settings), farm.all);
  news();
  EXPECT(drive(farm, rig, 30, 0, 500) == std::vector<int>({10, 10, 10}));
  EXPECT_EQ(rig.stat(stat::kEjectionsShadowed), 2.0);
  EXPECT_EQ(news().at(0).kind, abi::transition_kind::kWouldEject);
}

CASE("an older image respects an ejection, and can cause one") {
  Farm farm(3);
  Rig first(detecting(farm, 3, runsOf(5)), farm.all);
  Rig second(first, 1);
  drive(farm, second, 3, 3, 0);
  // The second worker has not seen the new image; the first one has.
  const auto old = Engine::instance().current();
  first.install(detecting(farm, 3, runsOf(5), [](ImageBuilder& b) { b.endpoints[0].weight = 2; }));
  const std::vector<int> counts = drive(farm, first, 60, 1, 500);
  EXPECT_EQ(counts[1], 5);
  EXPECT_EQ(drive(farm, second, 30, 1, 500)[1], 0);
  // A report of an image that is gone.
  Engine::instance().reportRun(*old, 0, 2, abi::transition_reason::kConsecutive5xx,
                               first.now().ms(), 0);
  EXPECT_EQ(healthOf(2), 0u);  // half of three: one
  first.passTime(30'000);
  Engine::instance().failoverTick(first.now().ms());
  Engine::instance().reportRun(*old, 0, 2, abi::transition_reason::kConsecutive5xx,
                               first.now().ms(), 0);
  EXPECT_EQ(healthOf(2), kEjected);
}

CASE("an ejection outlives a reload, its detection going does not") {
  Farm farm(3);
  Rig rig(detecting(farm, 3, runsOf(5)), farm.all);
  drive(farm, rig, 60, 1, 500);
  rig.install(detecting(farm, 3, runsOf(7)));
  EXPECT_EQ(healthOf(1), kEjected);
  EXPECT_EQ(drive(farm, rig, 30, 1, 500)[1], 0);
  EXPECT_EQ(Engine::instance().failoverTick(rig.now().ms()), 30'000u);
  news();
  const auto old = Engine::instance().current();
  rig.install(balanced(farm, 3, abi::policy::kRoundRobin));
  EXPECT_EQ(healthOf(1), 0u);
  EXPECT_EQ(rig.stat(stat::kEjected), 0.0);
  EXPECT_EQ(news().at(0).reason, abi::transition_reason::kDetectionRemoved);
  EXPECT(drive(farm, rig, 30, 3, 0) == std::vector<int>({10, 10, 10}));
  EXPECT_EQ(Engine::instance().failoverTick(rig.now().ms()), 0u);
  Engine::instance().reportRun(*old, 0, 2, abi::transition_reason::kConsecutive5xx, rig.now().ms(),
                               0);
  EXPECT_EQ(healthOf(2), 0u);
}

CASE("an endpoint that leaves the configuration does not count among the ejected ones") {
  Farm farm(4);
  abi::OutlierRecord settings = runsOf(2);
  settings.max_ejection_percent = 0;  // one
  Rig rig(detecting(farm, 4, settings), farm.all);
  drive(farm, rig, 40, 3, 500);
  EXPECT_EQ(rig.stat(stat::kEjected), 1.0);
  rig.install(detecting(farm, 3, settings));
  EXPECT_EQ(rig.stat(stat::kEjected), 0.0);
  drive(farm, rig, 40, 1, 500);
  EXPECT_EQ(healthOf(1), kEjected);
}

CASE("active health checks that find it recovered end an ejection, unless told not to") {
  Farm farm(3);
  const auto checked = [](ImageBuilder& b) {
    b.clusters[0].flags = abi::cluster_flag::kHealthChecked;
  };
  for (const uint32_t flags : {0u, uint32_t{abi::outlier_flag::kKeepEjected}}) {
    abi::OutlierRecord settings = runsOf(5);
    settings.flags = flags;
    Rig rig(detecting(farm, 3, settings, checked), farm.all);
    Engine& engine = Engine::instance();
    for (const uint32_t endpoint : {0u, 1u, 2u})
      engine.setHealth(engine.version(), endpoint, 0, abi::health::kUnchecked, rig.now().ms());
    drive(farm, rig, 60, 1, 500);
    news();
    // It was never unhealthy: that it answers checks is no news.
    engine.setHealth(engine.version(), 1, 0, abi::health::kUnhealthy, rig.now().ms());
    EXPECT_EQ(healthOf(1), kEjected);
    engine.setHealth(engine.version(), 1, abi::health::kUnhealthy, 0, rig.now().ms());
    EXPECT_EQ(healthOf(1), kEjected | abi::health::kUnhealthy);
    engine.setHealth(engine.version(), 1, 0, abi::health::kUnhealthy, rig.now().ms());
    EXPECT_EQ(healthOf(1), flags == 0 ? 0u : kEjected);
    EXPECT_EQ(news().size(), std::size_t{flags == 0 ? 1u : 0u});
    EXPECT_EQ(rig.stat(stat::kEjected), flags == 0 ? 0.0 : 1.0);
    if (flags == 0) {  // or because so many checks of it were good in a row
      drive(farm, rig, 60, 1, 500);
      EXPECT_EQ(rig.stat(stat::kEjected), 1.0);
      news();
      engine.setHealth(engine.version(), 1, 0, kEjected, rig.now().ms());
      EXPECT_EQ(healthOf(1), 0u);
      EXPECT_EQ(news().size(), std::size_t{1});
      EXPECT_EQ(rig.stat(stat::kEjected), 0.0);
    }
    // What is to be kept is not ended by its bit, either.
    if (flags != 0) engine.setHealth(engine.version(), 1, 0, kEjected, rig.now().ms());
    const std::vector<int> counts = drive(farm, rig, 30, 3, 0);
    EXPECT_EQ(counts[1], flags == 0 ? 10 : 0);
  }
}

CASE("a sweep ejects who fails more than the others, and the next is due an interval later") {
  Farm farm(3);
  abi::OutlierRecord settings = runsOf(0);
  settings.consecutive_local_errors = 0;
  settings.success_method = abi::outlier_method::kMad;
  settings.success_factor_millis = 1000;
  settings.success_min_endpoints = 3;
  settings.success_min_requests = 10;
  Rig rig(detecting(farm, 3, settings), farm.all);
  Engine& engine = Engine::instance();
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 10'000u);
  news();
  drive(farm, rig, 60, 2, 503);
  rig.passTime(10'000);
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 10'000u);
  EXPECT_EQ(healthOf(2), kEjected);
  const std::vector<Transition> happened = news();
  EXPECT_EQ(happened.at(0).reason, abi::transition_reason::kSuccessRate);
  EXPECT_EQ(happened[0].value, 0.0);
  EXPECT_EQ(happened[0].requests, 20.0);
  EXPECT_EQ(drive(farm, rig, 30, 2, 503)[2], 0);
  // Late by two and a half intervals: what was missed is not made up for.
  rig.passTime(25'000);
  EXPECT_EQ(engine.failoverTick(rig.now().ms()), 1u);
}

}  // namespace
}  // namespace millrace::test
