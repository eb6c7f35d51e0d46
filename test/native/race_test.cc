// Built with ThreadSanitizer: what several threads share has to be free of data races, and to add
// up.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/cache_line.h"
#include "base/rng.h"
#include "engine/balancer/least_request.h"
#include "engine/histogram/histogram.h"
#include "harness.h"

using namespace millrace;

CASE("a histogram is read while its worker records") {
  constexpr uint32_t kSamples = 200000;
  const auto shard = std::make_unique<HistogramShard>();
  std::atomic<bool> done{false};
  std::thread worker([&] {
    for (uint32_t i = 0; i < kSamples; ++i) shard->record(i % 5000);
    done.store(true, std::memory_order_release);
  });
  double before = 0;
  bool last = false;
  while (!last) {
    last = done.load(std::memory_order_acquire);
    std::array<double, histogram::kBuckets> counts{};
    shard->mergeInto(counts);
    double total = 0;
    for (const double c : counts) total += c;
    EXPECT(total >= before && total <= kSamples, std::to_string(total));
    before = total;
  }
  worker.join();
  EXPECT_EQ(before, double{kSamples});
  EXPECT_EQ(shard->sumUs(), uint64_t{kSamples / 5000} * (4999 * 5000 / 2));
}

CASE("in-flight counts of four threads end at zero") {
  struct alignas(kCacheLine) Counter {
    std::atomic<uint32_t> active{0};
  };
  const std::vector<uint32_t> endpoints{0, 1, 2, 3, 4};
  const std::vector<uint16_t> weights{65535, 65535, 30000, 100, 65535};
  std::vector<Counter> counters(endpoints.size());
  const auto active_of = [&](uint32_t e) {
    return counters[e].active.load(std::memory_order_relaxed);
  };
  std::vector<std::thread> threads;
  std::atomic<uint32_t> most{0};
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Rng rng(test::seed() + t);
      for (int i = 0; i < 20000; ++i) {
        const uint32_t pick = pickLeastRequest({endpoints, weights}, rng, active_of);
        const uint32_t now = counters[pick].active.fetch_add(1, std::memory_order_relaxed) + 1;
        if (now > most.load(std::memory_order_relaxed)) most.store(now, std::memory_order_relaxed);
        counters[pick].active.fetch_sub(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Counter& counter : counters) EXPECT_EQ(counter.active.load(), 0u);
  EXPECT(most.load() <= 4, std::to_string(most.load()));
}
