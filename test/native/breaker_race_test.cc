// Built with ThreadSanitizer: four workers on one breaker.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "engine/failover/breaker.h"
#include "harness.h"

using namespace millrace;
using Kind = BreakerEvent::Kind;

namespace {

constexpr uint32_t kThreads = 4;
constexpr uint64_t kStart = 5'000'000;

void onThreads(const auto& body) {
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
  for (std::thread& thread : threads) thread.join();
}

BreakerSettings fast() {
  BreakerSettings settings;
  settings.window_ms = 100;
  settings.min_requests = 20;
  settings.interval_ms = 5;
  settings.max_interval_ms = 20;
  settings.probes = 3;
  settings.successes = 4;
  return settings;
}

}  // namespace

CASE("four workers count every outcome") {
  BreakerSettings settings = fast();
  settings.window_ms = 1'000'000;
  settings.min_requests = 1'000'000'000;
  Breaker breaker(settings);
  constexpr uint32_t kEach = 20'000;
  onThreads([&](uint32_t t) {
    Breaker::Window& window = breaker.windowOf(t);
    BreakerEvent event;
    for (uint32_t i = 0; i < kEach; ++i) {
      const uint64_t now = kStart + i * 40;  // eight buckets
      breaker.record(window, breaker.admit(now, &event), i % 4 != 0, now, 0);
    }
  });
  const BreakerCounts counts = breaker.counts(kStart + uint64_t{kEach} * 40);
  EXPECT_EQ(counts.requests, uint64_t{kThreads} * kEach);
  EXPECT_EQ(counts.failures, uint64_t{kThreads} * kEach / 4);
}

CASE("in every outage exactly one of four workers opens") {
  constexpr uint32_t kRounds = 300;
  std::vector<std::unique_ptr<Breaker>> breakers;
  for (uint32_t i = 0; i < kRounds; ++i) breakers.push_back(std::make_unique<Breaker>(fast()));
  std::vector<std::atomic<uint32_t>> opened(kRounds);
  std::atomic<uint32_t> arrived{0};
  onThreads([&](uint32_t t) {
    for (uint32_t round = 0; round < kRounds; ++round) {
      Breaker& breaker = *breakers[round];
      Breaker::Window& window = breaker.windowOf(t);
      const BreakerTicket ticket = breaker.ticket();
      arrived.fetch_add(1);
      while (arrived.load() < (round + 1) * kThreads) std::this_thread::yield();
      // Together just as many as are needed.
      for (uint32_t i = 0; i < 20 / kThreads; ++i)
        opened[round] += breaker.record(window, ticket, false, kStart, 0).kind == Kind::kOpened;
    }
  });
  for (uint32_t round = 0; round < kRounds; ++round)
    EXPECT_EQ(opened[round].load(), 1u, "round " + std::to_string(round));
}

CASE("four workers through many outages: transitions alternate, probes stay within their number") {
  Breaker breaker(fast());
  std::atomic<uint64_t> clock{kStart * 16};
  std::atomic<int64_t> opened{0}, half_opened{0}, reopened{0}, closed{0};
  onThreads([&](uint32_t t) {
    Breaker::Window& window = breaker.windowOf(t);
    Rng rng(test::seed() + t);
    const auto note = [&](const BreakerEvent& event) {
      opened += event.kind == Kind::kOpened;
      half_opened += event.kind == Kind::kHalfOpened;
      reopened += event.kind == Kind::kReopened;
      closed += event.kind == Kind::kClosed;
    };
    for (int i = 0; i < 60'000; ++i) {
      const uint64_t now = clock.fetch_add(1) / 16;
      BreakerEvent event;
      const BreakerTicket ticket = breaker.admit(now, &event);
      note(event);
      if (ticket == 0) continue;
      const bool probe = Breaker::isProbe(ticket);
      if (probe && rng.below(8) == 0) {
        breaker.giveBackProbe(ticket);
        continue;
      }
      // Good times and bad times of 200 ms.
      const bool good = (now / 200) % 2 == 0 || rng.below(3) == 0;
      note(breaker.record(window, ticket, good, now, static_cast<uint32_t>(rng.next())));
    }
  });
  EXPECT(opened.load() > 5);
  EXPECT(closed.load() > 5);
  // Every opening of any kind is followed by a half-opening before the next one, but the last.
  const int64_t openings = opened.load() + reopened.load();
  EXPECT(openings == half_opened.load() || openings == half_opened.load() + 1);
  EXPECT(closed.load() == opened.load() || closed.load() + 1 == opened.load());
  EXPECT(breaker.probesForTest() <= 3);
}
