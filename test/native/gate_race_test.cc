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

CASE("of several limits none is exceeded, and the race costs a few at most") {
  GateRig rig({{.name = "a", .limit = 100, .window_ms = 3'600'000},
               {.name = "b", .limit = 120, .window_ms = 3'600'000},
               {.name = "c", .limit = 110, .window_ms = 3'600'000}});
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
  EXPECT(passed.load() <= 100u);
  // `a` counts before it can be lost to a race in another limit only while `b` or `c` is full,
  // which takes more than it lets through: at most one lost request a worker.
  EXPECT(passed.load() >= 96u, std::to_string(passed.load()));
}

}  // namespace
}  // namespace millrace::test
