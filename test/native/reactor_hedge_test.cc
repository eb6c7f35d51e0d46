#include <string>
#include <vector>

#include "engine/failover/hedge.h"
#include "harness.h"
#include "reactor_rig.h"

// Second attempts beside slow ones.
namespace millrace::test {
namespace {

namespace stat = abi::cluster_stat;
namespace flag = abi::response_flag;

constexpr uint32_t kDelayMs = 20;

// Two endpoints, and a second attempt after 20 ms for as many requests as `percent` says.
struct Pair {
  explicit Pair(uint32_t percent = 100, uint32_t quantile_millis = 0, uint32_t endpoints = 2)
      : rig({endpoints == 2 ? std::vector<uint16_t>{origins[0].port(), origins[1].port()}
                            : std::vector<uint16_t>{origins[0].port()},
             {{abi::path_kind::kPrefix, "/", 0, {}}},
             [=](ImageBuilder& b) {
               b.hedges.push_back({quantile_millis, kDelayMs, 0, 100, percent});
               b.routes[0].hedge = 0;
             }},
            {&origins[0], &origins[1]}) {}

  // A request that is under way at one of the two and has no answer; which of them.
  std::size_t begin(const std::string& method = "GET") {
    handle = rig.request(method);
    EXPECT(rig.until([&] { return asked(0) || asked(1); }));
    return asked(0) ? 0 : 1;
  }
  // Whether a request waits for its answer there, on whatever connection.
  bool asked(std::size_t origin) {
    for (std::size_t i = 0; i < origins[origin].count(); ++i) {
      if (!origins[origin].asked(i)) continue;
      served[origin] = i;
      return true;
    }
    return false;
  }
  void hedge(std::size_t first) {
    rig.advance(kDelayMs + 2);
    EXPECT(rig.until([&] { return asked(1 - first); }));
    EXPECT_EQ(rig.stat(stat::kHedges), 1.0);
  }
  void answer(std::size_t origin, const std::string& bytes) {
    origins[origin].take(served[origin]);
    origins[origin].send(served[origin], bytes);
  }

  Origin origins[2];
  std::size_t served[2] = {0, 0};  // the connection that the present request came on
  Rig rig;
  int32_t handle = 0;
};

CASE("the second attempt's answer is given, and the first attempt is cancelled") {
  Pair pair;
  const std::size_t first = pair.begin();
  pair.hedge(first);
  EXPECT_EQ(pair.origins[1 - first].take(0),
            "GET / HTTP/1.1\r\nhost: a\r\nx-millrace-attempt: 2\r\n\r\n");
  pair.origins[1 - first].send(0, okAnswer("second"));
  EXPECT(pair.rig.untilDone(pair.handle));
  EXPECT_EQ(pair.rig.answer(pair.handle).status, 200u);
  EXPECT_EQ(pair.rig.answer(pair.handle).body, "second");
  EXPECT(pair.rig.until([&] { return pair.origins[first].peer(0).ended; }));
  EXPECT_EQ(pair.rig.stat(stat::kHedgesWon), 1.0);
  EXPECT_EQ(pair.rig.stat(stat::kRequests), 1.0);
  EXPECT_EQ(pair.rig.stat(stat::kRetries), 0.0);
  EXPECT_EQ(pair.rig.flagged(flag::kNone), 1.0);
  EXPECT_EQ(pair.rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("the first attempt's answer is given when it comes first after all") {
  Pair pair;
  const std::size_t first = pair.begin();
  pair.hedge(first);
  pair.answer(first, okAnswer("first"));
  EXPECT(pair.rig.untilDone(pair.handle));
  EXPECT_EQ(pair.rig.answer(pair.handle).body, "first");
  EXPECT(pair.rig.until([&] { return pair.origins[1 - first].peer(0).ended; }));
  EXPECT_EQ(pair.rig.stat(stat::kHedgesWon), 0.0);
  EXPECT_EQ(pair.rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("whichever attempt fails, the other one goes on") {
  for (const bool first_fails : {true, false}) {
    for (const int how : {0, 1, 2, 3}) {
      Pair pair;
      const std::size_t first = pair.begin();
      pair.hedge(first);
      const std::size_t bad = first_fails ? first : 1 - first;
      switch (how) {
        case 0:
          pair.origins[bad].reset(0);
          break;
        case 1:
          pair.origins[bad].close(0);
          break;
        case 2:
          pair.answer(bad, "HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno");
          break;
        default:
          pair.answer(bad, "SSH-2.0-x\r\n\r\n");
      }
      EXPECT(
          pair.rig.until([&] { return pair.rig.gauges() == "active 1 pending 0 busy 1 idle 0"; }));
      EXPECT(!pair.rig.answer(pair.handle).done);
      pair.answer(1 - bad, okAnswer("good"));
      EXPECT(pair.rig.untilDone(pair.handle));
      EXPECT_EQ(pair.rig.answer(pair.handle).status, 200u);
      EXPECT_EQ(pair.rig.answer(pair.handle).body, "good");
      EXPECT_EQ(pair.rig.stat(stat::kRetries), 0.0);
      EXPECT_EQ(pair.rig.gauges(), "active 0 pending 0 busy 0 idle 1");
    }
  }
}

CASE("when both attempts fail, the client is told once") {
  Pair pair;
  const std::size_t first = pair.begin();
  pair.hedge(first);
  pair.origins[first].refuse();
  pair.origins[1 - first].refuse();
  pair.origins[1 - first].reset(0);
  pair.origins[first].reset(0);
  EXPECT(pair.rig.untilDone(pair.handle));
  EXPECT_EQ(pair.rig.answer(pair.handle).status, 502u);
  EXPECT_EQ(pair.rig.answer(pair.handle).events, 1);
  EXPECT_EQ(pair.rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("a client that leaves takes both attempts with it") {
  Pair pair;
  const std::size_t first = pair.begin();
  pair.hedge(first);
  pair.rig.abort(pair.handle);
  EXPECT(pair.rig.until(
      [&] { return pair.origins[0].peer(0).ended && pair.origins[1].peer(0).ended; }));
  EXPECT_EQ(pair.rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("the route's timeout ends both attempts") {
  Pair pair;
  const std::size_t first = pair.begin();
  pair.hedge(first);
  pair.rig.advance(16'000);
  EXPECT(pair.rig.untilDone(pair.handle));
  EXPECT_EQ(pair.rig.answer(pair.handle).status, 504u);
  EXPECT_EQ(pair.rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("a worker that ends in the middle leaves no counts behind") {
  Pair pair;
  const std::size_t first = pair.begin();
  pair.hedge(first);
  pair.rig.stop();
  EXPECT_EQ(pair.rig.stat(stat::kActive), 0.0);
  EXPECT_EQ(pair.rig.endpointStat(0, abi::endpoint_stat::kActive), 0.0);
  EXPECT_EQ(pair.rig.endpointStat(1, abi::endpoint_stat::kConnections), 0.0);
}

CASE("nothing is hedged that must not be processed twice, or has a body") {
  for (const std::string method : {"POST", "PATCH"}) {
    Pair pair;
    pair.begin(method);
    pair.rig.advance(kDelayMs * 10);
    pair.rig.settle();
    EXPECT_EQ(pair.rig.stat(stat::kHedges), 0.0);
  }
  Pair pair;
  pair.handle = pair.rig.request("PUT", "/", {{"content-length", "2"}});
  pair.rig.sendBody(pair.handle, "hi", true);
  EXPECT(pair.rig.until([&] { return pair.asked(0) || pair.asked(1); }));
  pair.rig.advance(kDelayMs * 10);
  pair.rig.settle();
  EXPECT_EQ(pair.rig.stat(stat::kHedges), 0.0);
}

CASE("a cluster of one endpoint is not asked twice") {
  Pair pair(100, 0, 1);
  pair.begin();
  pair.rig.advance(kDelayMs * 10);
  pair.rig.settle();
  EXPECT_EQ(pair.rig.stat(stat::kHedges), 0.0);
  EXPECT_EQ(pair.origins[0].count(), 1u);
}

CASE("the budget bounds second attempts, and saves up ten of them at most") {
  HedgeBudget budget;
  EXPECT(!budget.withdraw());
  int hedges = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.deposit(5);
    hedges += budget.withdraw() ? 1 : 0;
  }
  EXPECT_EQ(hedges, 50);
  for (int i = 0; i < 1000; ++i) budget.deposit(5);
  for (hedges = 0; budget.withdraw();) ++hedges;
  EXPECT_EQ(hedges, 10);

  Pair pair(50);  // the first request earns half of one
  pair.begin();
  pair.rig.advance(kDelayMs + 2);
  pair.rig.settle();
  EXPECT_EQ(pair.rig.stat(stat::kHedges), 0.0);
  EXPECT_EQ(pair.rig.stat(stat::kHedgesOverBudget), 1.0);
  EXPECT_EQ(pair.rig.gauges(), "active 1 pending 0 busy 1 idle 0");
}

CASE("the delay is the route's recent quantile, once enough is known, within its bounds") {
  HistogramCounts recent;
  for (int i = 0; i < 99; ++i) recent.add(histogram::bucketOf(1000), 1);
  recent.max = 50'000;
  abi::HedgeRecord row{950, 0, 0, 100, 5};
  EXPECT_EQ(hedgeDelayUs(recent, row), abi::kNone);
  for (int i = 0; i < 11; ++i) recent.add(histogram::bucketOf(50'000), 1);
  const uint32_t delay = hedgeDelayUs(recent, row);
  EXPECT(delay > 49'000 && delay <= 50'000);
  row.quantile_millis = 500;
  EXPECT(hedgeDelayUs(recent, row) < 1020);
  row.min_delay_ms = 5;
  EXPECT_EQ(hedgeDelayUs(recent, row), 5000u);
  row.quantile_millis = 950;
  row.max_delay_ms = 20;
  EXPECT_EQ(hedgeDelayUs(recent, row), 20'000u);
}

CASE("a route learns its delay from its own answers") {
  Pair pair(100, 950);
  const auto collect = [&] {
    pair.rig.advance(abi::kHistogramTickMs);
    Engine::instance().collectHistograms(pair.rig.now().ms());
  };
  collect();
  // 120 answers after 100 ms each: nothing is known while they come.
  for (int i = 0; i < 120; ++i) {
    const std::size_t at = pair.begin();
    pair.rig.advance(100);
    EXPECT_EQ(pair.rig.stat(stat::kHedges), 0.0);
    pair.answer(at, okAnswer("x"));
    EXPECT(pair.rig.untilDone(pair.handle));
  }
  collect();
  pair.begin();
  pair.rig.advance(90);
  pair.rig.settle();
  EXPECT_EQ(pair.rig.stat(stat::kHedges), 0.0);
  pair.rig.advance(20);
  pair.rig.settle();
  EXPECT_EQ(pair.rig.stat(stat::kHedges), 1.0);
}

}  // namespace
}  // namespace millrace::test
