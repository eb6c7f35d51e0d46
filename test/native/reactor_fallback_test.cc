#include <set>
#include <string>
#include <vector>

#include "breaker_rig.h"
#include "harness.h"
#include "reactor_rig.h"

// What stands in for a cluster that cannot answer: another cluster, or a fixed answer.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace state = abi::breaker_state;
namespace stat = abi::cluster_stat;
constexpr uint32_t kScope = abi::breaker_scope::kCluster;

// Cluster 0 with a breaker and an endpoint on origin 0, cluster 1 on origin 1 behind it.
struct Pair : BreakerRig {
  explicit Pair(
      Tune more = [](ImageBuilder&) {}, uint32_t scope = kScope)
      : BreakerRig(
            1, scope,
            [this, more](ImageBuilder& b) {
              addFallback(b, 0, 1);
              more(b);
            },
            2) {}
};

uint32_t addRespond(ImageBuilder& b, uint32_t status, const std::string& body) {
  const ImageBuilder::Text text = b.text(body);
  const ImageBuilder::Text lines = b.text("x-from: fallback\r\n");
  b.responds.push_back({status, text.offset, text.length, lines.offset, lines.length});
  return static_cast<uint32_t>(b.responds.size() - 1);
}

CASE("while the breaker is open the fallback answers, and its answers carry no flag") {
  Pair p;
  p.breakIt();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(p.statusOf(p.ask(200)), 200u);
    EXPECT_EQ(p.served, 1);
  }
  EXPECT_EQ(p.rig->flagged(flag::kNone), 7.0);
  EXPECT_EQ(p.clusterStat(0, stat::kFallbacks), 3.0);
  EXPECT_EQ(p.clusterStat(0, stat::kBreakerRejected), 3.0);
  EXPECT_EQ(p.clusterStat(0, stat::kRequests), 7.0);
  EXPECT_EQ(p.clusterStat(1, stat::kRequests), 3.0);
  EXPECT_EQ(p.clusterStat(1, stat::kResponses2xx), 3.0);
  EXPECT_EQ(p.clusterStat(0, stat::kResponses5xx), 4.0);

  // Half-open: one probe to the cluster, everybody else to the fallback.
  p.rig->advance(100);
  const int32_t probe = p.rig->get();
  EXPECT(p.rig->until([&] { return p.origins[0].asked(0); }));
  const int32_t other = p.rig->get();
  EXPECT(p.rig->until([&] { return p.origins[1].asked(0); }));
  EXPECT(p.rig->until([&] {
    p.answerAny(200);
    return p.rig->answer(probe).done && p.rig->answer(other).done;
  }));
  EXPECT_EQ(p.state(), state::kClosed);
  p.ask(200);
  EXPECT_EQ(p.served, 0);
}

CASE("what the fallback answers counts for its own breaker, not for the first one's") {
  Pair p([](ImageBuilder& b) { b.clusters[1].breaker = 0; });
  p.breakIt();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(p.statusOf(p.ask(500)), 500u);
  EXPECT_EQ(p.clusterStat(1, stat::kBreakerState), double{state::kOpen});
  EXPECT_EQ(p.clusterStat(0, stat::kBreakerOpened), 1.0);
  // Now nobody is left: the last one's refusal.
  const int32_t handle = p.ask(200);
  EXPECT_EQ(p.served, -1);
  EXPECT_EQ(p.statusOf(handle), 503u);
  EXPECT_EQ(p.rig->flagged(flag::kCb), 1.0);
  EXPECT_EQ(p.clusterStat(1, stat::kBreakerRejected), 1.0);
}

CASE("a chain of fallbacks is followed to the first that can answer, and to a fixed answer") {
  BreakerRig b(
      1, kScope,
      [&b](ImageBuilder& image) {
        uint32_t last = 0;
        for (int i = 0; i < 7; ++i) {
          last = b.addFallback(image, last, 1);
          image.clusters[last].breaker = 0;
        }
        image.clusters[last].fallback_respond = addRespond(image, 200, "sorry");
      },
      1);
  for (int cluster = 0; cluster < 8; ++cluster) {
    b.breakIt();
    EXPECT_EQ(b.served, cluster == 0 ? 0 : 1);
    EXPECT_EQ(b.clusterStat(static_cast<uint32_t>(cluster), stat::kBreakerState),
              double{state::kOpen});
  }
  const int32_t handle = b.ask(200);
  EXPECT_EQ(b.served, -1);
  EXPECT_EQ(b.statusOf(handle), 200u);
  EXPECT_EQ(b.rig->answer(handle).body, "sorry");
  EXPECT(b.rig->answer(handle).head.find("x-from: fallback") != std::string::npos);
  EXPECT_EQ(b.rig->flagged(flag::kCb), 1.0);
  EXPECT_EQ(b.clusterStat(7, stat::kFallbacks), 1.0);
}

CASE("a fixed answer says by its flag why it was given, and HEAD gets none of its body") {
  BreakerRig b(1, 0, [](ImageBuilder& image) {
    image.clusters[0].fallback_respond = addRespond(image, 503, "later");
  });
  Engine& engine = Engine::instance();
  EXPECT(engine.setHealth(engine.version(), 0, abi::health::kUnhealthy, 0, b.rig->now().ms()));
  const int32_t handle = b.ask(200);
  EXPECT_EQ(b.served, -1);
  EXPECT_EQ(b.statusOf(handle), 503u);
  EXPECT_EQ(b.rig->answer(handle).body, "later");
  EXPECT_EQ(b.rig->flagged(flag::kUh), 1.0);
  const int32_t head = b.rig->request("HEAD");
  EXPECT(b.rig->untilDone(head));
  EXPECT_EQ(b.rig->answer(head).body, "");
  EXPECT(b.rig->answer(head).head.find("content-length: 5") != std::string::npos);

  EXPECT(engine.setHealth(engine.version(), 0, 0, abi::health::kUnhealthy, b.rig->now().ms()));
  b.origins[0].refuse();
  EXPECT_EQ(b.statusOf(b.ask(200)), 503u);
  EXPECT_EQ(b.rig->flagged(flag::kUf), 1.0);
  EXPECT_EQ(b.clusterStat(0, stat::kFallbacks), 3.0);
}

CASE("a cluster of which nobody is available hands on, and takes back when somebody is") {
  Pair p([](ImageBuilder&) {}, 0);
  Engine& engine = Engine::instance();
  p.ask(200);
  EXPECT_EQ(p.served, 0);
  EXPECT(engine.setHealth(engine.version(), 0, abi::health::kUnhealthy, 0, p.rig->now().ms()));
  EXPECT_EQ(p.statusOf(p.ask(200)), 200u);
  EXPECT_EQ(p.served, 1);
  EXPECT_EQ(p.clusterStat(0, stat::kPanicPicks), 0.0);
  EXPECT(engine.setHealth(engine.version(), 0, 0, abi::health::kUnhealthy, p.rig->now().ms()));
  p.ask(200);
  EXPECT_EQ(p.served, 0);
}

CASE("a request that no endpoint could be connected for goes to the fallback whole") {
  for (const uint32_t attempts : {0u, 2u}) {
    Pair p([&](ImageBuilder& b) { b.routes[0].retry_attempts = attempts; });
    p.origins[0].refuse();
    for (int i = 0; i < 4; ++i) {
      const int32_t handle = p.rig->request("POST", "/", {{"content-length", "4"}});
      EXPECT_EQ(p.rig->sendBody(handle, "bo", false), abi::send::kOk);
      p.rig->sendBody(handle, "dy", true);
      EXPECT(p.rig->until([&] { return p.origins[1].count() > 0 && p.origins[1].asked(0); }));
      EXPECT(p.rig->until([&] { return p.origins[1].peer(0).in.ends_with("\r\n\r\nbody"); }));
      p.answerAny(201);
      EXPECT(p.rig->untilDone(handle));
      EXPECT_EQ(p.statusOf(handle), 201u);
    }
    EXPECT_EQ(p.rig->flagged(flag::kNone), 4.0);
    // Which was a failure of the cluster all the same.
    EXPECT_EQ(p.state(), state::kOpen);
    EXPECT_EQ(p.clusterStat(0, stat::kBreakerRejected), 0.0);
    EXPECT_EQ(p.clusterStat(0, stat::kActive), 0.0);
    EXPECT_EQ(p.clusterStat(1, stat::kActive), 0.0);
  }
}

CASE("a request that an endpoint may have acted on stays with its cluster") {
  Pair p;
  const int32_t handle = p.rig->get();
  EXPECT(p.rig->until([&] { return p.origins[0].count() == 1 && p.origins[0].asked(0); }));
  p.origins[0].reset(0);
  EXPECT(p.rig->untilDone(handle));
  EXPECT_EQ(p.statusOf(handle), 502u);
  EXPECT_EQ(p.clusterStat(0, stat::kFallbacks), 0.0);
}

CASE("the fallback balances by its own hash of the request") {
  BreakerRig b(
      1, kScope,
      [&b](ImageBuilder& image) {
        const uint32_t cluster = image.addCluster({1, 1, 1});
        for (uint32_t i = 0; i < 3; ++i) {
          const ImageBuilder::Text name = image.text("endpoint-" + std::to_string(i));
          abi::EndpointRecord& endpoint = image.endpoints[1 + i];
          endpoint.port = b.origins[1 + i].port();
          endpoint.name_offset = name.offset;
          endpoint.name_length = name.length;
        }
        const ImageBuilder::Text name = image.text("hashed");
        abi::ClusterRecord& row = image.clusters[cluster];
        row.name_offset = name.offset;
        row.name_length = name.length;
        row.connect_timeout_ms = 1000;
        row.pool_idle_ms = 4000;
        row.max_pending = 1024;
        abi::BalancerRecord& balancer = image.balancers[row.balancer];
        balancer.policy = abi::policy::kMaglev;
        balancer.hash_start = static_cast<uint32_t>(image.hash_sources.size());
        balancer.hash_count = 1;
        image.hash_sources.push_back({abi::hash_source_kind::kPath, 0, 0, 0, abi::kNone, 0, 0});
        image.clusters[0].fallback_cluster = cluster;
      },
      3);
  std::vector<int> when_open;
  std::vector<int> when_refused;
  b.breakIt();
  for (int i = 0; i < 12; ++i) {
    b.ask(200, "/" + std::to_string(i));
    when_open.push_back(b.served);
  }
  b.rig->advance(100);
  b.ask(200);
  EXPECT_EQ(b.state(), state::kClosed);
  b.rig->advance(5000);  // the idle connection goes
  b.origins[0].refuse();
  for (int i = 0; i < 12; ++i) {
    b.ask(200, "/" + std::to_string(i));
    when_refused.push_back(b.served);
    if (b.state() != state::kClosed) break;
  }
  EXPECT(std::set<int>(when_open.begin(), when_open.end()).size() == 3);
  when_open.resize(when_refused.size());
  EXPECT(when_refused.size() >= 4);
  EXPECT(when_open == when_refused);
}

}  // namespace
}  // namespace millrace::test
