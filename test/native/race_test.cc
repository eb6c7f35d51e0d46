// Built with ThreadSanitizer: what several threads share has to be free of data races, and to add
// up.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/cache_line.h"
#include "base/capped_count.h"
#include "base/rng.h"
#include "engine/histogram/counts.h"
#include "engine/histogram/shard.h"
#include "engine/image/image.h"
#include "engine/state/route_state.h"
#include "engine/state/series.h"
#include "harness.h"
#include "image_builder.h"

using namespace millrace;

CASE("no more are taken than the limit, and all of them come back") {
  constexpr uint32_t kLimit = 3;
  constexpr int kRounds = 20'000;
  CappedCount count;
  std::atomic<uint32_t> inside{0};
  std::atomic<uint32_t> most{0};
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w) {
    workers.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        if (!count.take(kLimit)) continue;
        const uint32_t now = inside.fetch_add(1) + 1;
        uint32_t seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) continue;
        taken.fetch_add(1);
        inside.fetch_sub(1);
        count.give();
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT(most.load() <= kLimit);
  EXPECT(taken.load() >= kRounds);
  EXPECT_EQ(count.now(), 0u);
}

CASE("histograms are read and collected while four workers record") {
  constexpr uint32_t kSamples = 100000;
  constexpr uint32_t kWorkers = 4;
  Series<EndpointShard> series;
  SeriesCollector collector;
  std::atomic<uint32_t> done{0};
  std::vector<std::thread> workers;
  for (uint32_t w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      EndpointShard& shard = series.shards.of(w);
      // Pages come one after the other, while the readers walk them.
      for (uint32_t i = 0; i < kSamples; ++i)
        shard.upstream.record(uint64_t{i % 5000} << i * 20 / kSamples);
      done.fetch_add(1, std::memory_order_release);
    });
  }
  const auto counts = std::make_unique<HistogramCounts>();
  const auto window = std::make_unique<HistogramCounts>();
  const uint32_t phase = abi::endpoint_histogram::kUpstream;
  uint64_t before = 0;
  uint64_t now_ms = 0;
  collector.collect(now_ms, [] {});
  bool last = false;
  while (!last) {
    last = done.load(std::memory_order_acquire) == kWorkers;
    WindowSpan total;
    collector.read(series, phase, &total, counts.get());
    EXPECT(counts->count >= before && counts->count <= kWorkers * kSamples,
           std::to_string(counts->count));
    before = counts->count;
    // The clock stands still for the window but for the ticks: everything is within the minute.
    now_ms += 2500;
    if (now_ms <= 30000) collector.collect(now_ms, [&] { collector.take(series); });
    WindowSpan minute{60000, std::min<uint64_t>(now_ms, 30000)};
    collector.read(series, phase, &minute, window.get());
    EXPECT(window->count >= before, std::to_string(window->count));
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(before, uint64_t{kWorkers} * kSamples);
  EXPECT_EQ(window->count, uint64_t{kWorkers} * kSamples);
  EXPECT_EQ(window->sum, counts->sum);
  EXPECT_EQ(window->max, counts->max);
}

CASE("routes are bound by four workers while images come and go") {
  constexpr uint32_t kRounds = 40;
  constexpr uint32_t kWorkers = 4;
  ImageError error{};
  const std::unique_ptr<const Image> image = Image::load(test::sampleImage().finish(), &error);
  const auto routes = static_cast<uint32_t>(image->routes().size());
  RouteRegistry registry;
  SeriesCollector collector;
  auto states = std::make_shared<RouteStates>(*image);
  for (uint32_t round = 0; round < kRounds; ++round) {
    std::vector<std::thread> workers;
    for (uint32_t w = 0; w < kWorkers; ++w) {
      workers.emplace_back([&, w, states] {
        for (uint32_t i = 0; i < 200; ++i) {
          RouteShard& shard = registry.bind(*image, *states, (i + w) % routes, w);
          shard.counters.add(abi::route_stat::kRequests, 1);
          shard.duration.record(i);
        }
      });
    }
    auto next = std::make_shared<RouteStates>(*image);
    registry.adopt(*image, *next);
    collector.collect(round * abi::kHistogramTickMs, [&] {
      for (const auto& [route, state] : states->used()) collector.take(*state);
    });
    for (std::thread& worker : workers) worker.join();
    states = std::move(next);
    // What came into being after adopt() is found by its name, as long as an image holds it.
    registry.dropExpired();
  }
  uint64_t requests = 0;
  uint64_t samples = 0;
  for (uint32_t route = 0; route < routes; ++route) {
    registry.bind(*image, *states, route, 0);
    states->find(route)->shards.forEach([&](const RouteShard& shard) {
      requests += shard.counters.read(abi::route_stat::kRequests);
      samples += shard.duration.count();
    });
  }
  // All but what a route took in the first round, if it was adopted too late to be carried over.
  EXPECT(requests <= uint64_t{kRounds} * kWorkers * 200, std::to_string(requests));
  EXPECT(requests >= uint64_t{kRounds - 1} * kWorkers * 200, std::to_string(requests));
  EXPECT_EQ(samples, requests);
}

CASE("a bucket that wraps is never read too large or too small") {
  const auto shard = std::make_unique<HistogramShard>();
  constexpr uint32_t kStep = 1u << 28;
  constexpr uint32_t kSteps = 200;
  std::atomic<bool> done{false};
  std::thread worker([&] {
    for (uint32_t i = 0; i < kSteps; ++i) {
      shard->record(9, kStep);
      std::this_thread::yield();
    }
    done.store(true, std::memory_order_release);
  });
  uint64_t before = 0;
  bool last = false;
  while (!last) {
    last = done.load(std::memory_order_acquire);
    uint64_t now = 0;
    shard->forEachBucket([&](uint32_t, uint64_t count) { now = count; });
    EXPECT(now >= before && now <= uint64_t{kStep} * kSteps && now % kStep == 0,
           std::to_string(now));
    before = now;
  }
  worker.join();
  EXPECT_EQ(before, uint64_t{kStep} * kSteps);
}
