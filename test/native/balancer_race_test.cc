// Built with ThreadSanitizer: four workers pick, count, observe and report while plans are rebuilt
// for changed health and swapped, as the engine does it.
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "balancer_rig.h"

using namespace millrace;
using test::kAllPolicies;
using test::kFirst;
using test::Rig;

namespace {

constexpr uint32_t kEndpoints = 12;
constexpr uint32_t kCap = 3;
constexpr uint32_t kRounds = 10000;

// As the engine: the newest plan under a mutex, workers look for it between requests.
struct Published {
  std::mutex mutex;
  std::shared_ptr<const Plan> plan;

  std::shared_ptr<const Plan> get() {
    const std::lock_guard lock(mutex);
    return plan;
  }
  void set(std::shared_ptr<const Plan> next) {
    const std::lock_guard lock(mutex);
    plan = std::move(next);
  }
};

// Adds a request unless the endpoint has filled up meanwhile.
bool enter(std::atomic<uint32_t>& active) {
  uint32_t now = active.load(std::memory_order_relaxed);
  while (now < kCap) {
    if (active.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace

CASE("four workers pick while plans come and go: caps hold and counts end at zero") {
  for (const uint32_t policy : kAllPolicies) {
    Rig rig(policy, std::vector<uint32_t>(kEndpoints, 2));
    rig.settings.hash_balance_percent = 125;
    rig.settings.table_size = 251;
    rig.settings.slow_start_ms = 50;
    for (uint32_t i = 0; i < kEndpoints; ++i) {
      rig.endpoints[i].max_requests = kCap;
      rig.endpoints[i].priority = i / 8;
    }
    rig.rebuild();
    Published published;
    published.set(std::move(rig.plan));
    std::atomic<uint32_t> running{4};
    std::atomic<uint32_t> strays{0};
    std::atomic<uint32_t> served{0};
    const BalancerSettings settings = rig.settings;
    std::vector<std::thread> workers;
    for (uint64_t w = 0; w < 4; ++w) {
      workers.emplace_back([&, w] {
        PickerState state(test::seed() + w);
        std::array<uint32_t, 4> held;
        held.fill(abi::kNone);
        for (uint32_t k = 0; k < kRounds; ++k) {
          const uint64_t now = test::kNow + k / 10;
          const std::shared_ptr<const Plan> plan = published.get();
          const uint32_t got = plan->pick(state, {k % 2 == 0, mix64(k), {}, now, 10});
          uint32_t& place = held[k % held.size()];
          if (place != abi::kNone) {
            EndpointLoad& load = rig.loads[place];
            if (k % 11 == 0)
              observeFailure(load, settings, 50, 0, now);
            else
              observeLatency(load, settings, 100 + k % 900, now);
            if (k % 3 == 0) observeReport(load, k % 9, 100 + k % 500, now);
            load.active.fetch_sub(1, std::memory_order_relaxed);
            place = abi::kNone;
          }
          if (got >= kFull) continue;
          if (got - kFirst >= kEndpoints) {
            strays.fetch_add(1);
          } else if (enter(rig.loads[got - kFirst].active)) {
            place = got - kFirst;
            served.fetch_add(1, std::memory_order_relaxed);
          }
        }
        for (const uint32_t i : held) {
          if (i != abi::kNone) rig.loads[i].active.fetch_sub(1, std::memory_order_relaxed);
        }
        running.fetch_sub(1, std::memory_order_release);
      });
    }
    // The control plane: health changes, endpoints recover and are warmed up.
    Rng rng(test::seed() + policy);
    uint32_t over = 0;
    uint32_t swaps = 0;
    while (running.load(std::memory_order_acquire) != 0) {
      PlanEndpoint& endpoint = rig.endpoints[rng.below(kEndpoints)];
      endpoint.available = !endpoint.available;
      endpoint.warm_since_ms = endpoint.available ? test::kNow : 0;
      endpoint.load->health.store(endpoint.available ? 0 : abi::health::kUnhealthy,
                                  std::memory_order_relaxed);
      published.set(Plan::build(settings, rig.endpoints, test::kNow + 1 + rng.below(60)));
      ++swaps;
      for (uint32_t i = 0; i < kEndpoints; ++i)
        over += rig.loads[i].active.load(std::memory_order_relaxed) > kCap ? 1 : 0;
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(over, 0u);
    EXPECT(swaps > 5, std::to_string(swaps));
    EXPECT_EQ(strays.load(), 0u);
    EXPECT(served.load() > kRounds, std::to_string(policy));  // of four times that
    for (uint32_t i = 0; i < kEndpoints; ++i) EXPECT_EQ(rig.loads[i].active.load(), 0u);
  }
}
