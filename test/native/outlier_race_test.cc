#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "engine/failover/ejection.h"
#include "engine/failover/error_runs.h"
#include "engine/state/engine.h"
#include "harness.h"
#include "image_builder.h"

// Workers that see failures while the control plane sweeps, ends ejections and reloads; under
// ThreadSanitizer.
namespace millrace::test {
namespace {

constexpr uint32_t kWorkers = 3;
constexpr uint32_t kEndpoints = 12;

std::vector<std::byte> imageOf(uint32_t endpoints, bool detect) {
  ImageBuilder b;
  b.addCluster(std::vector<uint32_t>(endpoints, 1));
  for (uint32_t i = 0; i < endpoints; ++i) b.endpoints[i].port = 1000 + i;
  const uint32_t table = b.addTable({{{"*"}, {{abi::path_kind::kPrefix, "/", 0, {}}}}});
  const ImageBuilder::Text web = b.text("web");
  b.listeners.push_back({web.offset, web.length, table, 0, 0, 0, 65536, 0, 0, 65536, 65536,
                         abi::kMaxRequestFields, 0, 0, 0, 0, 0});
  if (detect) {
    abi::OutlierRecord r{};
    r.consecutive5xx = r.consecutive_local_errors = 3;
    r.interval_ms = 5;
    r.base_ejection_ms = 3;
    r.max_ejection_ms = 12;
    r.jitter_ms = 2;
    r.max_ejection_percent = 100;
    r.success_method = abi::outlier_method::kMad;
    r.success_factor_millis = 1000;
    r.latency_factor_millis = 1500;
    r.latency_quantile_millis = 900;
    b.outliers.push_back(r);
    b.clusters[0].outlier = 0;
  }
  return b.finish();
}

CASE("the last one stays in and the books balance, with workers, sweeps and reloads at once") {
  Engine& engine = Engine::instance();
  std::atomic<uint64_t> clock_ms{1'000'000};
  EXPECT(engine.install(imageOf(kEndpoints, true), clock_ms * 1'000'000, 1024).version != 0);
  std::atomic<bool> stop{false};
  std::atomic<uint32_t> working{kWorkers};
  std::atomic<uint64_t> none_left{0};

  std::vector<std::thread> workers;
  for (uint32_t w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      Rng rng(seed() + w);
      std::shared_ptr<const InstalledImage> installed = engine.current();
      for (int i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        if (i == 60'000) working.fetch_sub(1);
        if (rng.below(64) == 0) installed = engine.current();  // some work on with an old image
        const auto count = static_cast<uint32_t>(installed->endpoints.size());
        const uint32_t e = rng.below(count);
        EndpointState& endpoint = *installed->endpoints[e];
        EndpointShard& shard = engine.bindEndpoint(endpoint, w);
        shard.first_byte.record(rng.below(e == 0 ? 100'000 : 1000));
        const uint32_t row = installed->image->clusters()[0].outlier;
        if (rng.below(e < 6 ? 2 : 50) != 0) {
          shard.counters.add(abi::endpoint_stat::kResponses, 1);
          endRuns(endpoint.load);
          continue;
        }
        shard.counters.add(abi::endpoint_stat::kFailures, 1);
        if (row == abi::kNone) continue;
        const uint32_t reason =
            extendRuns(endpoint.load, installed->image->outliers()[row], Fault::kNoAnswer);
        if (reason != abi::transition_reason::kNone)
          engine.reportRun(*installed, 0, e, reason, clock_ms.load(), rng.next());
        uint32_t available = 0;
        for (const auto& other : installed->endpoints)
          available += isAvailable(other->load.health.load(std::memory_order_relaxed));
        // Only ejections take anybody out here, and each looks at the others under the mutex. An
        // old image may have endpoints that nobody looks at any more.
        if (available == 0 && installed->version == engine.version()) none_left.fetch_add(1);
      }
    });
  }

  uint64_t dropped = 0;
  uint64_t ejected = 0;
  Rng rng(seed() + 99);
  for (int turn = 0; turn < 2000 || working.load() != 0; ++turn) {
    clock_ms.fetch_add(1);
    engine.failoverTick(clock_ms.load());
    for (const Transition& transition : engine.takeTransitions(&dropped))
      ejected += transition.kind == abi::transition_kind::kEjected;
    if (rng.below(100) == 0) {
      const uint32_t endpoints = kEndpoints - rng.below(3);
      EXPECT(
          engine.install(imageOf(endpoints, rng.below(4) != 0), clock_ms.load() * 1'000'000, 1024)
              .version != 0);
    }
  }
  stop = true;
  for (std::thread& worker : workers) worker.join();

  EXPECT_EQ(none_left.load(), uint64_t{0});
  EXPECT(ejected > 10, std::to_string(ejected));
  // Whoever is out is counted, and everybody comes back.
  const auto installed = engine.current();
  uint32_t out = 0;
  for (const EndpointState* member : installed->members[0]) out += isEjected(*member);
  EXPECT_EQ(installed->clusters[0]->outlier.ejected.load(), out);
  engine.failoverTick(clock_ms.load() + 1000);  // may eject for what the last interval showed
  engine.failoverTick(clock_ms.load() + 2000);
  EXPECT_EQ(installed->clusters[0]->outlier.ejected.load(), 0u);
}

CASE("of all failures in a row, each threshold makes exactly one run") {
  abi::OutlierRecord settings{};
  settings.consecutive5xx = 7;
  EndpointLoad load;
  std::atomic<uint64_t> runs{0};
  constexpr uint64_t kEach = 70'000;
  std::vector<std::thread> threads;
  for (uint32_t w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&] {
      uint64_t mine = 0;
      for (uint64_t i = 0; i < kEach; ++i)
        mine += extendRuns(load, settings, Fault::kServerError) != abi::transition_reason::kNone;
      runs.fetch_add(mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs.load(), kWorkers * kEach / 7);
}

}  // namespace
}  // namespace millrace::test
