#include "engine/failover/retry_budget.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "harness.h"
#include "interleave.h"

// What the conformance suite cannot: every order of the steps of callers that meet.
namespace millrace::test {
namespace {

using Budget = BasicRetryBudget<InterleavedAtomic>;
constexpr uint32_t kWindowMs = 1000;

CASE("callers that meet at the last retries get exactly these, in every order of their steps") {
  struct Meeting {
    std::vector<uint64_t> at_ms;  // of each caller
    uint32_t before;              // retries taken at 5000 ms
    uint32_t allowed;
    uint32_t granted;  // of the callers
  };
  const Meeting table[] = {
      {{5000, 5000}, 0, 1, 1},
      {{5000, 5000}, 3, 4, 1},
      {{5000, 5000, 5000}, 0, 2, 2},
      // The bucket turns while they ask.
      {{5000, 5100}, 0, 1, 1},
      {{5100, 5100}, 2, 3, 1},
      {{5100, 5200}, 2, 3, 1},
      {{5100, 5200, 5100}, 1, 3, 2},
      // What was spent has just left the window for one of them: the other goes by the same clock.
      {{5999, 5999}, 3, 4, 1},
      {{6000, 6000}, 3, 4, 2},
  };
  for (const Meeting& meeting : table) {
    std::unique_ptr<Budget> budget;
    uint32_t granted = 0;
    std::vector<Interleaver::Body> bodies;
    for (const uint64_t now_ms : meeting.at_ms) {
      bodies.push_back([&, now_ms] {
        if (budget->take(0, meeting.allowed, now_ms)) ++granted;
      });
    }
    const uint64_t orders = Interleaver::explore(
        meeting.at_ms.size() == 2 ? 3 : 2, bodies,
        [&] {
          budget = std::make_unique<Budget>(kWindowMs);
          granted = 0;
          for (uint32_t i = 0; i < meeting.before; ++i)
            EXPECT(budget->take(0, meeting.allowed, 5000));
        },
        [] {},
        [&] {
          EXPECT_EQ(granted, meeting.granted);
          EXPECT_EQ(budget->spent(meeting.at_ms.back()),
                    meeting.at_ms.back() >= 6000 ? granted : granted + meeting.before);
        });
    EXPECT(orders > 100, std::to_string(orders));
  }
}

CASE("nothing that was spent is forgotten while callers move the window on") {
  // Two takes in the old bucket and two in the next: whoever moves on, and however late the one
  // comes who wrote an older count down, all four are in the window afterwards.
  std::unique_ptr<Budget> budget;
  const std::vector<Interleaver::Body> bodies = {
      [&] { budget->take(0, 1000, 5099); },
      [&] { budget->take(0, 1000, 5100); },
      [&] { budget->take(0, 1000, 5100); },
  };
  const uint64_t orders = Interleaver::explore(
      2, bodies,
      [&] {
        budget = std::make_unique<Budget>(kWindowMs);
        budget->take(0, 1000, 5000);
      },
      [] {}, [&] { EXPECT_EQ(budget->spent(5100), 4u); });
  EXPECT(orders > 1000, std::to_string(orders));
}

CASE("requests of all workers count, those of ten buckets ago do not") {
  RetryBudget budget(kWindowMs);
  budget.requestsOf(0).add(5000);
  budget.requestsOf(7).add(5099);
  budget.requestsOf(7).add(5100);
  EXPECT_EQ(budget.requests(5100), 3u);
  EXPECT_EQ(budget.requests(5999), 3u);
  EXPECT_EQ(budget.requests(6000), 1u);
  EXPECT_EQ(budget.requests(6100), 0u);
  // A worker whose clock is ahead.
  budget.requestsOf(0).add(6150);
  EXPECT_EQ(budget.requests(6099), 2u);
}

}  // namespace
}  // namespace millrace::test
