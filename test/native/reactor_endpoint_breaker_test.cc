#include <string>
#include <vector>

#include "breaker_rig.h"
#include "harness.h"
#include "reactor_rig.h"

// Circuit breakers of endpoints: one bad endpoint leaves, the others do not notice.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace state = abi::breaker_state;
constexpr uint32_t kScope = abi::breaker_scope::kEndpoint;

// Endpoint 0 answers with 500, the others with 200, until its breaker is open.
void breakFirst(BreakerRig& b) {
  for (int i = 0; i < 40 && b.endpointState(0) == state::kClosed; ++i) {
    const int32_t handle = b.rig->get();
    EXPECT(b.rig->until([&] {
      for (std::size_t o = 0; o < b.origins.size(); ++o) {
        for (std::size_t c = 0; c < b.origins[o].count(); ++c) {
          if (!b.origins[o].asked(c)) continue;
          b.origins[o].take(c);
          b.origins[o].send(
              c, o == 0 ? "HTTP/1.1 500 Said\r\ncontent-length: 0\r\n\r\n" : okAnswer("x"));
        }
      }
      return b.rig->answer(handle).done;
    }));
  }
  EXPECT_EQ(b.endpointState(0), state::kOpen);
}

// Which origins the next requests go to, all of them good.
std::vector<int> share(BreakerRig& b, int requests) {
  std::vector<int> counts(b.origins.size());
  for (int i = 0; i < requests; ++i) {
    EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
    if (b.served >= 0) ++counts[static_cast<std::size_t>(b.served)];
  }
  return counts;
}

CASE("one bad endpoint of three gets nothing, at once, and the others share its part") {
  BreakerRig b(3, kScope | abi::breaker_scope::kCluster);
  breakFirst(b);
  EXPECT_EQ(b.healthOf(0), abi::health::kOpen);
  EXPECT_EQ(b.state(), state::kClosed);
  EXPECT_EQ(b.rig->endpointStat(0, abi::endpoint_stat::kBreakerOpened), 1.0);
  EXPECT_EQ(b.clusterStat(0, abi::cluster_stat::kBreakerOpened), 0.0);
  // Before a new plan is made, and after.
  EXPECT_EQ(share(b, 20)[0], 0);
  EXPECT_EQ(b.tick(), 100u);
  EXPECT(share(b, 20) == std::vector<int>({0, 10, 10}));
  for (const uint32_t endpoint : {1u, 2u}) EXPECT_EQ(b.endpointState(endpoint), state::kClosed);
}

CASE("its interval over, it gets one request at a time, and everything when that was good") {
  BreakerRig b(3, kScope);
  breakFirst(b);
  b.tick();
  b.rig->advance(99);
  EXPECT_EQ(b.tick(), 1u);
  EXPECT_EQ(share(b, 6)[0], 0);
  b.rig->advance(1);
  b.tick();
  EXPECT_EQ(b.healthOf(0), abi::health::kHalfOpen);
  EXPECT_EQ(b.endpointState(0), state::kHalfOpen);
  // Of twelve requests that wait at once one is there.
  std::vector<int32_t> handles;
  for (int i = 0; i < 12; ++i) handles.push_back(b.rig->get());
  const auto asked = [&](std::size_t origin) {
    int count = 0;
    for (std::size_t c = 0; c < b.origins[origin].count(); ++c)
      count += b.origins[origin].asked(c) ? 1 : 0;
    return count;
  };
  EXPECT(b.rig->until([&] { return asked(0) + asked(1) + asked(2) == 12; }));
  EXPECT_EQ(asked(0), 1);
  EXPECT(b.rig->until([&] {
    b.answerAny(200);
    for (const int32_t handle : handles)
      if (!b.rig->answer(handle).done) return false;
    return true;
  }));
  EXPECT_EQ(b.endpointState(0), state::kClosed);
  EXPECT_EQ(b.healthOf(0), 0u);
  b.tick();
  EXPECT(share(b, 30) == std::vector<int>({10, 10, 10}));
}

CASE("a failed probe puts it out again, for longer") {
  BreakerRig b(2, kScope);
  breakFirst(b);
  b.rig->advance(100);
  b.tick();
  for (int i = 0; i < 4 && b.endpointState(0) == state::kHalfOpen; ++i) {
    const int32_t handle = b.rig->get();
    EXPECT(b.rig->until([&] {
      for (std::size_t o = 0; o < 2; ++o) {
        for (std::size_t c = 0; c < b.origins[o].count(); ++c) {
          if (!b.origins[o].asked(c)) continue;
          b.origins[o].take(c);
          if (o == 0)
            b.origins[o].reset(c);
          else
            b.origins[o].send(c, okAnswer("x"));
        }
      }
      return b.rig->answer(handle).done;
    }));
  }
  EXPECT_EQ(b.endpointState(0), state::kOpen);
  EXPECT_EQ(b.healthOf(0), abi::health::kOpen);
  EXPECT_EQ(b.tick(), 200u);
  EXPECT_EQ(b.rig->endpointStat(0, abi::endpoint_stat::kBreakerOpened), 2.0);
}

CASE("a probe that ends without an answer gives its place back") {
  BreakerRig b(2, kScope);
  breakFirst(b);
  b.rig->advance(100);
  b.tick();
  for (int i = 0; i < 10; ++i) {
    const int32_t handle = b.rig->get();
    const auto at_first = [&] {
      for (std::size_t c = 0; c < b.origins[0].count(); ++c)
        if (b.origins[0].asked(c)) return true;
      return false;
    };
    EXPECT(b.rig->until([&] {
      if (at_first()) return true;
      b.answerAny(200);
      return b.rig->answer(handle).done;
    }));
    if (b.rig->answer(handle).done) continue;
    b.rig->abort(handle);
    for (std::size_t c = 0; c < b.origins[0].count(); ++c) b.origins[0].take(c);
    b.rig->settle();
    EXPECT_EQ(b.endpointState(0), state::kHalfOpen);
  }
  const std::vector<int> counts = share(b, 4);
  EXPECT(counts[0] > 0);
  EXPECT_EQ(b.endpointState(0), state::kClosed);
}

CASE("of endpoints that are all half-open each gets its probe, and no more") {
  BreakerRig b(3, kScope, [](ImageBuilder& image) { image.balancers[0].panic_percent = 0; });
  while (b.endpointState(0) + b.endpointState(1) + b.endpointState(2) < 3) b.ask(500);
  b.tick();
  EXPECT_EQ(b.statusOf(b.ask(200)), 503u);
  EXPECT_EQ(b.rig->flagged(flag::kUh), 1.0);
  b.rig->advance(100);
  b.tick();
  std::vector<int32_t> probes;
  for (int i = 0; i < 3; ++i) probes.push_back(b.rig->get());
  const int32_t fourth = b.rig->get();
  EXPECT(b.rig->untilDone(fourth));
  EXPECT_EQ(b.statusOf(fourth), 503u);
  EXPECT_EQ(b.rig->flagged(flag::kUh), 2.0);
  EXPECT(b.rig->until([&] {
    b.answerAny(200);
    for (const int32_t handle : probes)
      if (!b.rig->answer(handle).done) return false;
    return true;
  }));
  for (uint32_t endpoint = 0; endpoint < 3; ++endpoint)
    EXPECT_EQ(b.endpointState(endpoint), state::kClosed);
}

CASE("an only endpoint goes on in panic while it is open, and a probe among that closes it") {
  BreakerRig b(1, kScope);
  b.breakIt();
  EXPECT_EQ(b.endpointState(0), state::kOpen);
  b.tick();
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  EXPECT_EQ(b.clusterStat(0, abi::cluster_stat::kPanicPicks), 1.0);
  EXPECT_EQ(b.endpointState(0), state::kOpen);  // those tell nothing
  b.rig->advance(100);
  b.tick();
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  EXPECT_EQ(b.endpointState(0), state::kClosed);
}

CASE("a probe on a connection that had gone stale is still the probe on the new one") {
  BreakerRig b(1, kScope);
  b.breakIt();  // leaves an idle connection
  b.rig->advance(100);
  b.tick();
  const int32_t probe = b.rig->get();
  EXPECT(b.rig->until([&] { return b.origins[0].asked(0); }));
  b.origins[0].take(0);
  b.origins[0].close(0);
  EXPECT(b.rig->until([&] { return b.origins[0].count() == 2 && b.origins[0].asked(1); }));
  EXPECT_EQ(b.endpointState(0), state::kHalfOpen);
  b.answerAny(200);
  EXPECT(b.rig->untilDone(probe));
  EXPECT_EQ(b.endpointState(0), state::kClosed);
}

CASE("a reload keeps an open endpoint out, and one without its breaker brings it back") {
  BreakerRig b(3, kScope);
  breakFirst(b);
  b.rig->install(b.spec(kScope, [](ImageBuilder& image) { image.clusters[0].max_pending = 9; }));
  EXPECT_EQ(b.healthOf(0), abi::health::kOpen);
  EXPECT_EQ(share(b, 12)[0], 0);
  EXPECT_EQ(b.tick(), 100u);
  b.rig->install(
      b.spec(kScope, [](ImageBuilder& image) { image.breakers[0].threshold_millis = 600; }));
  EXPECT_EQ(b.healthOf(0), abi::health::kOpen);
  b.rig->install(b.spec(kScope, [](ImageBuilder& image) { image.breakers[0].window_ms += 1; }));
  EXPECT_EQ(b.healthOf(0), 0u);
  EXPECT(share(b, 12) == std::vector<int>({4, 4, 4}));
  breakFirst(b);
  b.rig->install(b.spec(0, [](ImageBuilder&) {}));
  EXPECT_EQ(b.healthOf(0), 0u);
  EXPECT_EQ(b.endpointState(0), state::kClosed);
  EXPECT(share(b, 12) == std::vector<int>({4, 4, 4}));
  EXPECT_EQ(b.tick(), 0u);
}

}  // namespace
}  // namespace millrace::test
