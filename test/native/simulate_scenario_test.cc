// Scenarios that nobody should write: refused with a reason, or run within bounds.
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "simulate_rig.h"

namespace millrace::test {
namespace {

std::string problemOf(void (*spoil)(Scenario&)) {
  Scenario scenario = plainScenario(abi::policy::kLeastRequest, 3, exponentialTime(0.01));
  spoil(scenario);
  return checkScenario(scenario);
}

// Draws values that ordinary ones are rare among.
class Hostile {
 public:
  explicit Hostile(uint64_t seed) : rng_(seed) {}
  double number(double usual) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kBad[] = {0, -0.0, -1, NAN, kInfinity, -kInfinity, 1e308, 5e-324, 1e-9, 1e18};
    if (rng_.below(3) != 0) return usual * (0.1 + rng_.below(40) / 10.0);
    return kBad[rng_.below(std::size(kBad))];
  }
  uint32_t word(uint32_t usual) {
    constexpr uint32_t kBad[] = {0, 1, 2, 100, 65535, 65536, 1000000, 0x7fffffff, 0xffffffff};
    if (rng_.below(4) != 0) return rng_.below(usual * 2 + 1);
    return kBad[rng_.below(std::size(kBad))];
  }
  bool coin() { return rng_.below(2) != 0; }
  uint32_t below(uint32_t n) { return rng_.below(n); }

 private:
  Rng rng_;
};

ServiceTime hostileService(Hostile& draw) {
  return {static_cast<ServiceTime::Kind>(draw.below(3)), draw.number(0.01), draw.number(0.1)};
}

Scenario hostileScenario(Hostile& draw, bool tame) {
  // A tame one is odd in a few places, and most of those can be run.
  const auto number = [&](double usual) {
    return tame && draw.below(40) != 0 ? usual : draw.number(usual);
  };
  const auto word = [&](uint32_t usual) {
    return tame && draw.below(60) != 0 ? std::max(draw.below(usual * 2), 1u) : draw.word(usual);
  };
  Scenario s =
      plainScenario(1 + draw.below(tame ? 9 : 10), 1 + draw.below(20), exponentialTime(0.01));
  s.seed = draw.below(1000);
  s.requests = draw.below(300);
  s.rate = number(1000);
  s.arrivals = static_cast<Arrivals>(draw.below(3));
  s.burst_on = number(1);
  s.burst_off = number(1);
  s.proxies = word(3);
  s.keys = word(100);
  s.key_zipf = number(1);
  s.network = number(0.001);
  s.timeout = draw.coin() ? number(0.2) : 0;
  s.per_try_timeout = draw.coin() ? number(0.1) : 0;
  s.retry = {word(3),     word(200), word(25), word(250),
             draw.coin(), word(20),  word(10), word(10'000)};
  if (draw.coin())
    s.rate_limit = {
        1 + draw.below(tame ? 3 : 5), word(50), word(1000), word(5), word(100), number(0.5)};
  s.balancer.bias = number(1);
  s.balancer.decay_ms = word(10'000);
  s.balancer.penalty_ms = word(5000);
  s.balancer.table_size = word(3000);
  s.balancer.hash_balance_percent = word(100);
  s.balancer.overprovisioning_percent = 100 + word(40);
  s.balancer.panic_percent = word(50);
  s.balancer.slow_start_ms = word(1000);
  s.balancer.slow_start_aggression = number(1);
  s.balancer.slow_start_min_percent = word(10);
  if (draw.coin())
    s.breaker = {draw.below(tame ? 4 : 5),
                 word(500),
                 word(1000),
                 word(20),
                 word(500),
                 word(5000),
                 word(10),
                 word(3),
                 word(3)};
  s.detects_outliers = draw.coin();
  uint32_t* const words = reinterpret_cast<uint32_t*>(&s.outlier);
  for (size_t i = 0; i < sizeof s.outlier / sizeof *words; ++i) words[i] = word(50);
  if (tame) s.outlier.success_method = draw.below(3);
  for (uint32_t g = draw.below(3); g > 0; --g) s.groups.push_back(s.groups[0]);
  for (EndpointGroup& group : s.groups) {
    group.count = word(10);
    if (!tame) group.service = hostileService(draw);
    group.concurrency = word(4);
    group.queue = word(20);
    group.weight = word(3);
    group.priority = word(2);
    group.max_requests = draw.coin() ? word(20) : 0;
    group.fails = number(0.1);
    group.reports = draw.coin();
    group.zone = draw.coin() ? "a" : "";
  }
  s.zone = draw.coin() ? "a" : "";
  for (uint32_t c = draw.below(5); c > 0; --c) {
    Change change;
    change.at = number(0.1);
    change.lasts = number(0.1);
    change.group = tame ? 0 : draw.below(3);
    change.share = number(0.3);
    change.factor = number(2);
    change.fails = draw.coin() ? number(0.3) : -1;
    change.down = draw.coin();
    if (draw.coin()) change.service = hostileService(draw);
    s.changes.push_back(change);
  }
  return s;
}

}  // namespace

CASE("names the value that cannot be run, and what was expected") {
  EXPECT_EQ(problemOf([](Scenario&) {}), std::string());
  EXPECT_EQ(problemOf([](Scenario& s) { s.requests = 0; }),
            std::string("requests must be from 1 to 1000000000, not 0"));
  EXPECT_EQ(problemOf([](Scenario& s) { s.rate = NAN; }),
            std::string("rate must be from 0.001 to 1000000000, not nan"));
  EXPECT_EQ(problemOf([](Scenario& s) { s.groups[0].service = exponentialTime(-1); }),
            std::string("endpoints[0].serviceTime.exponential must be from 1e-09 to 2000000, "
                        "not -1"));
  EXPECT_EQ(problemOf([](Scenario& s) { s.groups[0].service = lognormal(1, 0.5); }),
            std::string("endpoints[0].serviceTime.lognormal.p99 is below the median"));
  EXPECT_EQ(problemOf([](Scenario& s) { s.groups[0].weight = 0; }),
            std::string("endpoints all have the weight 0: nobody would get a request"));
  EXPECT_EQ(problemOf([](Scenario& s) {
              s.proxies = 1000;
              s.groups[0].count = 60'000;
            }),
            std::string("proxies x endpoints must be from 1 to 524288, not 60000000"));
  EXPECT_EQ(problemOf([](Scenario& s) {
              s.changes.push_back({0, 0, 7, 1, 1, -1, false, {}});
            }),
            std::string("changes[0].group names no group of endpoints"));
  EXPECT_EQ(problemOf([](Scenario& s) {
              s.rate = 0.001;
              s.requests = 10'000;
            }),
            std::string("requests come over more than 2000000 seconds at this rate: take fewer, "
                        "or a higher rate"));
}

CASE("runs what it accepts, whatever it is") {
  Hostile draw(seed());
  uint32_t refused = 0;
  uint32_t ran = 0;
  for (uint32_t round = 0; round < 3000; ++round) {
    const Scenario scenario = hostileScenario(draw, round % 2 == 0);
    const std::string problem = checkScenario(scenario);
    if (!problem.empty()) {
      ++refused;
      continue;
    }
    // What is large is a matter of time only.
    if (endpointsOf(scenario) * scenario.proxies > 20'000 || scenario.rate_limit.keys > 20'000)
      continue;
    ++ran;
    Simulation run(scenario);
    const std::string note = std::to_string(round);
    // Detection every millisecond over a very long time is a matter of time, too.
    for (uint32_t steps = 0; steps < 2000 && !run.step(100); ++steps) {
    }
    EXPECT_EQ(run.error(), std::string(), note);
    if (run.step(1)) EXPECT_EQ(total(run.result()), scenario.requests, note);
  }
  EXPECT(refused > 500, std::to_string(refused));
  EXPECT(ran > 300, std::to_string(ran));
}

CASE("stops where more requests pile up than it has room for") {
  Scenario scenario = plainScenario(abi::policy::kRandom, 1000, fixed(1000));
  scenario.requests = 5'000'000;
  scenario.rate = 1e6;
  scenario.groups[0].queue = bounds::kMaxQueue;
  EXPECT_EQ(checkScenario(scenario), std::string());
  Simulation run(scenario);
  while (!run.step(1'000'000)) {
  }
  EXPECT_EQ(run.error(), std::string("more than 2097152 requests are on their way at once: set a "
                                     "timeout, shorter queues or less load"));
}

CASE("ends when the longest time is over") {
  Scenario scenario = plainScenario(abi::policy::kRandom, 1, fixed(1'000'000));
  scenario.requests = 100;
  scenario.rate = 1;
  const Result result = runScenario(scenario);
  EXPECT_EQ(total(result), uint64_t{100});
  // 4,000,000 seconds are over: three were answered, the fourth would be a moment later.
  EXPECT_EQ(countOf(result, Outcome::kUnfinished), uint64_t{97});
}

}  // namespace millrace::test
