#ifndef MILLRACE_TEST_NATIVE_BREAKER_RIG_H_
#define MILLRACE_TEST_NATIVE_BREAKER_RIG_H_

#include <functional>
#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

namespace millrace::test {

// Settings that a test can reach in a few requests: half of four, open for 100 ms.
inline abi::BreakerRecord breakerRow(uint32_t scope) {
  abi::BreakerRecord row{};
  row.scope = scope;
  row.threshold_millis = 500;
  row.window_ms = 10'000;
  row.min_requests = 4;
  row.interval_ms = 100;
  row.max_interval_ms = 1000;
  row.jitter_percent = 0;
  row.probes = row.successes = 1;
  return row;
}

// A cluster with a breaker, of some endpoints on real origins.
struct BreakerRig {
  using Tune = std::function<void(ImageBuilder&)>;

  explicit BreakerRig(
      std::size_t endpoints = 1, uint32_t scope = abi::breaker_scope::kCluster,
      Tune more = [](ImageBuilder&) {}, std::size_t others = 0)
      : origins(endpoints + others), endpoint_count(endpoints) {
    std::vector<Origin*> all;
    for (Origin& origin : origins) all.push_back(&origin);
    rig = std::make_unique<Rig>(spec(scope, more), all);
  }

  RigSpec spec(uint32_t scope, const Tune& more) const {
    RigSpec made;
    for (std::size_t i = 0; i < endpoint_count; ++i) made.ports.push_back(origins[i].port());
    made.tune = [scope, more](ImageBuilder& b) {
      b.balancers[0].policy = abi::policy::kRoundRobin;
      for (abi::RouteRecord& route : b.routes) route.retry_attempts = 0;
      if (scope != 0) {
        b.clusters[0].breaker = static_cast<uint32_t>(b.breakers.size());
        b.breakers.push_back(breakerRow(scope));
      }
      more(b);
    };
    return made;
  }

  // Adds a cluster with one endpoint, and makes it the fallback of another. Its index.
  uint32_t addFallback(ImageBuilder& b, uint32_t of, std::size_t origin) const {
    const uint32_t cluster = b.addCluster({1});
    b.endpoints.back().port = origins[origin].port();
    static int names = 0;
    const ImageBuilder::Text name = b.text("standby-" + std::to_string(++names));
    abi::ClusterRecord& row = b.clusters[cluster];
    row.name_offset = name.offset;
    row.name_length = name.length;
    row.connect_timeout_ms = 1000;
    row.pool_idle_ms = 4000;
    row.max_pending = 1024;
    b.clusters[of].fallback_cluster = cluster;
    return cluster;
  }

  // Answers the request that has come to an origin; its index, or -1.
  int answerAny(uint32_t status) {
    for (std::size_t o = 0; o < origins.size(); ++o) {
      for (std::size_t c = 0; c < origins[o].count(); ++c) {
        if (!origins[o].asked(c)) continue;
        origins[o].take(c);
        origins[o].send(
            c, "HTTP/1.1 " + std::to_string(status) + " Said\r\ncontent-length: 1\r\n\r\nx");
        return static_cast<int>(o);
      }
    }
    return -1;
  }

  // A whole request, answered by `status` wherever it goes; returns the handle, and in `served` the
  // origin, or -1 for an answer of our own.
  int32_t ask(uint32_t status, const std::string& target = "/") {
    const int32_t handle = rig->get(target);
    served = -1;
    EXPECT(rig->until([&] {
      if (const int origin = answerAny(status); origin >= 0) served = origin;
      return rig->answer(handle).done;
    }));
    return handle;
  }
  uint32_t statusOf(int32_t handle) { return rig->answer(handle).status; }
  // Four failures.
  void breakIt() {
    for (int i = 0; i < 4; ++i) ask(500);
  }

  double clusterStat(uint32_t cluster, uint32_t index) const {
    std::vector<double> out(abi::cluster_stat::kCount);
    EXPECT(Engine::instance().readCluster(Engine::instance().version(), cluster, out));
    return out[index];
  }
  uint32_t state() const {
    return static_cast<uint32_t>(clusterStat(0, abi::cluster_stat::kBreakerState));
  }
  uint32_t endpointState(uint32_t endpoint) const {
    return static_cast<uint32_t>(rig->endpointStat(endpoint, abi::endpoint_stat::kBreakerState));
  }
  uint32_t healthOf(uint32_t endpoint) const {
    return static_cast<uint32_t>(rig->endpointStat(endpoint, abi::endpoint_stat::kHealth));
  }
  // What the control plane does when it is woken, or by its timer.
  uint32_t tick() { return Engine::instance().failoverTick(rig->now().ms()); }

  std::vector<Origin> origins;
  const std::size_t endpoint_count;
  std::unique_ptr<Rig> rig;
  int served = -1;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_BREAKER_RIG_H_
