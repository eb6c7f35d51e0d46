#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "engine/failover/retry_budget.h"
#include "harness.h"

namespace millrace::test {
namespace {

CASE("workers count and take at once, and no more is granted than there is") {
  constexpr uint32_t kWorkers = 4;
  constexpr uint32_t kRequests = 20'000;
  RetryBudget budget(1000);
  std::atomic<uint64_t> granted{0};
  std::vector<std::thread> workers;
  for (uint32_t worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&, worker] {
      RetryBudget::Requests& requests = budget.requestsOf(worker);
      uint64_t mine = 0;
      for (uint32_t i = 0; i < kRequests; ++i) {
        const uint64_t now_ms = 5000 + i / 100;  // 200 ms: no window ends
        requests.add(now_ms);
        for (int n = 0; n < 2; ++n) mine += budget.take(20, 0, now_ms) ? 1 : 0;
      }
      granted.fetch_add(mine);
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(budget.requests(5199), uint64_t{kWorkers} * kRequests);
  EXPECT_EQ(granted.load(), uint64_t{kWorkers} * kRequests / 5);
  EXPECT_EQ(budget.spent(5199), granted.load());
  EXPECT(!budget.take(20, 0, 5199));
}

}  // namespace
}  // namespace millrace::test
