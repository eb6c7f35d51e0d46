// Built with ThreadSanitizer: four threads on one table. All clocks below are one shared counter,
// so that what was admitted can be judged afterwards.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "engine/rate/rate_table.h"
#include "harness.h"

using namespace millrace;

namespace {

constexpr uint32_t kThreads = 4;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 1'000'000 * kMs;
constexpr uint32_t kAlgorithms[] = {abi::rate_algorithm::kSlidingWindow,
                                    abi::rate_algorithm::kSlidingLog, abi::rate_algorithm::kGcra};

std::unique_ptr<RateRule> ruleOf(RateTable& table, uint32_t algorithm, uint32_t limit,
                                 uint32_t window_ms) {
  return table.makeRule({algorithm, limit, window_ms, limit});
}

uint64_t keyOf(uint64_t client) { return Rng(client).next(); }

void onThreads(const auto& body) {
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

CASE("four threads admit exactly the limit of one client, window after window") {
  constexpr uint32_t kLimit = 50;
  constexpr uint32_t kRounds = 150;
  for (const uint32_t algorithm : kAlgorithms) {
    const auto table = RateTable::create(64);
    const auto rule = ruleOf(*table, algorithm, kLimit, 10);
    std::vector<std::atomic<uint32_t>> admitted(kRounds);
    std::atomic<uint32_t> arrived{0};
    onThreads([&](uint32_t) {
      for (uint32_t round = 0; round < kRounds; ++round) {
        // Everybody at once; 30 ms later nothing is left of the round before.
        arrived.fetch_add(1);
        while (arrived.load() < (round + 1) * kThreads) std::this_thread::yield();
        for (uint32_t i = 0; i < 3 * kLimit / kThreads; ++i)
          if (table->check(*rule, keyOf(7), kStart + round * 30 * kMs).allowed) ++admitted[round];
      }
    });
    for (uint32_t round = 0; round < kRounds; ++round)
      EXPECT_EQ(admitted[round].load(), kLimit,
                "algorithm " + std::to_string(algorithm) + " round " + std::to_string(round));
  }
}

CASE("four threads on a table with too few slots let nobody over the limit") {
  // 120 slots and 300 clients, whose entries expire and are taken over all the time.
  constexpr uint32_t kLimit = 3;
  constexpr uint32_t kClients = 300;
  constexpr uint32_t kRequests = 15000;
  constexpr uint64_t kTicksPerMs = 64;
  struct Event {
    uint64_t time_ms;
    uint32_t client;
    bool unplaced;
    bool delayed;  // others ran for long between the reading of the clock and the end of the check
  };
  for (const uint32_t algorithm : kAlgorithms) {
    const auto table = RateTable::create(64);
    const auto rule = ruleOf(*table, algorithm, kLimit, 5);
    std::atomic<uint64_t> clock{0};
    std::vector<Event> events[kThreads];
    onThreads([&](uint32_t t) {
      Rng rng(test::seed() + t);
      for (uint32_t i = 0; i < kRequests; ++i) {
        const uint32_t client = std::min(rng.below(kClients), rng.below(kClients));
        const uint64_t tick = clock.fetch_add(1);
        const uint64_t now = tick / kTicksPerMs;
        const RateVerdict verdict = table->check(*rule, keyOf(client), kStart + now * kMs);
        const bool delayed = clock.load() - tick > kTicksPerMs;
        if (verdict.allowed) events[t].push_back({now, client, verdict.unplaced, delayed});
      }
    });
    std::vector<Event> all;
    for (const auto& part : events) all.insert(all.end(), part.begin(), part.end());
    std::stable_sort(all.begin(), all.end(),
                     [](const Event& a, const Event& b) { return a.time_ms < b.time_ms; });
    std::vector<std::vector<Event>> placed(kClients);
    uint32_t unplaced = 0;
    for (const Event& event : all) {
      if (event.unplaced)
        ++unplaced;
      else
        placed[event.client].push_back(event);
    }
    // Inside any window: the two-bucket counter at most twice the limit, a bucket of `limit` tokens
    // the same, the log the limit. The window is judged with a millisecond less, which is how far
    // the clocks of the threads may differ; one that was stopped for longer came with an old time.
    const std::size_t most = algorithm == abi::rate_algorithm::kSlidingLog ? kLimit : 2 * kLimit;
    std::size_t judged = 0;
    for (uint32_t client = 0; client < kClients; ++client) {
      const std::vector<Event>& own = placed[client];
      for (std::size_t i = most; i < own.size(); ++i) {
        if (std::any_of(own.begin() + static_cast<std::ptrdiff_t>(i - most),
                        own.begin() + static_cast<std::ptrdiff_t>(i + 1),
                        [](const Event& event) { return event.delayed; }))
          continue;
        ++judged;
        EXPECT(own[i].time_ms - own[i - most].time_ms >= 4,
               "algorithm " + std::to_string(algorithm) + " client " + std::to_string(client) +
                   " at " + std::to_string(own[i].time_ms));
      }
    }
    double stats[abi::rate_table_stat::kCount];
    table->readStats(stats, kStart + 1'000'000 * kMs);
    EXPECT(judged > 100, std::to_string(judged));
    EXPECT(stats[abi::rate_table_stat::kEvicted] > 500,
           std::to_string(stats[abi::rate_table_stat::kEvicted]));
    EXPECT_EQ(stats[abi::rate_table_stat::kKeys], 0.0, "long after");
    if (algorithm != abi::rate_algorithm::kSlidingLog) continue;
    EXPECT(unplaced > 0, "the log has 16 slots only");
  }
}

CASE("a table takes over from another that four threads still use") {
  constexpr uint32_t kClients = 1000;
  for (const uint32_t algorithm : kAlgorithms) {
    const auto table = RateTable::create(20000);
    const auto rule = ruleOf(*table, algorithm, 2, 60000);
    // Everybody at the limit before; the four go on asking while the entries are copied.
    for (uint32_t client = 0; client < kClients; ++client)
      for (int i = 0; i < 2; ++i) EXPECT(table->check(*rule, keyOf(client), kStart).allowed);
    const auto larger = RateTable::create(200000, table.get());
    std::atomic<uint32_t> admitted{0};
    std::atomic<uint64_t> lost{0};
    onThreads([&](uint32_t t) {
      if (t == 0) lost = larger->absorb(*table, kStart);
      Rng rng(t);
      for (uint32_t i = 0; i < 5000; ++i) {
        RateTable& used = t < 2 ? *larger : *table;
        // Known clients on the old table; on the new one strangers, until it has all of them.
        const uint64_t client = t == 1 ? kClients + i : rng.below(kClients);
        if (used.check(*rule, keyOf(client), kStart).allowed && t != 1) ++admitted;
      }
    });
    EXPECT_EQ(admitted.load(), 0u, "algorithm " + std::to_string(algorithm));
    EXPECT_EQ(lost.load(), 0u);
    for (uint32_t client = 0; client < kClients; ++client)
      EXPECT(!larger->check(*rule, keyOf(client), kStart).allowed, std::to_string(client));
  }
}
