#include <atomic>
#include <thread>
#include <vector>

#include "gate_fixture.h"
#include "harness.h"

// Workers that come through one gate at once.
namespace millrace::test {
namespace {

CASE("four workers on one key admit the limit, and not more") {
  for (const uint32_t algorithm : {1u, 2u, 3u}) {
    GateRig rig({{.name = "n", .limit = 100, .window_ms = 3'600'000, .algorithm = algorithm}});
    const GateRequest request{{}, "a.test", "/", "r", parseIp("192.0.2.1")};
    std::atomic<uint32_t> passed{0};
    std::vector<std::thread> workers;
    for (uint32_t w = 0; w < GateRig::kWorkers; ++w) {
      workers.emplace_back([&, w] {
        for (int i = 0; i < 1000; ++i) {
          if (rig.check(request, 7'200'000'000'000, w).allowed) passed.fetch_add(1);
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(passed.load(), 100u, std::to_string(algorithm));
    EXPECT_EQ(rig.count(0, abi::rate_stat::kAllowed), 100u, std::to_string(algorithm));
    EXPECT_EQ(rig.count(0, abi::rate_stat::kLimited), 3900u, std::to_string(algorithm));
  }
}

CASE("of several limits none is exceeded, and a race costs the others one request a worker") {
  GateRig rig({{.name = "wide", .limit = 120, .window_ms = 3'600'000},
               {.name = "wider", .limit = 130, .window_ms = 3'600'000},
               {.name = "narrow", .limit = 100, .window_ms = 3'600'000}});
  const GateRequest request{{}, "a.test", "/", "r", parseIp("192.0.2.1")};
  std::atomic<uint32_t> passed{0};
  std::vector<std::thread> workers;
  for (uint32_t w = 0; w < GateRig::kWorkers; ++w) {
    workers.emplace_back([&, w] {
      for (int i = 0; i < 1000; ++i) {
        if (rig.check(request, 7'200'000'000'000, w).allowed) passed.fetch_add(1);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(passed.load(), 100u);
  EXPECT_EQ(rig.count(2, abi::rate_stat::kAllowed), 100u);
  // Who had looked before the narrow one was full, and came to take after it was.
  for (const uint32_t row : {0u, 1u}) {
    const uint64_t counted = rig.count(row, abi::rate_stat::kAllowed);
    EXPECT(counted >= 100 && counted < 100 + GateRig::kWorkers, std::to_string(counted));
  }
}

}  // namespace
}  // namespace millrace::test
